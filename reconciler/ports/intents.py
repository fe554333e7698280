"""Intents and their moves. Every method may raise ``DatabaseUnreachable`` or ``DatabaseDisagrees``."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.breaker import PlannedBy
from reconciler.domain.gaps import Cause, Effect
from reconciler.domain.intents import Intent, State


@dataclass(frozen=True, slots=True, kw_only=True)
class NewIntent:
    booking: BookingId
    effect: Effect
    trigger: str
    subject: str
    incarnation: int = 0
    recipient: str = ""
    starts_at: datetime | None = None
    planned_by: PlannedBy = PlannedBy.ORDINARY


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

    def in_state(self, effect: Effect, *states: State) -> Sequence[Intent]:
        """Return the intents in these states, in their order; within each, the least recently examined first."""
        ...

    def done_since(self, effect: Effect, since: datetime) -> Sequence[Intent]:
        """Return the *done* intents that were last tried since then, without those handed to the application."""
        ...

    def texted(self, recipients: Collection[str], since: datetime) -> Sequence[tuple[str, datetime]]:
        """Return recipient and time of our texts since then to these digests of numbers: sent, or perhaps."""
        ...

    def done(self, effect: Effect, booking: BookingId, incarnation: int) -> Intent | None:
        """Return the newest *done* intent of the booking, and of no earlier booking of its id."""
        ...

    def confirm_never_arrived(self, intent: Intent, wait: timedelta, now: datetime) -> None:
        """Record that a dropped intent has no effect, so that it is not among ``Removals.events`` any more.

        Does nothing until ``wait`` has passed since it was dropped.
        """
        ...

    def confirm_done(self, intent: Intent, now: datetime) -> None:
        """Record that a *done* intent is about the booking that has its id now, however young the booking's row is."""
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

    def begun_since(self, effect: Effect, planned_by: PlannedBy, since: datetime) -> int:
        """Return how many repairs of this count of the breaker are planned, or left the machine since then."""
        ...

    def drop_planned(self, effect: Effect, bookings: Mapping[BookingId, str], now: datetime) -> None:
        """Drop the planned, unclaimed intents of these bookings: booking -> why."""
        ...

    def abandon_expired(self, effect: Effect, settle: timedelta, now: datetime) -> None:
        """Move *sending* intents with an expired lease to *unknown*: the process died, or is too slow to be trusted.

        The provider is queried for the outcome once ``settle`` has passed.
        """
        ...

    def reopen(self, intents: Collection[Intent], now: datetime) -> None:
        """Move *refused* intents back to *planned*, with all attempts. They keep code and cause of the refusal."""
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
        """Return the intents of any scope that need a human, and those whose outcome is unknown.

        An intent that the provider refused by a code needs a human while its gap is open.
        """
        ...

    def beginning_with(self, prefix: str, limit: int) -> Sequence[Intent]:
        """Return intents of any scope whose id begins with ``prefix``."""
        ...

    def resolve(self, intent: Intent, to: State, now: datetime, provider_id: str | None) -> Intent | None:
        """Record a person's decision about an unsettled or refused intent. *planned* starts with no attempt counted.

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
        """Move back to *planned* and uncount the attempt: no call left, or the provider certainly did nothing.

        ``others_accepted`` counts from here.
        """
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
