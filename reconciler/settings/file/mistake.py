"""A mistake in cron.yaml: where it is, what was seen, and the remedy."""

from dataclasses import dataclass, replace

from reconciler.settings.file.secrets import withhold

SHOWN = 60
"""How many characters of a wrong value, or of a key, a message quotes."""
READ = 10 * SHOWN
"""How many are searched for a secret: a part of one must not be shown either."""
LONGEST = 1000
"""Characters of what is said about a mistake. YAML repeats whole values in its messages."""

KeyPath = tuple[str | int, ...]
"""Keys and list indexes, from the top level of the file down."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake. ``str()`` is the message: ``cron.yaml:14: rules.sms.missing.quiet_hour: unknown key, ..``"""

    file: str
    what: str
    """What is wrong. It begins with the value, if that is wrong by itself."""
    remedy: str
    line: int | None = None
    path: KeyPath = ()
    seen: str = ""
    """The wrong value as JSON, cut if it is long. '' if the mistake is not about one value."""

    @property
    def key(self) -> str:
        """``rules.sms.missing.quiet_hour``; '' if the mistake is about the whole file."""
        return written_path(self.path)

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join([place, *([self.key] if self.path else []), self.what])

    def to_show(self) -> "Mistake":
        """The same without what looks like a secret, and not too long."""
        return replace(
            self,
            what=_cut(withhold(self.what)),
            remedy=_cut(withhold(self.remedy)),
            path=tuple(withhold(step) if isinstance(step, str) else step for step in self.path),
            seen=withhold(self.seen),
        )


def written_path(path: KeyPath) -> str:
    """A key's path as messages show it."""
    return ".".join(map(_step, path))


def _step(step: str | int) -> str:
    name = str(step)
    return name if len(name) <= SHOWN else f"{withhold(name[:READ])[:SHOWN]}.."


def _cut(said: str) -> str:
    return said if len(said) <= LONGEST else f"{said[:LONGEST]}.."
