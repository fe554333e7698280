"""Renders facts as HTML. A value from a booking, the queue or the ledger becomes escaped text of bounded length."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from reconciler.domain.formatting import ago
from reconciler.web.health_mark import MARK_WORDS

MAX_VALUE_LENGTH = 2000
"""Characters shown of one value."""
_SPACES = frozenset("\n\t")


class Pages:
    """The templates of this package, for one venue's time zone."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._environment = Environment(
            loader=PackageLoader("reconciler.web"),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=escape_invisible,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {
            "clock": self._clock,
            "age": age,
            "short": short,
            "thousands": thousands,
            "capital": capital,
        }
        self._environment.globals |= {"words": MARK_WORDS, "zone": zone.key}

    def render(self, template: str, **facts: Any) -> str:
        return self._environment.get_template(template).render(**facts)

    def _clock(self, at: datetime) -> str:
        """A moment in the venue's time."""
        local = at.astimezone(self._zone)
        return f"{local.day} {local:%b %H:%M}"


def escape_invisible(value: Any) -> Any:
    """Text with invisible and direction-changing characters escaped, truncated to ``MAX_VALUE_LENGTH``."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    rest = len(value) - MAX_VALUE_LENGTH
    seen = value[:MAX_VALUE_LENGTH]
    if not seen.isprintable():
        seen = "".join(one if one.isprintable() or one in _SPACES else f"\\u{ord(one):04x}" for one in seen)
    return f"{seen}… and {rest:,} characters more" if rest > 0 else seen


def short(value: str | None, length: int = 60) -> str:
    """A value from the application, normally one word, on one line and truncated to ``length``."""
    text = " ".join((value or "").split())
    return text if len(text) <= length else f"{text[:length]}…"


def age(at: datetime, now: datetime) -> str:
    return ago(now - at) if now - at >= timedelta(0) else f"in {ago(at - now)}"


def capital(text: str) -> str:
    """Capitalizes a sentence, unless it starts with the name of a key."""
    first = text.partition(" ")[0]
    return text if "_" in first else text[:1].upper() + text[1:]


def thousands(number: int) -> str:
    return f"{number:,}"
