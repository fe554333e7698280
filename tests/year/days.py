"""The calendar of the year: what a venue's size is, when it is closed, and what breaks when."""

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from tests.support.application_db import LONDON

MONDAY = 0
CLOSED_WEEKDAY = MONDAY
CLOSURES = (
    (date(2024, 12, 24), date(2025, 1, 2)),
    (date(2025, 12, 24), date(2026, 1, 2)),
    (date(2026, 12, 24), date(2027, 1, 2)),
)
"""First and last day of each Christmas closure: no booking is made, and no party takes place."""


class Breakage(StrEnum):
    NO_TEXTS = "the application queues no text"
    NO_EVENTS = "the application makes no event"
    TWILIO_AWAY = "Twilio is away"
    GOOGLE_AWAY = "Google is away"


@dataclass(frozen=True, slots=True)
class Stretch:
    breakage: Breakage
    begins: datetime
    ends: datetime

    def holds(self, moment: datetime) -> bool:
        return self.begins <= moment < self.ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A venue's size, the days that are played, and what breaks in them."""

    name: str
    per_day: float
    first: date
    last: date
    """The day after the last played one."""
    stretches: tuple[Stretch, ...]
    history: timedelta
    """For so long the venue has had bookings when reconciler is installed."""

    @property
    def begins(self) -> datetime:
        return midnight(self.first)

    @property
    def ends(self) -> datetime:
        return midnight(self.last)

    @property
    def days(self) -> int:
        return (self.last - self.first).days

    def is_broken(self, moment: datetime, *breakages: Breakage) -> bool:
        return any(stretch.holds(moment) for stretch in self.stretches if stretch.breakage in breakages)

    def end_of(self, breakage: Breakage, moment: datetime) -> datetime:
        return next(one.ends for one in self.stretches if one.breakage is breakage and one.holds(moment))


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=LONDON)


def is_closed(day: date) -> bool:
    return day.weekday() == CLOSED_WEEKDAY or any(first <= day <= last for first, last in CLOSURES)


def stretch(breakage: Breakage, month: int, day: int, hour: int = 0, **lasts: float) -> Stretch:
    begins = datetime(2026, month, day, hour, tzinfo=LONDON)
    return Stretch(breakage, begins, begins + timedelta(**lasts))


_OF_THE_YEAR = (
    stretch(Breakage.NO_TEXTS, 3, 28, days=2),  # over the change to summer time
    stretch(Breakage.NO_TEXTS, 5, 12, days=1),
    stretch(Breakage.TWILIO_AWAY, 6, 16, 11, hours=6),
    stretch(Breakage.NO_EVENTS, 9, 8, days=7),
    stretch(Breakage.GOOGLE_AWAY, 10, 20, days=1),
    stretch(Breakage.NO_TEXTS, 10, 24, 18, days=1),  # over the change to winter time
)
_YEAR = {"first": date(2026, 2, 1), "last": date(2027, 2, 1), "stretches": _OF_THE_YEAR, "history": timedelta(430)}
_LARGE = {"per_day": 3000.0, "history": timedelta(14)}
SIZES: dict[str, Size] = {
    size.name: size
    for size in (
        Size(name="small", per_day=3, **_YEAR),
        Size(name="middle", per_day=30, **_YEAR),
        Size(
            name="large, in spring",
            first=date(2026, 3, 29),
            last=date(2026, 3, 30),
            stretches=(
                stretch(Breakage.NO_TEXTS, 3, 29, hours=9),
                stretch(Breakage.TWILIO_AWAY, 3, 29, 15, hours=2),
            ),
            **_LARGE,
        ),
        Size(
            name="large, in autumn",
            first=date(2026, 10, 25),
            last=date(2026, 10, 26),
            stretches=(
                stretch(Breakage.NO_EVENTS, 10, 25, hours=12),
                stretch(Breakage.GOOGLE_AWAY, 10, 25, 15, hours=2),
            ),
            **_LARGE,
        ),
        Size(name="large, at Christmas", first=date(2026, 12, 24), last=date(2027, 1, 4), stretches=(), **_LARGE),
    )
}
WEEKS = Size(
    name="weeks",
    per_day=4,
    first=date(2026, 3, 20),
    last=date(2026, 4, 5),
    stretches=(
        stretch(Breakage.TWILIO_AWAY, 3, 26, 11, hours=6),
        stretch(Breakage.NO_TEXTS, 3, 28, 12, days=1),
        stretch(Breakage.NO_EVENTS, 3, 31, days=2),
    ),
    history=timedelta(70),
)
"""For `make test-long`."""
SHORT = replace(WEEKS, name="short", per_day=3, first=date(2026, 3, 26), last=date(2026, 4, 2), history=timedelta(30))
"""For `make test`."""
