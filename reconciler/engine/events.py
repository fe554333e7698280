"""Repairing an event: look for it, adopt or insert it, and write its id back by compare-and-set.

An insert may be repeated: its id is derived from booking and generation, so a repeat collides instead of doubling.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from reconciler.domain import events
from reconciler.domain.bookings import Booking, BookingId
from reconciler.domain.events import Adopt, Adoption, CalendarEvent, LeaveAlone
from reconciler.domain.gaps import Effect, GapKind, IntegrationFault
from reconciler.domain.intents import EVENT_TRIGGER, Intent, Outcome, Result, State
from reconciler.domain.plan import Decision
from reconciler.domain.policies import Limits, Policy
from reconciler.domain.settling import Found, Settled
from reconciler.domain.verdicts import CAUSE_OF_REFUSAL, Refusal, Standing, refused
from reconciler.engine.insisting import insist
from reconciler.engine.mender import Scope, recheck
from reconciler.engine.outcomes import ended, record
from reconciler.engine.pacing import obey, wait_for_slot
from reconciler.engine.results import Became, Mended
from reconciler.engine.write_back import WriteBack
from reconciler.ports import DUPLICATE, Calendar, ProviderFailure, Services, StoredEvent, Transaction

PROBES = 5
"""So many event ids stored most recently are asked for; if the calendar knows none of them, it is the wrong one."""
LOOK_AGAIN = timedelta(hours=1)
"""After several events were found for one booking: a person may have removed one meanwhile."""
TOMBSTONE = "tombstone"
_SLOT = "google"


@dataclass(frozen=True, slots=True)
class Events:
    services: Services
    kind = GapKind.CALENDAR_MISSING
    effect = Effect.EVENT
    integration = GapKind.INTEGRATION_GOOGLE
    may_arrive_late = True

    @property
    def policy(self) -> Policy:
        return self.services.events.policy

    @property
    def limits(self) -> Limits:
        return self.services.event_limits

    def decide(
        self,
        tx: Transaction,
        scope: Scope,
        broken: Sequence[Booking],
        intents: Mapping[BookingId, Intent],
        now: datetime,
    ) -> list[Decision]:
        return [self._decision(booking, intents.get(booking.id), now) for booking in broken]

    def _decision(self, booking: Booking, last: Intent | None, now: datetime) -> Decision:
        verdict = events.judge_event(booking, last, self.services.events, now)
        begun_anew_too_often = last and last.state.is_final and last.generation >= self.limits.generations
        if verdict.standing is Standing.REPAIR and begun_anew_too_often:
            verdict = refused(Refusal.GIVEN_UP)
        return Decision(
            booking=booking,
            verdict=verdict,
            trigger=EVENT_TRIGGER,
            subject=events.subject(booking, self.services.events),
            is_new=last is None or last.state.is_final,
        )

    def check(self) -> IntegrationFault | None:
        fault = self._calendar().check()
        if fault:
            return fault
        with self.services.store.reading() as tx:
            known = tx.bookings.recent_event_ids(PROBES)
        if not known or any(self._calendar().get(event_id) for event_id in known):
            return None
        return IntegrationFault(
            kind=self.integration,
            code="wrong_calendar",
            seen=f"none of the {len(known)} event ids stored last is in the calendar of GOOGLE_CALENDAR_ID",
            remedy="set GOOGLE_CALENDAR_ID to the calendar the application writes to",
        )

    @property
    def final_triggers(self) -> Collection[str] | None:
        """None of them: an event that was made may vanish, and is made again."""
        return ()

    @property
    def settle_after(self) -> timedelta:
        """Not at all: the answer about an id is certain, and trying again collides with what arrives late."""
        return timedelta(0)

    def asker(self, scope: Scope) -> Callable[[Intent], Settled]:
        return lambda intent: self._ask(intent, scope)

    def _ask(self, intent: Intent, scope: Scope) -> Settled:
        event_id = events.event_id(scope.installation, intent.booking, intent.generation)
        found = self._calendar().get(event_id)
        if found is None:
            return Settled(found=Found.ABSENT, code="absent")
        if found.live:
            return Settled(found=Found.THERE, code="found", provider_id=event_id)
        return Settled(found=Found.TAKEN_BACK, code=TOMBSTONE)

    def conclude(self, done: Intent, scope: Scope) -> None:
        self._write_back(done)

    def withdraw(self, tx: Transaction, intent: Intent, scope: Scope, reason: str) -> None:
        """Nothing: the booking names no event of ours yet."""

    def strays(self, tx: Transaction, scope: Scope, since: datetime) -> Sequence[Intent]:
        made = [intent for intent in tx.ledger.done_since(self.effect, since) if _is_ours(intent, scope)]
        stored = tx.bookings.stored_events([intent.booking for intent in made])
        return [intent for intent in made if _is_stray(intent, stored.get(intent.booking))]

    def sweep(self, stray: Intent, scope: Scope) -> None:
        assert stray.provider_id is not None
        found = self._calendar().get(stray.provider_id)
        if found and found.live:
            self._write_back(stray)
            return
        with self.services.store.writing() as tx:
            tx.ledger.undone(stray, TOMBSTONE, self.services.clock.now())

    def finish(self, intent: Intent, scope: Scope) -> None:
        """Nothing: an event that the booking does not name is a gap, and mended as one."""

    def mend(self, intent: Intent, scope: Scope) -> Mended:
        try:
            return self._mend(intent, scope)
        except ProviderFailure as failure:
            # Only reads raise, and they come before anything was sent.
            now = self.services.clock.now()
            with self.services.store.writing() as tx:
                tx.ledger.release(intent, failure.outcome.code, now)
            became = Became.BROKEN if failure.outcome.result is Result.BROKEN else Became.HELD
            return Mended(became=became, reason=failure.outcome.code, outcome=failure.outcome)

    def _mend(self, intent: Intent, scope: Scope) -> Mended:
        now = self.services.clock.now()
        with self.services.store.writing() as tx:
            decision = recheck(self, tx, intent, scope, now)
            earlier = tx.ledger.done(self.effect, intent.booking)
        if isinstance(decision, Mended):
            return decision
        if earlier and earlier.provider_id:
            found = self._calendar().get(earlier.provider_id)
            if found and found.live and (found.starts_at == decision.booking.starts_at or not _is_ours(earlier, scope)):
                # Made by us before, and the booking lost the id: nothing new is needed but the id.
                return self._take(intent, earlier.provider_id, scope, already_ours=True)
            if found and found.live:
                # The party moved before the id was written: that event would stand on the wrong day.
                WriteBack(self.services, self._calendar(), self.kind).remove(earlier, "moved")
        match self._found(decision.booking):
            case Adopt(event_id=event_id):
                return self._take(intent, event_id, scope, already_ours=False)
            case LeaveAlone(refusal=refusal):
                return self._leave_alone(intent, refusal, scope)
            case _:
                return self._insert(intent, scope)

    def _found(self, booking: Booking) -> Adoption:
        """What the calendar holds for this booking that nobody else names."""
        assert booking.starts_at is not None
        around = self._calendar().around(booking.starts_at, events.ADOPTION_WINDOW)
        found = events.candidates(booking, around)
        with self.services.store.reading() as tx:
            free = [event for event in found if not _taken(tx, event, booking.id)]
            ambiguous = bool(free) and tx.bookings.shares_reference(booking.id)
        return LeaveAlone(Refusal.SEVERAL_CANDIDATES) if ambiguous else events.adoption(free, self.services.events)

    def _take(self, intent: Intent, event_id: str, scope: Scope, *, already_ours: bool) -> Mended:
        """Write the id of an event that is there already: no call, so ledger and booking change together."""
        now = self.services.clock.now()
        with self.services.store.writing() as tx:
            decision = recheck(self, tx, intent, scope, now)
            if isinstance(decision, Mended):
                return decision
            if not tx.bookings.store_event_id(intent.booking, decision.booking.event_id, event_id):
                tx.ledger.release(intent, "busy", now)
                return Mended(became=Became.HELD, reason="busy")
            if already_ours:
                tx.ledger.move(intent, State.DROPPED, code="written_back", now=now)
            else:
                sending = tx.ledger.move(intent, State.SENDING, code="", now=now, lease=self.limits.lease)
                if sending:
                    tx.ledger.move(sending, State.DONE, code="adopted", now=now, provider_id=event_id)
            tx.ledger.close_gap(self.kind, intent.booking, "repaired", now)
        return Mended(became=Became.WRITTEN_BACK if already_ours else Became.ADOPTED)

    def _leave_alone(self, intent: Intent, refusal: Refusal, scope: Scope) -> Mended:
        now = self.services.clock.now()
        with self.services.store.writing() as tx:
            decision = recheck(self, tx, intent, scope, now)
            if isinstance(decision, Mended):
                return decision
            sending = tx.ledger.move(intent, State.SENDING, code="", now=now, lease=self.limits.lease)
            if sending and refusal is Refusal.SEVERAL_CANDIDATES:
                again = now + LOOK_AGAIN
                tx.ledger.move(sending, State.PLANNED, code=refusal, now=now, not_before=again, counts=False)
                cause = CAUSE_OF_REFUSAL[refusal]
                tx.ledger.record_gap(GapKind.CALENDAR_DUPLICATE, intent.booking, cause, refusal, now)
            elif sending:
                cause = CAUSE_OF_REFUSAL[refusal]
                tx.ledger.move(sending, State.REFUSED, code=refusal, now=now, cause=cause)
            tx.ledger.record_gap(self.kind, intent.booking, CAUSE_OF_REFUSAL[refusal], refusal, now)
        return Mended(became=Became.REFUSED, reason=refusal)

    def _insert(self, intent: Intent, scope: Scope) -> Mended:
        stopped = wait_for_slot(self.services, _SLOT, self.limits.interval, intent)
        if stopped:
            return stopped
        now = self.services.clock.now()
        with self.services.store.writing() as tx:
            decision = recheck(self, tx, intent, scope, now)
            if isinstance(decision, Mended):
                return decision
            event_id = events.event_id(scope.installation, intent.booking, intent.generation)
            tx.bookings.rehearse_event_id(intent.booking, decision.booking.event_id, event_id)
            lease = self.limits.lease
            sending = tx.ledger.move(intent, State.SENDING, code="", now=now, lease=lease, subject=decision.subject)
            if sending is None:
                return Mended(became=Became.HELD, reason="claimed_elsewhere")
        body = events.body(decision.booking, self.services.events, scope.installation, intent.generation)
        outcome = self._calendar().insert(body)
        if outcome.result is Result.REFUSED and outcome.code == DUPLICATE:
            outcome = self._what_is_there(body.id)
        now = self.services.clock.now()

        def know(tx: Transaction) -> Intent | None:
            moved = record(tx, self, sending, outcome, now)
            obey(tx, _SLOT, outcome)
            if moved and outcome.code == TOMBSTONE:
                return tx.ledger.move(moved, State.DROPPED, code=TOMBSTONE, now=now)
            return moved

        known = insist(self.services, know)
        if outcome.result is not Result.DONE:
            return ended(outcome, Became.CREATED)
        # Longer than our lease, and somebody has decided without us: what we made is needed by the booking, or goes.
        return self._write_back(known or replace(sending, provider_id=outcome.provider_id))

    def _write_back(self, done: Intent) -> Mended:
        return WriteBack(self.services, self._calendar(), self.kind).run(done)

    def _what_is_there(self, event_id: str) -> Outcome:
        """Our id is taken: by our own live event, or by the tombstone of one that the application removed."""
        try:
            found = self._calendar().get(event_id)
        except ProviderFailure as failure:
            return Outcome(result=Result.UNKNOWN, code=failure.outcome.code, stops_pass=failure.outcome.stops_pass)
        if found and found.live:
            return Outcome(result=Result.DONE, code="already_there", provider_id=event_id)
        return Outcome(result=Result.UNKNOWN, code=TOMBSTONE if found else "absent")

    def _calendar(self) -> Calendar:
        if self.services.calendar is None:
            raise RuntimeError("a pass that may not write asked for the calendar")
        return self.services.calendar


def _is_ours(intent: Intent, scope: Scope) -> bool:
    """Only an id that recomputes from the ledger is ours to delete; an adopted event never is."""
    return intent.provider_id == events.event_id(scope.installation, intent.booking, intent.generation)


def _is_stray(intent: Intent, stored: StoredEvent | None) -> bool:
    """An eligible booking that stores nothing is a gap, and mended as one."""
    if stored is None or not stored.eligible:
        return stored is None or stored.event_id != intent.provider_id
    return stored.event_id not in (None, intent.provider_id)


def _taken(tx: Transaction, event: CalendarEvent, booking: BookingId) -> bool:
    return tx.bookings.names_event(event.id, booking) or tx.ledger.names_event(event.id, booking)
