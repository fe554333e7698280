"""Durations and values as one line of readable text."""

import unicodedata
from datetime import timedelta


def ago(duration: timedelta) -> str:
    """A duration in its largest unit, such as ``3 h``."""
    seconds = max(0, int(duration.total_seconds()))
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


CUT = ".."


def escaped(value: str) -> str:
    """One line: what cannot be printed, or would change the writing direction, is shown as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)


def sanitize(value: str, most: int) -> str:
    """One line of at most ``most`` columns, escaped."""
    plain = escaped(value[: most + 1])
    if len(value) <= most and _columns(plain) <= most:
        return plain
    while _columns(plain) > most - len(CUT):
        plain = plain[:-1]
    return plain + CUT


def _columns(text: str) -> int:
    """The width on a terminal: East Asian characters take two columns (Unicode annex 11), combining marks none."""
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text
    )
