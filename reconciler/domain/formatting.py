"""Durations as people say them."""

import unicodedata
from datetime import timedelta


def ago(duration: timedelta) -> str:
    """A duration as people say it, in its largest unit."""
    seconds = max(0, int(duration.total_seconds()))
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


CUT = ".."


def sanitize(value: str, most: int) -> str:
    """One line of at most ``most`` columns.

    What cannot be printed, or would turn the direction of writing, is shown as its escape.
    """
    beginning = value[: most + 1]
    plain = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in beginning)
    if len(value) <= most and _columns(plain) <= most:
        return plain
    while _columns(plain) > most - len(CUT):
        plain = plain[:-1]
    return plain + CUT


def _columns(text: str) -> int:
    """How wide a terminal shows it: East Asian characters take two columns (Unicode annex 11), marks none."""
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text
    )
