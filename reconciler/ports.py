"""What the engine needs of the world, as Protocols; ``bootstrap`` decides who answers.

Reads that fail raise (``ReconcilerError`` for the database, ``ProviderFailure`` for a provider); provider writes
*return* an ``Outcome``, because what became of a write is data to be recorded, not an exception to be lost.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from reconciler.domain.bookings import Booking, BookingId
from reconciler.domain.events import CalendarEvent, EventBody
from reconciler.domain.gaps import Cause, Effect, Gap, GapKind, IntegrationFault
from reconciler.domain.intents import Intent, IntentId, Outcome, State
from reconciler.domain.plan import Look
from reconciler.domain.policies import EventPolicy, Limits, Policy, TextPolicy
from reconciler.domain.texts import Draft
from reconciler.domain.verdicts import Finding


class Clock(Protocol):
    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...

    def pause(self, duration: timedelta) -> None:
        """Wait; pacing between two calls of one provider."""
        ...


class PhoneNumbers(Protocol):
    def e164(self, written: str) -> str | None:
        """The number in E.164 if a text can be sent to it, else ``None``. Never raises for bad input."""
        ...

    def spellings(self, e164: str) -> frozenset[str]:
        """Every way a customer row may hold this number, stripped to digits and a leading plus."""
        ...


class Unwritable(Exception):
    """The template cannot be filled for this booking; ``args[0]`` names the variable, never a value."""


class Wording(Protocol):
    def write(self, booking: Booking, number: str) -> Draft:
        """The text for the booking's status, to ``number`` (E.164).

        Raises:
            Unwritable: the status has no message, a variable is missing, or the text would be too long.
        """
        ...


class ProviderFailure(Exception):
    """A read at a provider failed. ``outcome`` says how, as for a write; ``args`` hold its code only."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.code)
        self.outcome = outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingText:
    number: str = field(repr=False)
    body: str = field(repr=False)
    validity: timedelta


class SmsGateway(Protocol):
    def check(self) -> IntegrationFault | None:
        """What would break every send (credentials, account, sender), ``None`` if nothing does.

        Raises:
            ProviderFailure: the provider could not be asked.
        """
        ...

    def send(self, text: OutgoingText) -> Outcome:
        """Send once, never repeat. ``provider_id`` is the message SID of a *done* outcome."""
        ...


class Calendar(Protocol):
    """One calendar. Not safe to share between threads."""

    def check(self) -> IntegrationFault | None:
        """What would break every write (token, calendar, role), ``None`` if nothing does.

        Raises:
            ProviderFailure: the provider could not be asked.
        """
        ...

    def get(self, event_id: str) -> CalendarEvent | None:
        """The event, live or tombstone; ``None`` if the calendar never had it.

        Raises:
            ProviderFailure: the answer says nothing about the event.
        """
        ...

    def around(self, starts_at: datetime, window: timedelta) -> Sequence[CalendarEvent]:
        """Every event, live or deleted, within ``window`` of ``starts_at``, all pages read.

        Raises:
            ProviderFailure: the list could not be read to its end.
        """
        ...

    def insert(self, event: EventBody) -> Outcome:
        """Insert under our own id. *refused* with code ``duplicate``: the id exists, live or deleted."""
        ...

    def delete(self, event_id: str) -> Outcome:
        """Delete an event of ours. Already deleted counts as *done*."""
        ...


class Lock(StrEnum):
    HELD = "held"
    BUSY = "busy"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    id: str
    since: datetime
    """When the first ``migrate`` ran."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """What the booking says about its event right now."""

    event_id: str | None
    eligible: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NewIntent:
    booking: BookingId
    effect: Effect
    trigger: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """Our row in the application's text queue, as claimed: legal, never better than what we know."""

    id: str
    intent: IntentId
    booking: Booking
    draft: Draft
    at: datetime


class Reading(Protocol):
    """A consistent look at the database; nothing is written."""

    def faults(self, effect: Effect) -> Sequence[IntegrationFault]:
        """What in the database would break this effect's look or repairs, schema first."""
        ...

    def has_ledger(self) -> bool: ...

    def installation(self) -> Installation | None: ...

    def look(self, kind: GapKind, now: datetime, oldest: datetime) -> Look:
        """Bookings made since ``oldest``, classified; the broken ones in full."""
        ...

    def findings(
        self, kind: GapKind, now: datetime, oldest: datetime, bookings: Collection[BookingId]
    ) -> Mapping[BookingId, Finding]:
        """The same classification by id, whatever their age. A booking that is gone is absent.

        ``oldest`` is what the condition *since* is held against.
        """
        ...

    def opted_out(self, spellings: Collection[str]) -> frozenset[str]:
        """Those spellings that stand at a customer who opted out or is not active."""
        ...

    def texts_since(self, spellings: Collection[str], since: datetime) -> Mapping[str, int]:
        """How many texts were sent to each spelling since then, whoever sent them."""
        ...

    def stored_event_ids(self, limit: int) -> Sequence[str]:
        """Event ids of the bookings that were made most recently."""
        ...

    def event_is_taken(self, event_id: str, booking: BookingId) -> bool:
        """Whether another booking, or another booking's intent, names this event."""
        ...

    def open_gaps(self, kind: GapKind) -> Sequence[Gap]: ...

    def last_intents(self, effect: Effect, bookings: Collection[BookingId]) -> Mapping[BookingId, Intent]:
        """Per booking the intent that matters: a non-final one if there is any, else the newest."""
        ...

    def planned(self, effect: Effect) -> Sequence[BookingId]:
        """Bookings with a planned intent."""
        ...

    def had_full_look(self, job: str, since: datetime) -> bool: ...

    def database_now(self) -> datetime:
        """The database's clock, not the transaction's: leases go by it."""
        ...


class Writing(Reading, Protocol):
    """One short transaction. A provider is never called inside it."""

    def lock(self, booking: BookingId) -> Lock:
        """Lock the booking's row without waiting. Look at it in a *later* statement: this one's snapshot is older."""
        ...

    def record_gap(self, kind: GapKind, booking: BookingId | None, cause: Cause, reason: str, now: datetime) -> None:
        """Open the gap, or note that it is still there and why."""
        ...

    def close_gap(self, kind: GapKind, booking: BookingId | None, by: str, now: datetime) -> None:
        """Close it by a statement about that booking (``by``: a condition, ``repaired``, ``gone``)."""
        ...

    def plan(self, intents: Sequence[NewIntent], limit: int) -> int:
        """Write the intents that do not stand yet, next generation where the last is final.

        More than ``limit`` generations of one are not written. Returns how many were.
        """
        ...

    def drop_planned(self, effect: Effect, booking: BookingId, code: str) -> None: ...

    def abandon_expired(self, effect: Effect) -> Sequence[BookingId]:
        """*sending* with a lease that ran out becomes *unknown*: whoever held it died. Returns whose."""
        ...

    def claim(self, effect: Effect, examined_before: datetime, lease: timedelta, now: datetime) -> Intent | None:
        """Take the planned intent examined least recently, before ``examined_before``, for as long as the lease."""
        ...

    def move(
        self,
        intent: Intent,
        to: State,
        *,
        code: str,
        cause: Cause | None = None,
        provider_id: str | None = None,
        lease: timedelta | None = None,
        not_before: datetime | None = None,
        subject: str | None = None,
    ) -> Intent | None:
        """Move it, if the claim is still ours and the move legal; ``None`` if somebody else has it now.

        Moving to *sending* counts an attempt and starts ``lease``; moving back to *planned* with code of a
        *later* or *broken* answer takes the attempt back.
        """
        ...

    def release(self, intent: Intent, code: str) -> None:
        """Give the claim back untouched: not now."""
        ...

    def lease_left(self, intent: Intent) -> timedelta: ...

    def insert_queue_row(self, row: QueueRow) -> None:
        """Insert our row as *failed, in flight*; the same row again changes nothing."""
        ...

    def mark_queue_row(self, row_id: str, status: str, provider_id: str | None, error: str | None, at: datetime) -> bool:
        """Write what became of our row. ``False`` if it is not there or not ours any more."""
        ...

    def stored_event(self, booking: BookingId) -> StoredEvent | None:
        """``None`` if the booking is gone."""
        ...

    def store_event_id(self, booking: BookingId, seen: str | None, event_id: str) -> bool:
        """Compare-and-set on the value seen (NULL and '' are the same), only while the booking is eligible."""
        ...

    def wait_for_slot(self, name: str, interval: timedelta) -> timedelta:
        """Reserve the next call of ``name`` among all processes; how long to wait for it."""
        ...

    def start_run(self, job: str, now: datetime, full: bool) -> int: ...

    def finish_run(self, run: int, now: datetime, result: str, counts: Mapping[str, int]) -> None: ...


class Store(Protocol):
    """The database. Each transaction is short, in UTC, with statement and lock timeouts of its own.

    Raises:
        DatabaseUnreachable: no connection, or it went away.
        DatabaseDisagrees: the database answers, but not as the mapping needs it.
    """

    def reading(self) -> AbstractContextManager[Reading]: ...

    def writing(self) -> AbstractContextManager[Writing]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What a pass looks at: ``lookback`` usually, back to ``since`` in a full look (``None``: the installation)."""

    lookback: timedelta
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate:
    """What this run may do: nothing outside unless ``act``; ``ceiling`` (``--max``) replaces the breaker."""

    act: bool
    ceiling: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything a pass needs. A provider whose rule is off is ``None``."""

    store: Store
    clock: Clock
    phones: PhoneNumbers
    wording: Wording
    sms: SmsGateway | None
    calendar: Calendar | None
    texts: TextPolicy
    events: EventPolicy
    text_limits: Limits
    event_limits: Limits
    window: Window
    generations: int
    mandate: Mandate
    repairs: Policy
