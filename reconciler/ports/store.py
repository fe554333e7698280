"""Who answers for the database: the application's bookings, and our ledger.

A transaction is short; a provider is never called inside one. Every method may raise ``DatabaseUnreachable`` (no
connection, or it went away) and ``DatabaseDisagrees`` (it answers, but not as the mapping needs it).
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from reconciler.domain.bookings import Booking, BookingId
from reconciler.domain.diagnosis import Examined, Remark
from reconciler.domain.evidence import QueuedText
from reconciler.domain.gaps import Cause, Effect, Gap, GapKind, IntegrationFault
from reconciler.domain.intents import Intent, IntentId, State
from reconciler.domain.levers import Lever, Wanted
from reconciler.domain.plan import EVERYTHING, Look, Span
from reconciler.domain.texts import Draft
from reconciler.domain.verdicts import Condition, Finding
from reconciler.ports.examining import Server
from reconciler.ports.retention import Retention
from reconciler.ports.telling import Episodes, Outbox


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
class Runner:
    """Who runs a job: several may share one database."""

    scope: str = ""
    """Which bookings are theirs (``bookings.only``); '' for all."""
    settings: str = ""
    """A digest of what they run with; '' by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """What the booking says about its event right now."""

    event_id: str | None
    eligible: bool
    """Whether the booking's status is one we look after."""
    starts_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewIntent:
    booking: BookingId
    effect: Effect
    trigger: str
    subject: str


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
class OurRow:
    """What our row in the queue says."""

    number: str = field(repr=False)
    """'' where the queue has no place for it."""
    body: str = field(repr=False)
    provider_id: str | None


class Bookings(Protocol):
    """The application's tables, through the mapping of cron.yaml."""

    def faults(self, effect: Effect, *, writing: bool) -> Sequence[IntegrationFault]:
        """What in the database would break this effect's look or, if ``writing``, its repairs."""
        ...

    def blindness(self, kind: GapKind) -> Sequence[IntegrationFault]:
        """What in the database would make the look of a rule that only reports lie."""
        ...

    def rehearse(self, effect: Effect) -> Examined:
        """Write what a repair of this effect would write, and roll it back: what only a write can tell.

        A row for every trigger and status we write, under the id of a booking that does not exist, and one booking's
        event id as it is. Of a transaction that may write.
        """
        ...

    def remarks(self) -> Sequence[Remark]:
        """What is worth knowing of the tables and breaks nothing: wanted indexes, defaults that lie."""
        ...

    def look(self, kind: GapKind, now: datetime, oldest: datetime, span: Span = EVERYTHING) -> Look:
        """Bookings of the span made since ``oldest``, classified; the broken ones in full, oldest first."""
        ...

    def past(self, kind: GapKind, now: datetime, oldest: datetime, span: Span) -> int:
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

    def levers(
        self, kind: GapKind, condition: Condition, now: datetime, oldest: datetime, booking: BookingId
    ) -> Sequence[Lever]:
        """What would change what the condition says of the booking, where that is not that all is well."""
        ...

    def number_levers(self, booking: BookingId, wanted: Wanted) -> Sequence[Lever]:
        """Where the booking's number stands: the first place that is filled; nothing if none is."""
        ...

    def consent_levers(self, booking: BookingId, significant: str) -> Sequence[Lever]:
        """The customers who refuse the booking's text: its own, and any with the number ('': no number)."""
        ...

    def queued(self, booking: BookingId) -> Sequence[QueuedText]:
        """The booking's rows of the text queue, the newest first; none where texts are none of our business."""
        ...

    def opted_out(self, significant: Collection[str]) -> frozenset[str]:
        """Those significant numbers that stand, however written, at a customer who opted out or is not active."""
        ...

    def texts_since(self, spellings: Collection[str], since: datetime) -> Mapping[str, int]:
        """How many texts were sent, or are about to be, to each spelling since then, whoever sends them."""
        ...

    def texted_at(self, spellings: Collection[str], since: datetime) -> Sequence[datetime]:
        """When each text of ``texts_since`` was sent, the oldest first."""
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

    def queue_row(self, row_id: str) -> OurRow | None:
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

    def rehearse_sent(self, row_id: str, at: datetime) -> None:
        """Write *sent* into our row and roll it back: what the table will not have, it shall say before the call."""
        ...

    def mark_queue_row(
        self, row_id: str, *, status: str, error: str | None, provider_id: str | None, at: datetime
    ) -> bool:
        """Write what became of our row. ``False`` if it is not there, not ours any more, or says so already."""
        ...

    def rehearse_event_id(self, booking: BookingId, seen: str | None, event_id: str, starts_at: datetime) -> None:
        """Store the id and roll it back: what the table will not have, it shall say before the event is made."""
        ...

    def store_event_id(self, booking: BookingId, seen: str | None, event_id: str, starts_at: datetime) -> bool:
        """Compare-and-set on the value seen (NULL and '' are the same), only while the booking is eligible and its
        party begins then.
        """
        ...


class Ledger(Protocol):
    """Our schema ``reconciler``. Nothing but ``exists`` may be asked while it does not exist."""

    def exists(self) -> bool: ...

    def is_ours_to_write(self) -> bool:
        """Whether our role may write it: who only looks by hand may not, and so says nothing about repairs."""
        ...

    def installation(self) -> Installation: ...

    def now(self) -> datetime:
        """The database's clock, not the transaction's: leases go by it."""
        ...

    def open_gaps(self, kind: GapKind) -> Sequence[Gap]: ...

    def open_gap(self, kind: GapKind, about: str) -> Gap | None:
        """The one about this booking, if there is one."""
        ...

    def record_gap(self, kind: GapKind, about: str, cause: Cause, reason: str, now: datetime) -> None:
        """Open the gap, or note that it is still there and why."""
        ...

    def record_gaps(self, kind: GapKind, gaps: Mapping[BookingId, tuple[Cause, str]], now: datetime) -> None:
        """The same for many: booking -> cause and reason."""
        ...

    def record_faults(self, kind: GapKind, about: str, faults: Sequence[IntegrationFault], now: datetime) -> None:
        """Open the gap of a broken integration, or note that it is still there and what is wrong by now."""
        ...

    def close_gap(self, kind: GapKind, about: str, by: str, now: datetime) -> None:
        """Close it by a statement about it (``by``: a condition, ``repaired``, ``gone``)."""
        ...

    def close_gaps(self, kind: GapKind, closed: Mapping[BookingId, str], now: datetime) -> None:
        """The same for many: booking -> by what."""
        ...

    def close_all_gaps(self, kind: GapKind, by: str, now: datetime) -> None:
        """Close every gap of this kind: nobody asks for it any more."""
        ...

    def last_intents(
        self, effect: Effect, bookings: Collection[BookingId], final: Collection[str] | None = ()
    ) -> Mapping[BookingId, Intent]:
        """Per booking the intent that matters most: one that blocks, else a planned one, else the newest.

        ``final`` names triggers (``None``: all) whose *done* is for ever, unless it was only handed over: it comes
        before a planned one, whoever planned that.
        """
        ...

    def in_state(self, effect: Effect, state: State) -> Sequence[Intent]:
        """Intents in ``state``, least recently examined first."""
        ...

    def done(self, effect: Effect, booking: BookingId) -> Intent | None:
        """The newest *done* intent of the booking."""
        ...

    def done_since(self, effect: Effect, since: datetime) -> Sequence[Intent]:
        """Intents that were *done* since then and whose effect, as far as we know, still stands."""
        ...

    def may_have_come(self, effect: Effect, since: datetime) -> Sequence[Intent]:
        """Intents *dropped* since then after a call that may have left, and may have its effect even now.

        Not those that a person has settled.
        """
        ...

    def never_came(self, intent: Intent, wait: timedelta, now: datetime) -> None:
        """Nothing of a dropped intent is there: once it was dropped ``wait`` ago, ``may_have_come`` forgets it."""
        ...

    def undone(self, intent: Intent, code: str, now: datetime) -> None:
        """The effect of an intent was taken back: neither ``done_since`` nor ``may_have_come`` names it again."""
        ...

    def names_event(self, event_id: str, besides: BookingId) -> bool:
        """Whether an intent of another booking names this event."""
        ...

    def plan(self, intents: Sequence[NewIntent], now: datetime) -> None:
        """Write the intents that do not stand yet: next generation where the last is final.

        A planned intent of the same booking and effect under another trigger is dropped.
        """
        ...

    def drop_planned(self, effect: Effect, bookings: Mapping[BookingId, str], now: datetime) -> None:
        """Drop what is planned for these bookings and claimed by nobody: booking -> why."""
        ...

    def abandon_expired(self, effect: Effect, settle: timedelta, now: datetime) -> None:
        """*sending* with a lease that ran out becomes *unknown*: whoever held it died, or cannot be trusted.

        From then on ``settle`` has to pass before it is asked for.
        """
        ...

    def claim_unsettled(self, effect: Effect, examined_before: datetime, lease: timedelta) -> Intent | None:
        """Take one *unknown* intent whose time to be asked for has come, the least recently examined."""
        ...

    def ask_again(self, intent: Intent, code: str, wait: timedelta, now: datetime) -> None:
        """Nobody could tell what became of a claimed *unknown* intent: give it back, and ask once more after ``wait``.

        Counts a settle try.
        """
        ...

    def taken(self, effect: Effect, provider_ids: Collection[str]) -> frozenset[str]:
        """Those of these provider ids that an intent holds."""
        ...

    def history(self, booking: BookingId) -> Sequence[Intent]:
        """All intents of the booking, the newest first."""
        ...

    def unsettled(self) -> Sequence[Intent]:
        """Intents of any scope that wait for a person's word, and those of which nobody knows the outcome yet."""
        ...

    def beginning_with(self, prefix: str, limit: int) -> Sequence[Intent]:
        """Intents of any scope whose id begins so."""
        ...

    def resolve(self, intent: Intent, to: State, now: datetime, provider_id: str | None) -> Intent | None:
        """A person's word about an intent that is unsettled; *planned* begins with no attempt counted.

        ``None``: it is not, not any more, or somebody has it in hand.
        """
        ...

    def claim(
        self,
        effect: Effect,
        bookings: Collection[BookingId],
        examined_before: datetime,
        lease: timedelta,
        now: datetime,
    ) -> Intent | None:
        """Take one planned intent of these bookings, the least recently examined, for as long as the lease."""
        ...

    def move(
        self,
        intent: Intent,
        to: State,
        *,
        code: str,
        now: datetime,
        cause: Cause | None = None,
        provider_id: str | None = None,
        lease: timedelta | None = None,
        not_before: datetime | None = None,
        settle: timedelta | None = None,
        counts: bool = True,
        subject: str | None = None,
        account: str | None = None,
    ) -> Intent | None:
        """Move it, if the claim is still ours and the move legal; ``None`` if somebody else has it now.

        Moving to *sending* counts an attempt and starts ``lease``; ``counts=False`` on the way back to *planned*
        takes the attempt back (certainly nothing left the machine, or the provider certainly did nothing).
        ``settle`` is how long an *unknown* one is left alone. ``subject`` replaces the intent's, where what is sent has
        changed since it was planned; ``account`` is where it is sent to.
        """
        ...

    def release(self, intent: Intent, code: str, now: datetime) -> None:
        """Give the claim back untouched: not now."""
        ...

    def lease_left(self, intent: Intent) -> timedelta:
        """By the database's clock; zero or less if the claim is not ours any more."""
        ...

    def reserve_slot(self, name: str, interval: timedelta, longest: timedelta) -> timedelta:
        """Reserve the next call of ``name`` among all processes; how long to wait for it.

        More than ``longest``: nothing was reserved.
        """
        ...

    def pause(self, name: str, wait: timedelta) -> None:
        """No slot of ``name`` before that, for any process."""
        ...

    def had_full_look(self, job: str, scope: str, since: datetime) -> bool: ...

    def start_run(self, job: str, runner: Runner, now: datetime, *, full: bool) -> int: ...

    def settings_differ(self, runner: Runner, since: datetime) -> bool:
        """Whether somebody with the same scope has run a job since then with other settings."""
        ...

    def finish_run(self, run: int, now: datetime, result: str, counts: Mapping[str, int]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    bookings: Bookings
    ledger: Ledger
    episodes: Episodes
    outbox: Outbox
    retention: Retention


class Store(Protocol):
    def server(self) -> Server:
        """Facts about the server and the way to it."""
        ...

    def clock_skew(self) -> timedelta:
        """How far the database's clock is ahead of this machine's own, whatever time it is for a pass."""
        ...

    def reading(self) -> AbstractContextManager[Transaction]:
        """One consistent, read-only look: every statement sees the same snapshot."""
        ...

    def writing(self) -> AbstractContextManager[Transaction]:
        """One short transaction, committed at the end: every statement sees what is committed by then."""
        ...
