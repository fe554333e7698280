"""Reads cron.yaml: YAML 1.2 with the line of every key. Its mistakes are described in plain words."""

from dataclasses import dataclass, replace
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from reconciler.settings.file.form import form_mistakes
from reconciler.settings.file.mistake import KeyPath, Mistake, written_path
from reconciler.settings.file.renamed import MOVED, conflicts, rename, renamed

LARGEST = 256 * 1024
"""Bytes. A larger file cannot be a cron.yaml."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file as read and not validated yet: its name for messages, and its data."""

    name: str
    data: Any
    warnings: tuple[str, ...] = ()
    """One sentence for each key that is written under its old name, and one if there is no file."""
    missing: bool = False
    """There is no file: every key has its default."""

    def line(self, path: KeyPath) -> int | None:
        """The line number, from 1, of the deepest part of ``path`` that is in the file."""
        lines = self._lines(path)
        return lines[-1] if lines else None

    def has(self, path: KeyPath) -> bool:
        """Whether the file has the key."""
        return len(self._lines(path)) == len(path)

    def mistake(self, path: KeyPath, what: str, *elsewhere: KeyPath, remedy: str = "", seen: str = "") -> Mistake:
        """The mistake with its place.

        ``elsewhere``: other keys that take part in it. If the file does not have the key itself, the line is that of
        the first of them that it has. ``remedy``: by default, to change one of these keys.
        """
        there = next((other for other in (path, *elsewhere) if self.has(other)), path)
        remedy = remedy or ", or ".join(map(self._change, (path, *elsewhere)))
        return Mistake(self.name, what, remedy, line=self.line(there), path=path, seen=seen)

    def _change(self, path: KeyPath) -> str:
        return (
            f"change {written_path(path)} (line {self.line(path)})" if self.has(path) else f"set {written_path(path)}"
        )

    def _lines(self, path: KeyPath) -> list[int]:
        """The line of each step of ``path``, up to the last step that is in the file."""
        lines, node = [], self.data
        for step in path:
            try:
                if isinstance(node, CommentedSeq):
                    found, node = node.lc.item(step)[0], node[step]
                else:
                    key = next(key for key in node if key == step or str(key) == step)
                    found, node = node.lc.key(key)[0], node[key]
            except (StopIteration, LookupError, TypeError, AttributeError):
                break
            lines.append(found + 1)
        return lines


class _Unreadable(Exception):
    """The file cannot be read: why, the remedy, and the line."""

    def __init__(self, what: str, remedy: str, line: int | None = None) -> None:
        super().__init__(what)
        self.what, self.remedy, self.line = what, remedy, line


_REWRITE = "correct the YAML in this line"
_OTHER_FILE = "name the cron.yaml that is meant"


class _Constructor(RoundTripConstructor):
    """Keeps dates as text, since YAML 1.2 has none: validation then reports a 30 February with all other mistakes."""


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", RoundTripConstructor.construct_yaml_str)


def read(path: Path) -> tuple[Source, list[Mistake]]:
    """The file's data, and the mistakes that prevented reading it."""
    try:
        source = Source(path.name, _parsed(_text(path)))
    except _Unreadable as error:
        return Source(path.name, None), [Mistake(path.name, error.what, error.remedy, line=error.line)]
    if source.data is None:
        return source, []
    both = list(conflicts(source.data))
    mistakes = [
        source.mistake(
            old, f"is called {new} now, and {new} is here too: remove one", remedy=f"remove {written_path(old)}"
        )
        for old, new in both
    ]
    # Otherwise validation would report the old key as a second mistake.
    for old, _ in both:
        reduce(getitem, old[:-1], source.data).pop(old[-1])
    changed = list(rename(source.data))
    warnings = [_warning(source, old, new) for old, new in changed]
    warnings += [str(source.mistake(path, what)) for path, what in MOVED.items() if source.has(path)]
    return replace(source, warnings=tuple(warnings)), mistakes


def _warning(source: Source, path: tuple[str, ...], new: str) -> str:
    # The new key has the line of the old one.
    return f"{source.name}:{source.line((*path[:-1], new))}: {renamed('.'.join(path), new)}"


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        what = f"cannot be read: {error.strerror or type(error).__name__}"
        raise _Unreadable(what, "name a file that can be read, or write one: reconciler init") from None
    if len(content) > LARGEST:
        raise _Unreadable(f"cannot be read: larger than {LARGEST // 1024} KiB, this is another file", _OTHER_FILE)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _Unreadable("cannot be read: it is not UTF-8 text", "save the file as UTF-8", line) from None


def _parsed(text: str) -> CommentedMap | None:
    yaml = YAML(typ="rt")
    yaml.Constructor = _Constructor
    try:
        for line, mistake in form_mistakes(text):
            raise _Unreadable(mistake, _REWRITE, line)
        data = yaml.load(text)
    except MarkedYAMLError as error:
        raise _syntax(error) from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        what = f"a character that may not stand here (U+{ord(text[error.position]):04X})"
        raise _Unreadable(what, "remove the character", line) from None
    except YAMLError as error:
        raise _Unreadable(f"not YAML ({type(error).__name__})", "correct the YAML") from None
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError) as error:
        # A border: the parser makes Python objects of values, and fails in any way.
        raise _Unreadable(f"not YAML that can be read ({type(error).__name__})", "correct the YAML") from None
    if data is not None and not isinstance(data, CommentedMap):
        raise _Unreadable("the file must hold keys and values", _OTHER_FILE, 1)
    return data


def _syntax(error: MarkedYAMLError) -> _Unreadable:
    # For a duplicate key, the parser quotes both values at any length: they are cut off.
    problem = (error.problem or "not YAML").splitlines()[0].partition(" with value ")[0]
    what = ", ".join(part for part in (error.context, problem) if part)
    return _Unreadable(what, _REWRITE, error.problem_mark.line + 1 if error.problem_mark else None)
