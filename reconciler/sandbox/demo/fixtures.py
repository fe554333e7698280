"""The parts of one demo booking, and the times at which bookings are placed."""

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
    """An event that the application created for a booking. ``stored``: the booking still names it."""

    id: str
    title: str
    starts_at: datetime
    ends_at: datetime
    stored: bool = True
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoBooking:
    """One booking with its rows, and its expected state after one ``once --do``.

    The two expectations are written by hand, not computed. The demo and the tests compare the sandbox with them.
    """

    id: str
    group: str
    row: Mapping[str, Any] = field(repr=False)
    customers: tuple[Row, ...] = field(default=(), repr=False)
    texts: tuple[Row, ...] = field(default=(), repr=False)
    event: SeedEvent | None = field(default=None, repr=False)
    text: str
    """ok, not_applicable, held, needs_human or sent; stuck or unproven: a text exists, but may never arrive."""
    calendar: str
    """ok, not_applicable, held, needs_human, created, adopted or left_alone."""

    @property
    def reference(self) -> str:
        return self.id[:8]


class Moments:
    """Times relative to ``now``, so that the same groups are past, upcoming or held at any hour of any day."""

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
    """A fixed id per number; the first eight characters differ for every number."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"demo booking {number}"))


def sid(row_id: str) -> str:
    """An SID of the application's own account, one per queue row. The stand-in has no message with it."""
    return "SM" + hashlib.sha256(f"demo text {row_id}".encode()).hexdigest()[:32]


def demo_event_id(number: int) -> str:
    """An id in Google's format: letters and digits, without a marker of ours."""
    return hashlib.sha256(f"demo event {number}".encode()).hexdigest()[:26]


def phone(number: int) -> str:
    """A number that Ofcom reserves for fiction, in national form as the application stores it."""
    return f"07700900{number:03d}"


def e164(number: int) -> str:
    return f"+447700900{number:03d}"
