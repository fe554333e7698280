"""Durations as people say them."""

from datetime import timedelta


def ago(duration: timedelta) -> str:
    """A duration as people say it, in its largest unit."""
    seconds = max(0, int(duration.total_seconds()))
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
