"""Our ledger: schema, intents, gaps, runs and rates.

Every method may raise ``DatabaseUnreachable`` and ``DatabaseDisagrees`` (``ports.store``).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from reconciler.domain.bookings import BookingId
from reconciler.domain.gaps import Cause, Effect, Gap, GapKind, IntegrationFault
from reconciler.domain.intents import Intent, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    id: str
    since: datetime  # when the first ``migrate`` ran


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """The process that runs a job. Several may share one database."""

    scope: str = ""
    """Which bookings it handles (``bookings.only``); '' for all."""
    settings: str = ""
    """A digest of its settings; '' for a run by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewIntent:
    booking: BookingId
    effect: Effect
    trigger: str
    subject: str
    incarnation: int = 0
    recipient: str = ""
    starts_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewGap:
    cause: Cause
    reason: str
    booking_status: str | None = None


class Ledger(Protocol):
    """Our schema ``reconciler`` as a whole. Until it exists, only ``exists`` may be called."""

    def exists(self) -> bool: ...

    def is_ours_to_write(self) -> bool:
        """Whether our role may write it. A role for read-only use may not, and reports no repairs."""
        ...

    def installation(self) -> Installation: ...

    def now(self) -> datetime:
        """Return the database's clock, not the transaction's start. Leases use this clock."""
        ...


class Intents(Protocol):
    """Intents and their moves.

    A move needs the claim and must be legal (``LEGAL_MOVES``). It returns the intent as it is afterwards, or ``None``
    if another process has the intent now.
    """

    def latest(
        self, effect: Effect, bookings: Collection[BookingId], final: Collection[str] | None = ()
    ) -> Mapping[BookingId, Intent]:
        """Return the intent that matters most for each booking: a blocking one, else a planned one, else the newest.

        ``final`` names triggers (``None``: all) whose *done* is permanent unless the text was only handed over. Such a
        *done* comes before a planned intent, whichever process planned that one.
        """
        ...

    def in_state(self, effect: Effect, state: State) -> Sequence[Intent]:
        """Return the intents in ``state``, least recently examined first."""
        ...

    def done(self, effect: Effect, booking: BookingId) -> Intent | None:
        """Return the booking's newest *done* intent."""
        ...

    def confirm_never_arrived(self, intent: Intent, wait: timedelta, now: datetime) -> None:
        """Record that a dropped intent has no effect, so that it is not among ``Removals.events`` any more.

        Does nothing until ``wait`` has passed since it was dropped.
        """
        ...

    def mark_effect_gone(self, intent: Intent, code: str, now: datetime) -> None:
        """Record that a final intent's effect no longer exists, and why.

        ``Removals.events`` does not return it from then on.
        """
        ...

    def names_event(self, event_id: str, besides: BookingId) -> bool:
        """Whether an intent of another booking names this event."""
        ...

    def plan(self, intents: Sequence[NewIntent], now: datetime) -> None:
        """Insert the intents that do not exist yet, as the next generation if the last one is final.

        Drops a planned intent of the same booking and effect that has another trigger.
        """
        ...

    def drop_planned(self, effect: Effect, bookings: Mapping[BookingId, str], now: datetime) -> None:
        """Drop the planned, unclaimed intents of these bookings: booking -> why."""
        ...

    def abandon_expired(self, effect: Effect, settle: timedelta, now: datetime) -> None:
        """Move *sending* intents with an expired lease to *unknown*: the process died, or is too slow to be trusted.

        The provider is queried for the outcome once ``settle`` has passed.
        """
        ...

    def claim_unsettled(self, effect: Effect, examined_before: datetime, lease: timedelta) -> Intent | None:
        """Claim one *unknown* intent whose outcome is due to be queried, the least recently examined."""
        ...

    def retry_settling(self, intent: Intent, code: str, wait: timedelta, now: datetime) -> None:
        """Release a claimed *unknown* intent whose outcome is still uncertain; query it again after ``wait``.

        Counts one settle try.
        """
        ...

    def used_provider_ids(self, effect: Effect, provider_ids: Collection[str]) -> frozenset[str]:
        """Return those of these provider ids that an intent already has."""
        ...

    def history(self, booking: BookingId) -> Sequence[Intent]:
        """Return all intents of the booking, newest first."""
        ...

    def unsettled(self) -> Sequence[Intent]:
        """Return the intents of any scope that need a human, and those whose outcome is unknown."""
        ...

    def beginning_with(self, prefix: str, limit: int) -> Sequence[Intent]:
        """Return intents of any scope whose id begins with ``prefix``."""
        ...

    def resolve(self, intent: Intent, to: State, now: datetime, provider_id: str | None) -> Intent | None:
        """Record a person's decision about an unsettled intent. *planned* starts with no attempt counted.

        ``None``: the intent is not unsettled (any more), or another process has claimed it.
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
        """Claim one planned intent of these bookings for ``lease``, the least recently examined."""
        ...

    def known(self, intents: Collection[str]) -> frozenset[str]:
        """Return those of these intent ids that the ledger has, of any scope."""
        ...

    def begin_sending(
        self,
        intent: Intent,
        lease: timedelta,
        now: datetime,
        *,
        subject: str | None = None,
        account: str | None = None,
        starts_at: datetime | None = None,
        first_tried_at: datetime | None = None,
    ) -> Intent | None:
        """Move to *sending*: count an attempt and start the lease.

        ``subject`` replaces the intent's if the booking has changed since it was planned. ``account`` is the digest of
        the provider account that receives the call. ``starts_at`` is where an event is about to stand.
        ``first_tried_at``: the first call may have left as early as this.
        """
        ...

    def mark_done(self, intent: Intent, provider_id: str | None, code: str, now: datetime) -> Intent | None:
        """Move to *done*. ``None`` keeps the intent's provider id; the database refuses *done* without one."""
        ...

    def mark_handed_over(self, intent: Intent, queue_row: str, now: datetime) -> Intent | None:
        """Move to *done*: the application sends the text from this row of its queue."""
        ...

    def mark_refused(self, intent: Intent, code: str, cause: Cause | None, now: datetime) -> Intent | None:
        """Move to *refused*: a permanent answer."""
        ...

    def mark_unknown(self, intent: Intent, code: str, settle: timedelta, now: datetime) -> Intent | None:
        """Move to *unknown*. The provider is not queried before ``settle`` has passed."""
        ...

    def plan_again(
        self, intent: Intent, code: str, not_before: datetime, now: datetime, *, counts: bool
    ) -> Intent | None:
        """Move back to *planned*: the effect is provably absent. ``counts``: whether the attempt still counts."""
        ...

    def others_accepted(self, intent: Intent) -> bool:
        """Whether the provider has accepted a call for another booking since this intent's call failed last."""
        ...

    def take_back_attempt(
        self, intent: Intent, code: str, cause: Cause | None, not_before: datetime | None, now: datetime
    ) -> Intent | None:
        """Move back to *planned* and uncount the attempt: no call left, or the provider certainly did nothing."""
        ...

    def drop(self, intent: Intent, code: str, now: datetime) -> Intent | None:
        """Move to *dropped*: the effect is not needed any more."""
        ...

    def need_human(
        self, intent: Intent, code: str, cause: Cause, now: datetime, *, provider_id: str | None = None
    ) -> Intent | None:
        """Move to *needs_human*. ``provider_id`` names an effect that was found but does not count as *done*."""
        ...

    def release(self, intent: Intent, code: str, now: datetime) -> None:
        """Release the claim without a change of state; ``code`` says why nothing was done."""
        ...

    def lease_left(self, intent: Intent) -> timedelta:
        """Return what is left of the lease by the database's clock; zero or less if the claim is not ours any more."""
        ...


class Gaps(Protocol):
    """Gaps: open, record, close, list. A gap closes only when something is known about its booking."""

    def open(self, kind: GapKind) -> Sequence[Gap]: ...

    def open_about(self, kind: GapKind, about: str) -> Gap | None:
        """Return the open gap about this booking, if there is one."""
        ...

    def record(self, kind: GapKind, about: str, cause: Cause, reason: str, now: datetime) -> None:
        """Open the gap, or record that it still exists and why."""
        ...

    def record_all(self, kind: GapKind, gaps: Mapping[BookingId, NewGap], now: datetime) -> None:
        """Open or refresh many gaps."""
        ...

    def record_faults(self, kind: GapKind, about: str, faults: Sequence[IntegrationFault], now: datetime) -> None:
        """Open the gap of a broken integration, or record that it still exists and what is wrong now."""
        ...

    def close(self, kind: GapKind, about: str, by: str, now: datetime) -> None:
        """Close the gap. ``by`` says why: a condition, ``repaired`` or ``gone``."""
        ...

    def close_all(self, kind: GapKind, closed: Mapping[BookingId, str], now: datetime) -> None:
        """Close many gaps: booking -> why."""
        ...

    def close_kind(self, kind: GapKind, by: str, now: datetime) -> None:
        """Close every gap of this kind: its rule is not enabled any more."""
        ...


class Runs(Protocol):
    """Runs of jobs."""

    def had_full_scan(self, job: str, runner: Runner, since: datetime) -> bool:
        """Whether the job has completed a full scan since then, with the same settings."""
        ...

    def start(self, job: str, runner: Runner, now: datetime, *, full: bool) -> int: ...

    def settings_differ(self, runner: Runner, since: datetime) -> bool:
        """Whether a process with the same scope has run a job since then with other settings."""
        ...

    def finish(self, run: int, now: datetime, result: str, counts: Mapping[str, int]) -> None: ...


class Rates(Protocol):
    """Rate limits for calls, shared by all processes."""

    def reserve(self, name: str, interval: timedelta, longest: timedelta) -> timedelta:
        """Reserve the next call slot of ``name`` among all processes and return how long to wait for it.

        If the wait is longer than ``longest``, nothing was reserved.
        """
        ...

    def pause(self, name: str, wait: timedelta) -> None:
        """Grant no process a slot of ``name`` before ``wait`` has passed."""
        ...
