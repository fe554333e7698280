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
    """What the booking's row says about its event at present."""

    event_id: str | None
    eligible: bool
    """Whether the rules apply to the booking's status."""
    starts_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """Our row in the application's text queue. It is legal there, and never claims more than we know."""

    id: str
    intent: IntentId
    booking: Booking
    draft: Draft
    template: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnQueueRow:
    """The content of our row in the queue."""

    number: str = field(repr=False)
    """'' if the queue has no column for it."""
    body: str = field(repr=False)
    provider_id: str | None


class Bookings(Protocol):
    """The application's tables, through the mapping of cron.yaml."""

    def faults(self, effect: Effect, *, writing: bool) -> Sequence[IntegrationFault]:
        """Faults of the database that would break this effect's scan or, if ``writing``, its repairs."""
        ...

    def blindness(self, kind: GapKind) -> Sequence[IntegrationFault]:
        """Faults of the database that would falsify the scan of a report-only rule."""
        ...

    def try_writes(self, effect: Effect) -> CheckResult:
        """Write what a repair of this effect would write, and roll it back: only a write shows whether it is accepted.

        It writes a row for every trigger and status of ours, under the id of a booking that does not exist, and one
        booking's event id as it is. The transaction must be a writing one.
        """
        ...

    def notes(self) -> Sequence[Note]:
        """Facts about the tables that break nothing: missing indexes, misleading defaults."""
        ...

    def scan(self, kind: GapKind, now: datetime, oldest: datetime, span: BookingRange = EVERYTHING) -> ScanRows:
        """Bookings of the range made since ``oldest``, classified; those that break the rule in full, oldest first."""
        ...

    def past(self, kind: GapKind, now: datetime, oldest: datetime, span: BookingRange) -> int:
        """How many bookings of the scan would break the rule if they were not over."""
        ...

    def beginning_with(self, prefix: str, limit: int) -> Sequence[BookingId]:
        """The ids with this prefix, case-insensitively, in order."""
        ...

    def findings(
        self, kind: GapKind, now: datetime, oldest: datetime, bookings: Collection[BookingId]
    ) -> Mapping[BookingId, Finding]:
        """Classify bookings by id, as ``scan`` does, whatever their age. A booking that is gone is absent.

        ``oldest`` is the moment that the condition *since* compares with.
        """
        ...

    def conditions(
        self, kind: GapKind, now: datetime, oldest: datetime, booking: BookingId
    ) -> Mapping[Condition, bool]:
        """Which conditions of the rule hold, each evaluated alone, in order; empty for a booking that is gone."""
        ...

    def required_changes(
        self, kind: GapKind, condition: Condition, now: datetime, oldest: datetime, booking: BookingId
    ) -> Sequence[RequiredChange]:
        """Changes that would flip a failing condition of the booking."""
        ...

    def number_changes(self, booking: BookingId, wanted: Constraint) -> Sequence[RequiredChange]:
        """The change to the column that holds the booking's number: the first that is filled; none if all are empty."""
        ...

    def consent_changes(self, booking: BookingId, significant: str) -> Sequence[RequiredChange]:
        """Changes to the customers that refuse the text: the booking's own, and any with the number ('': no number)."""
        ...

    def queued(self, booking: BookingId) -> Sequence[QueuedText]:
        """The booking's rows in the text queue, newest first; none if no queue is mapped."""
        ...

    def opted_out(self, significant: Collection[str]) -> frozenset[str]:
        """The significant numbers, however written, of customers who opted out or are not active."""
        ...

    def sent_counts(self, spellings: Collection[str], since: datetime) -> Mapping[str, int]:
        """How many texts were sent, or are about to be, to each spelling since then, the application's included."""
        ...

    def sent_times(self, spellings: Collection[str], since: datetime) -> Sequence[datetime]:
        """When each text of ``sent_counts`` was sent, the oldest first."""
        ...

    def recent_event_ids(self, limit: int) -> Sequence[str]:
        """Event ids of the newest bookings that have one."""
        ...

    def names_event(self, event_id: str, besides: BookingId) -> bool:
        """Whether another booking stores this event id."""
        ...

    def shares_reference(self, booking: BookingId) -> bool:
        """Whether another booking has this reference: then the reference in a title proves nothing."""
        ...

    def stored_events(self, bookings: Collection[BookingId]) -> Mapping[BookingId, StoredEvent]:
        """What the rows of these bookings say about their events. A booking that is gone is absent."""
        ...

    def lock(self, booking: BookingId) -> Lock:
        """Lock the booking's row without waiting. Read it in a *later* statement: the snapshot of this one is older.

        *busy*: another transaction holds the lock, or waited for it before us and would write after us.
        """
        ...

    def queue_row(self, row_id: str) -> OwnQueueRow | None:
        """Our own row as it stands, ``None`` if it is gone."""
        ...

    def queue_names(self, provider_ids: Collection[str], besides: str) -> frozenset[str]:
        """The message ids that any row of the queue except ``besides`` contains."""
        ...

    def insert_queue_row(self, row: QueueRow) -> None:
        """Insert our row as *failed, in flight*. A second insert sets it so again, unless it is *sent*."""
        ...

    def hand_over(self, row: QueueRow) -> None:
        """Insert the row as *approved*. From then on it belongs to the application, which sends it."""
        ...

    def try_mark_sent(self, row_id: str, at: datetime) -> None:
        """Dry-run the final UPDATE to *sent*, so that a violated constraint surfaces before we call Twilio."""
        ...

    def mark_queue_row(
        self, row_id: str, *, status: str, error: str | None, provider_id: str | None, at: datetime
    ) -> bool:
        """Set the status of our row. ``False`` if the row is gone, no longer ours, or has that status already."""
        ...

    def try_store_event_id(self, booking: BookingId, seen: str | None, event_id: str, starts_at: datetime) -> None:
        """Dry-run ``store_event_id``, so that a violated constraint surfaces before the event is created."""
        ...

    def store_event_id(self, booking: BookingId, seen: str | None, event_id: str, starts_at: datetime) -> bool:
        """Compare-and-set on the value seen (NULL and '' are equal). ``False`` if nothing was stored.

        Stores only while the booking is eligible and starts at ``starts_at``.
        """
        ...
