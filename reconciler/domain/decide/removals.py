"""Which events of ours no booking calls for any more, and which of them this pass may remove.

An event is removed only on a positive statement: the booking's row says so, or the row has been absent for a day while
the bookings around it were there. A booking that is merely not covered any more keeps its event, and so does one that
is over.
"""

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from reconciler.domain.bookings import BookingId, StoredEvent
from reconciler.domain.decide.identity import Same
from reconciler.domain.decide.plan import BreakerTrip
from reconciler.domain.decide.policies import Breaker
from reconciler.domain.decide.verdicts import Hold
from reconciler.domain.intents import Intent, IntentId

ABSENT_FOR = timedelta(days=1)
"""How long a booking's row must have been absent. Rows deleted by mistake are put back within a day."""
MOST_WITNESSES = 20
"""Bookings that are read again before an event of an absent booking is removed."""


class RemovalReason(StrEnum):
    """Why an event of ours is not needed. It is also the code of the intent afterwards."""

    CANCELLED = "cancelled"
    DELETED = "deleted"
    NO_DATE = "no_date"
    MOVED = "moved"
    REPLACED = "replaced"
    GONE = "gone"


REASON_LABELS: dict[RemovalReason, str] = {
    RemovalReason.CANCELLED: "booking cancelled",
    RemovalReason.DELETED: "booking marked as deleted",
    RemovalReason.NO_DATE: "booking has no date any more",
    RemovalReason.MOVED: "booking moved",
    RemovalReason.REPLACED: "booking names another event",
    RemovalReason.GONE: "booking is gone",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownEvent:
    """An event of the ledger that may be in the calendar. ``intent.provider_id`` is its id."""

    intent: Intent
    starts_at: datetime | None
    """Where we put it; ``None`` for an event of an earlier version that nobody has asked the calendar about."""
    absent_since: datetime | None
    """When a scan first missed the booking's row; ``None`` while the row is there."""
    made_at: datetime
    is_ours: bool
    """Whether its id can be derived from the booking. Any other event only shows that its booking is there."""
    row: Same = Same.YES
    """Whether the row that has its booking's id now is its booking's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    event: KnownEvent
    reason: RemovalReason
    witnesses: tuple[BookingId, ...] = ()
    """For a booking that is gone: bookings that must still be there, or the table has been emptied meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalPlan:
    due: tuple[Removal, ...] = ()
    """To be removed now, the soonest start first."""
    waiting: tuple[Removal, ...] = ()
    """The booking is gone, but not for a day yet, or nothing shows that the scan saw the table."""
    absent: tuple[IntentId, ...] = ()
    """Intents whose bookings' rows are missing."""
    present: tuple[IntentId, ...] = ()
    """Intents whose absence ends or begins anew: the row is there again, or another one has come back."""
    unplaced: tuple[KnownEvent, ...] = ()
    """Neither the ledger nor a row says where they stand: neither judged nor counted until the calendar was asked."""
    live: int = 0
    """Events of ours that may be in the calendar and are not over."""
    trip: BreakerTrip | None = None
    hold: Hold | None = None

    @property
    def found(self) -> int:
        return len(self.due) + len(self.waiting)

    @property
    def allowed(self) -> tuple[Removal, ...]:
        """What may be removed now."""
        return () if self.trip or self.hold else self.due

    @property
    def shown(self) -> tuple[Removal, ...]:
        """What is recorded as a gap. A single booking that is gone is none until its day is over."""
        return (*self.due, *self.waiting) if self.trip else self.due

    def holding(self, hold: Hold) -> "RemovalPlan":
        """A copy of the plan in which nothing may be removed."""
        return replace(self, hold=hold)


def row_of(event: KnownEvent, rows: Mapping[BookingId, StoredEvent]) -> StoredEvent | None:
    """The row that speaks for the event. If the id came again, its booking's row is gone."""
    return rows.get(event.intent.booking) if event.row is Same.YES else None


def came_back(event: KnownEvent, rows: Mapping[BookingId, StoredEvent]) -> bool:
    """Whether the row of an event whose id came again is the earlier booking's after all."""
    stored = rows.get(event.intent.booking)
    return event.row is Same.NO and stored is not None and stored.created_at <= event.intent.updated_at


def reason_to_remove(event: KnownEvent, stored: StoredEvent | None, now: datetime) -> RemovalReason | None:
    """The positive statement against the event; ``None``: it stays."""
    is_past = event.starts_at is not None and event.starts_at <= now
    if stored is None:
        return None if is_past else RemovalReason.GONE
    if not stored.in_scope or (stored.has_date and stored.starts_at is not None and stored.starts_at <= now):
        return None
    if stored.eligible and stored.has_date and stored.event_id in (None, event.intent.provider_id):
        # The booking is to come, so an event at its old start is no record of what took place.
        moved = event.starts_at is not None and event.starts_at != stored.starts_at
        return RemovalReason.MOVED if moved else None
    if is_past:
        return None
    if stored.deleted:
        return RemovalReason.DELETED
    if stored.cancelled:
        return RemovalReason.CANCELLED
    if not stored.eligible:
        return None
    return RemovalReason.REPLACED if stored.has_date else RemovalReason.NO_DATE


def plan_removals(
    events: Sequence[KnownEvent],
    rows: Mapping[BookingId, StoredEvent],
    oldest: Mapping[BookingId, datetime],
    removed_lately: int,
    breaker: Breaker,
    max_removals: int | None,
    now: datetime,
) -> RemovalPlan:
    """The plan; pure.

    ``oldest``: the oldest bookings of the table, and when they were made. ``removed_lately``: events removed within a
    day. ``max_removals`` replaces the breaker.
    """
    there = sorted((event for event in events if row_of(event, rows)), key=lambda event: event.made_at)
    made = [event.made_at for event in there]
    mine = [_placed(event, row_of(event, rows)) for event in events if event.is_ours]
    unplaced = [event for event in mine if event.starts_at is None]
    ours = [event for event in mine if event.starts_at is not None]
    seen = {event.intent.booking for event in there}
    returned = [event.intent.id for event in there if event.absent_since]
    due: list[Removal] = []
    waiting: list[Removal] = []
    noted = [event.intent.id for event in unplaced if not row_of(event, rows)]
    for event in ours:
        reason = reason_to_remove(event, row_of(event, rows), now)
        if reason is None or event.row is Same.DOUBTFUL or came_back(event, rows):
            continue
        if reason is not RemovalReason.GONE:
            due.append(Removal(event=event, reason=reason))
            continue
        # A row that comes back shows that the table was not what it was: the day begins again for all others.
        since = now if returned or event.absent_since is None else event.absent_since
        known = bisect_left(made, since)
        before = there[max(0, known - MOST_WITNESSES) : known]
        witnesses = _witnesses(event, before, oldest)
        seen.update(witnesses)
        noted.append(event.intent.id)
        removal = Removal(event=event, reason=reason, witnesses=witnesses[:MOST_WITNESSES])
        is_due = bool(witnesses) and now - since >= ABSENT_FOR
        (due if is_due else waiting).append(removal)
    live = sum(event.starts_at is not None and event.starts_at > now for event in ours)
    gone = sum(removal.reason is RemovalReason.GONE for removal in (*due, *waiting))
    ended = sum(removal.reason is not RemovalReason.MOVED for removal in (*due, *waiting))
    found = len(due) + len(waiting)
    # More ended than not: one statement without its WHERE looks like this too, however few there are.
    mostly_ended = live >= breaker.ratio_from and 2 * ended > live
    return RemovalPlan(
        due=tuple(sorted(due, key=_soonest_first)),
        waiting=tuple(sorted(waiting, key=_soonest_first)),
        absent=tuple(noted),
        present=tuple([*returned, *noted] if returned else ()),
        unplaced=tuple(unplaced),
        live=live,
        trip=_trip(found, live, removed_lately, breaker, max_removals, most=gone > len(seen) or mostly_ended),
    )


def _placed(event: KnownEvent, stored: StoredEvent | None) -> KnownEvent:
    """An event whose start the ledger does not know stands where its booking is.

    If it counted as to come instead, the past events of an old ledger would hide how many of the others are removed.
    """
    if event.starts_at is not None or stored is None or not stored.has_date:
        return event
    return replace(event, starts_at=stored.starts_at)


def _witnesses(
    event: KnownEvent, before: Sequence[KnownEvent], oldest: Mapping[BookingId, datetime]
) -> tuple[BookingId, ...]:
    """Bookings that are there and were there before this one was missed; ``before``: the newest of ours.

    Bookings made after a table was emptied prove nothing about those that are missing from it.
    """
    known = [one.intent.booking for one in before]
    older = [booking for booking, made_at in oldest.items() if made_at < event.made_at]
    return tuple(dict.fromkeys([*reversed(known), *older]))


def _trip(
    found: int, live: int, removed_lately: int, breaker: Breaker, max_removals: int | None, *, most: bool
) -> BreakerTrip | None:
    """Removals of the last day count too: a mistake that comes in portions is still one mistake."""
    if max_removals is not None:
        return BreakerTrip(found=found, checked=live, allowed=max_removals) if found > max_removals else None
    if most:
        # More bookings missing than there: a table emptied or restored looks like this, however few there are.
        return BreakerTrip(found=found, checked=live, allowed=0)
    everything = found + removed_lately
    if not found or everything <= breaker.floor or everything <= breaker.ratio * (live + removed_lately):
        return None
    return BreakerTrip(found=found, checked=live, allowed=max(0, breaker.floor - removed_lately))


def _soonest_first(removal: Removal) -> tuple[bool, float, str]:
    starts_at = removal.event.starts_at
    return starts_at is None, starts_at.timestamp() if starts_at else 0.0, removal.event.intent.id


def still_seen(witnesses: Collection[BookingId], rows: Mapping[BookingId, StoredEvent]) -> bool:
    """Whether the table still shows most of the bookings that were there when the removal was planned."""
    return bool(witnesses) and 2 * sum(booking in rows for booking in witnesses) > len(witnesses)
