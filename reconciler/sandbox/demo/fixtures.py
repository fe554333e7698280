"""What the demo's bookings are made of: the parts of one booking, and the moments they are placed at."""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/London")
STAFF = "5a4d0000-0000-4000-8000-000000000001"
Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedEvent:
    """An event the application made for a booking; ``stored``: the booking still names it."""

    id: str
    title: str
    starts_at: datetime
    ends_at: datetime
    stored: bool = True
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoBooking:
    """One booking, what belongs to it, and what should have become of it after one ``once --do``.

    The two expectations are written by hand, not computed: the demo and the tests hold the world against them.
    """

    id: str
    group: str
    row: Mapping[str, Any] = field(repr=False)
    customers: tuple[Row, ...] = field(default=(), repr=False)
    texts: tuple[Row, ...] = field(default=(), repr=False)
    event: SeedEvent | None = field(default=None, repr=False)
    text: str
    """fine, not_asked, waiting, refused or sent; stuck or unproven: there is one, and nobody can rely on it."""
    calendar: str
    """fine, not_asked, waiting, refused, created, adopted or left_alone."""

    @property
    def reference(self) -> str:
        return self.id[:8]


class Moments:
    """Times computed from ``now``, so that at any hour of any day the same groups are past, ahead or waiting."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.today = now.astimezone(ZONE).date()

    def ago(self, **duration: float) -> datetime:
        return self.now - timedelta(**duration)

    def day(self, ahead: int) -> date:
        return self.today + timedelta(days=ahead)

    def next_change(self, *, forward: bool) -> date:
        """The next day, at least two ahead, on which the clocks go forward (or back)."""
        for ahead in range(2, 400):
            day = self.day(ahead)
            before, after = (_offset(day + timedelta(days=step)) for step in (0, 1))
            if before != after and (after > before) == forward:
                return day
        raise ValueError("the zone has no clock change within a year")


def _offset(day: date) -> timedelta:
    return datetime.combine(day, time(), tzinfo=ZONE).utcoffset() or timedelta(0)


def booking_id(number: int) -> str:
    """A fixed id per number, whose first eight characters differ from all others'."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"demo booking {number}"))


def sid(row_id: str) -> str:
    """A message SID of the application's own account, one per queue row; the stand-in has never heard of it."""
    return "SM" + hashlib.sha256(f"demo text {row_id}".encode()).hexdigest()[:32]


def demo_event_id(number: int) -> str:
    """As Google's own ids look: letters and digits, no marker of ours."""
    return hashlib.sha256(f"demo event {number}".encode()).hexdigest()[:26]


def phone(number: int) -> str:
    """A number that Ofcom keeps for fiction, in national form as the application stores it."""
    return f"07700900{number:03d}"


def e164(number: int) -> str:
    return f"+447700900{number:03d}"
