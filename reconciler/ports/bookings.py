"""The application's tables, through the mapping of cron.yaml.

Every method may raise ``DatabaseUnreachable`` and ``DatabaseDisagrees`` (``ports.store``).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from reconciler.domain.bookings import Booking, BookingId
from reconciler.domain.decide.plan import EVERYTHING, BookingRange, ScanRows
from reconciler.domain.decide.sms import Draft
from reconciler.domain.decide.verdicts import Condition, Finding
from reconciler.domain.doctor import CheckResult, Note
from reconciler.domain.explain.queued_text import QueuedText
from reconciler.domain.explain.remediation import Constraint, RequiredChange
from reconciler.domain.gaps import Effect, GapKind, IntegrationFault
from reconciler.domain.intents import IntentId


class Lock(StrEnum):
    HELD = "held"
    BUSY = "busy"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """What the booking says about its event right now."""

    event_id: str | None
    eligible: bool
    """Whether the booking's status is one we look after."""
    starts_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """Our row in the application's text queue: legal, never better than what we know."""

    id: str
    intent: IntentId
    booking: Booking
    draft: Draft
    template: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnQueueRow:
    """What our row in the queue says."""

    number: str = field(repr=False)
    """'' where the queue has no place for it."""
    body: str = field(repr=False)
    provider_id: str | None


class Bookings(Protocol):
    """The application's tables, through the mapping of cron.yaml."""

    def effect_faults(self, effect: Effect, *, writing: bool) -> Sequence[IntegrationFault]:
        """What in the database would break this effect's look or, if ``writing``, its repairs."""
        ...

    def read_faults(self, kind: GapKind) -> Sequence[IntegrationFault]:
        """What in the database would make the look of a rule that only reports lie."""
        ...

    def try_writes(self, effect: Effect) -> CheckResult:
        """Write what a repair of this effect would write, and roll it back: what only a write can tell.

        A row for every trigger and status we write, under the id of a booking that does not exist, and one booking's
        event id as it is. Of a transaction that may write.
        """
        ...

    def notes(self) -> Sequence[Note]:
        """What is worth knowing of the tables and breaks nothing: wanted indexes, defaults that lie."""
        ...

    def scan(self, kind: GapKind, now: datetime, oldest: datetime, span: BookingRange = EVERYTHING) -> ScanRows:
        """Bookings of the span made since ``oldest``, classified; the broken ones in full, oldest first."""
        ...

    def past(self, kind: GapKind, now: datetime, oldest: datetime, span: BookingRange) -> int:
        """How many of the same bookings would be broken if only their party were not over."""
        ...

    def beginning_with(self, prefix: str, limit: int) -> Sequence[BookingId]:
        """Ids, in order, that begin so, capitals or not."""
        ...

    def findings(
        self, kind: GapKind, now: datetime, oldest: datetime, bookings: Collection[BookingId]
    ) -> Mapping[BookingId, Finding]:
        """The same classification by id, whatever their age. A booking that is gone is absent.

        ``oldest`` is what the condition *since* is held against.
        """
        ...

    def conditions(
        self, kind: GapKind, now: datetime, oldest: datetime, booking: BookingId
    ) -> Mapping[Condition, bool]:
        """Which conditions of the rule hold, each by itself, in their order; empty for a booking that is gone."""
        ...

    def required_changes(
        self, kind: GapKind, condition: Condition, now: datetime, oldest: datetime, booking: BookingId
    ) -> Sequence[RequiredChange]:
        """What would change what the condition says of the booking, where that is not that all is well."""
        ...

    def number_changes(self, booking: BookingId, wanted: Constraint) -> Sequence[RequiredChange]:
        """Where the booking's number stands: the first place that is filled; nothing if none is."""
        ...

    def consent_changes(self, booking: BookingId, significant: str) -> Sequence[RequiredChange]:
        """The customers who refuse the booking's text: its own, and any with the number ('': no number)."""
        ...

    def queued(self, booking: BookingId) -> Sequence[QueuedText]:
        """The booking's rows of the text queue, the newest first; none where texts are none of our business."""
        ...

    def opted_out(self, significant: Collection[str]) -> frozenset[str]:
        """Those significant numbers that stand, however written, at a customer who opted out or is not active."""
        ...

    def sent_counts(self, spellings: Collection[str], since: datetime) -> Mapping[str, int]:
        """How many texts were sent, or are about to be, to each spelling since then, whoever sends them."""
        ...

    def sent_times(self, spellings: Collection[str], since: datetime) -> Sequence[datetime]:
        """When each text of ``sent_counts`` was sent, the oldest first."""
        ...

    def recent_event_ids(self, limit: int) -> Sequence[str]:
        """Event ids of the bookings that were made most recently, of those that have one."""
        ...

    def names_event(self, event_id: str, besides: BookingId) -> bool:
        """Whether another booking stores this event id."""
        ...

    def shares_reference(self, booking: BookingId) -> bool:
        """Whether another booking's id begins like this one's: then the reference in a title proves nothing."""
        ...

    def stored_events(self, bookings: Collection[BookingId]) -> Mapping[BookingId, StoredEvent]:
        """What these bookings say about their events; one that is gone is absent."""
        ...

    def lock(self, booking: BookingId) -> Lock:
        """Lock the booking's row without waiting. Look at it in a *later* statement: this one's snapshot is older.

        *busy*: somebody has it, or has been waiting for it since before us and would write once we are gone.
        """
        ...

    def queue_row(self, row_id: str) -> OwnQueueRow | None:
        """Our own row as it stands, ``None`` if it is gone."""
        ...

    def queue_names(self, provider_ids: Collection[str], besides: str) -> frozenset[str]:
        """Those of these message ids that stand in the queue, in any row but ``besides``."""
        ...

    def insert_queue_row(self, row: QueueRow) -> None:
        """Insert our row as *failed, in flight*; the same row again says so again, unless it says *sent*."""
        ...

    def hand_over(self, row: QueueRow) -> None:
        """Insert the row as *approved*: from here on it is the application's, and the application sends it."""
        ...

    def try_mark_sent(self, row_id: str, at: datetime) -> None:
        """Write *sent* into our row and roll it back: what the table will not have, it shall say before the call."""
        ...

    def mark_queue_row(
        self, row_id: str, *, status: str, error: str | None, provider_id: str | None, at: datetime
    ) -> bool:
        """Write what became of our row. ``False`` if it is not there, not ours any more, or says so already."""
        ...

    def try_store_event_id(self, booking: BookingId, seen: str | None, event_id: str, starts_at: datetime) -> None:
        """Store the id and roll it back: what the table will not have, it shall say before the event is made."""
        ...

    def store_event_id(self, booking: BookingId, seen: str | None, event_id: str, starts_at: datetime) -> bool:
        """Compare-and-set on the value seen (NULL and '' are the same), only while the booking is eligible and its
        party begins then.
        """
        ...
