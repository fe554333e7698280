"""Our ledger: the schema, intents, gaps, runs, rates.

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
class NewIntent:
    booking: BookingId
    effect: Effect
    trigger: str
    subject: str


class Ledger(Protocol):
    """Our schema ``reconciler`` as a whole. Nothing but ``exists`` may be asked while it does not exist."""

    def exists(self) -> bool: ...

    def is_ours_to_write(self) -> bool:
        """Whether our role may write it: who only looks by hand may not, and so says nothing about repairs."""
        ...

    def installation(self) -> Installation: ...

    def now(self) -> datetime:
        """The database's clock, not the transaction's: leases go by it."""
        ...


class Intents(Protocol):
    """Intents and their moves."""

    def latest(
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


class Gaps(Protocol):
    """Gaps: opened, closed by a statement about them, listed."""

    def open(self, kind: GapKind) -> Sequence[Gap]: ...

    def open_about(self, kind: GapKind, about: str) -> Gap | None:
        """The one about this booking, if there is one."""
        ...

    def record(self, kind: GapKind, about: str, cause: Cause, reason: str, now: datetime) -> None:
        """Open the gap, or note that it is still there and why."""
        ...

    def record_all(self, kind: GapKind, gaps: Mapping[BookingId, tuple[Cause, str]], now: datetime) -> None:
        """The same for many: booking -> cause and reason."""
        ...

    def record_faults(self, kind: GapKind, about: str, faults: Sequence[IntegrationFault], now: datetime) -> None:
        """Open the gap of a broken integration, or note that it is still there and what is wrong by now."""
        ...

    def close(self, kind: GapKind, about: str, by: str, now: datetime) -> None:
        """Close it by a statement about it (``by``: a condition, ``repaired``, ``gone``)."""
        ...

    def close_all(self, kind: GapKind, closed: Mapping[BookingId, str], now: datetime) -> None:
        """The same for many: booking -> by what."""
        ...

    def close_kind(self, kind: GapKind, by: str, now: datetime) -> None:
        """Close every gap of this kind: nobody asks for it any more."""
        ...


class Runs(Protocol):
    """Runs of jobs."""

    def had_full_scan(self, job: str, scope: str, since: datetime) -> bool: ...

    def start(self, job: str, runner: Runner, now: datetime, *, full: bool) -> int: ...

    def settings_differ(self, runner: Runner, since: datetime) -> bool:
        """Whether somebody with the same scope has run a job since then with other settings."""
        ...

    def finish(self, run: int, now: datetime, result: str, counts: Mapping[str, int]) -> None: ...


class Rates(Protocol):
    """The pace of calls that all processes share."""

    def reserve(self, name: str, interval: timedelta, longest: timedelta) -> timedelta:
        """Reserve the next call of ``name`` among all processes; how long to wait for it.

        More than ``longest``: nothing was reserved.
        """
        ...

    def pause(self, name: str, wait: timedelta) -> None:
        """No slot of ``name`` before that, for any process."""
        ...
