"""Whether no booking was made for unusually long: a form, a bot or an import that has stopped."""

from dataclasses import dataclass
from datetime import datetime, timedelta

PAUSES = 3
"""No booking for this many times the longest pause of a year is unusual."""
HISTORY_WANTED = timedelta(days=60)
YEAR = timedelta(days=425)
"""A year and two months: last year's closure is in it as a whole, from the booking before to the one after."""
SHORTEST_PAUSE = timedelta(hours=1)
"""A shorter pause is never unusual, so the pauses of a year need not be read."""
UNSEEN_CLOSURE = timedelta(days=21)
"""A table that is younger than a year has not shown its longest closure yet: no shorter pause is unusual there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """When bookings were made, and the pauses between them."""

    first: datetime | None
    """The first booking."""
    last: datetime | None
    """The last booking; ``None``: there has never been one."""
    longest: timedelta
    """The longest pause between two bookings of the year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoBookings:
    """No booking was made since ``last``: longer than ``allowed``, which follows from the longest pause."""

    last: datetime
    allowed: timedelta
    longest: timedelta


def judge_pause(pauses: Pauses, now: datetime) -> NoBookings | None:
    """Whether the present pause is unusual."""
    if pauses.last is None or pauses.first is None or now - pauses.first < HISTORY_WANTED:
        return None
    allowed = max(PAUSES * pauses.longest, SHORTEST_PAUSE)
    if now - pauses.first < YEAR:
        allowed = max(allowed, UNSEEN_CLOSURE)
    if now - pauses.last <= allowed:
        return None
    return NoBookings(last=pauses.last, allowed=allowed, longest=pauses.longest)
