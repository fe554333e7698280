"""Create one booking's event: reuse the one in our ledger, adopt one from the calendar, or insert our own.

An insert may be repeated. Its id is derived from booking and generation, so a repeat collides with the first event
instead of creating a second one.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from reconciler.domain.bookings import Booking
from reconciler.domain.decide import calendar_event
from reconciler.domain.decide.calendar_decision_table import (
    RESULTS,
    Seen,
    Step,
    Whose,
    observed_at,
    owner_of,
    pick_adoptable,
    step,
)
from reconciler.domain.decide.calendar_event import CalendarEvent, EventBody
from reconciler.domain.decide.verdicts import CAUSE_OF_REFUSAL, Hold, Refusal
from reconciler.domain.gaps import GapKind
from reconciler.domain.intents import Intent, Outcome, Result
from reconciler.engine.repair.calendar.removal import REMEMBERED
from reconciler.engine.repair.calendar.write_back import MOVED, WriteBack
from reconciler.engine.repair.lease_guard import call_within_lease
from reconciler.engine.repair.outcomes import about_this_one, attempt_result, record_outcome
from reconciler.engine.repair.rate_limit import GOOGLE, apply_retry_after, wait_for_slot
from reconciler.engine.repair.repairer import Repairer, Scope, recheck
from reconciler.engine.repair.results import CLAIMED_ELSEWHERE, AttemptResult, AttemptStatus
from reconciler.engine.repair.write_retry import write_with_retry
from reconciler.ports import DUPLICATE, Calendar, ProviderFailure, RepairServices, Transaction

TOMBSTONE = Seen.TOMBSTONE.value
RECHECK_DUPLICATES_AFTER = timedelta(hours=1)
"""When a booking with several events is checked again. A person may have removed one of them by then."""
_REFUSALS = {Seen.SEVERAL: Refusal.SEVERAL_CANDIDATES, Seen.TOMBSTONE: Refusal.DELETED_BY_HAND}


@dataclass(frozen=True, slots=True)
class EventCreation:
    """Repairs one claimed intent, to its end."""

    repairer: Repairer
    services: RepairServices
    calendar: Calendar
    scope: Scope
    intent: Intent

    def run(self) -> AttemptResult:
        try:
            return self._run()
        except ProviderFailure as failure:
            # Only reads raise this error, and they happen before any insert.
            with self.services.store.writing() as tx:
                tx.intents.release(self.intent, failure.outcome.code, self.services.clock.now())
            return attempt_result(failure.outcome, AttemptStatus.HELD)

    def _run(self) -> AttemptResult:
        with self.services.store.writing() as tx:
            decision = recheck(self.repairer, tx, self.intent, self.scope, self.services.clock.now())
            earlier = tx.intents.done(self.repairer.effect, self.intent.booking, self.intent.incarnation)
        if isinstance(decision, AttemptResult):
            return decision
        if earlier and earlier.provider_id:
            found = self.calendar.get(earlier.provider_id)
            column = Whose.ASKED if is_ours(earlier, self.scope) else Whose.CANDIDATE
            match step(observed_at(found, decision.booking.starts_at), column):
                case Step.DONE | Step.ADOPT:
                    # The event still exists, but the booking lost its id. Only the id has to be written.
                    return self._link_existing(earlier.provider_id, earlier)
                case Step.REMOVE if not self._is_history(earlier, found):
                    # The booking moved before the id was written. The event is removed first, as a planned removal of
                    # the next pass if it is not one of this pass: never create a second event.
                    return self._hold_until_removed(earlier, found)
        seen, event = self._adoptable(decision.booking)
        match step(seen, Whose.CANDIDATE):
            case Step.ADOPT if event:
                return self._link_existing(event.id, None)
            case Step.ASK_HUMAN:
                return self._refuse(_REFUSALS[seen])
            case _:
                return self._insert()

    def _adoptable(self, booking: Booking) -> tuple[Seen, CalendarEvent | None]:
        """Return what the calendar holds for this booking and no other booking or intent names."""
        return find_adoptable(self.services, self.calendar, booking)

    def _link_existing(self, event_id: str, earlier: Intent | None) -> AttemptResult:
        """Write the id of an existing event. No call is made, so ledger and booking change in one transaction.

        ``earlier``: the intent that made it, if the ledger knows it already.
        """
        intent, now = self.intent, self.services.clock.now()
        with self.services.store.writing() as tx:
            decision = recheck(self.repairer, tx, intent, self.scope, now)
            if isinstance(decision, AttemptResult):
                return decision
            booking = decision.booking
            assert booking.starts_at is not None
            if not tx.events.store_event_id(intent.booking, booking.event_id, event_id, booking.starts_at):
                tx.intents.release(intent, Hold.BUSY, now)
                return AttemptResult(status=AttemptStatus.HELD, reason=Hold.BUSY)
            if earlier:
                # Where the ledger alone shows the event, the booking's row may be younger than the intent.
                tx.intents.confirm_done(earlier, now)
                tx.intents.drop(intent, "written_back", now)
            else:
                sending = tx.intents.begin_sending(intent, self.repairer.limits.lease, now)
                if sending:
                    tx.intents.mark_done(sending, event_id, "adopted", now)
            tx.gaps.close(self.repairer.kind, intent.booking, "repaired", now)
        return AttemptResult(status=AttemptStatus.WRITTEN_BACK if earlier else AttemptStatus.ADOPTED)

    def _refuse(self, refusal: Refusal) -> AttemptResult:
        intent, kind, cause, now = self.intent, self.repairer.kind, CAUSE_OF_REFUSAL[refusal], self.services.clock.now()
        with self.services.store.writing() as tx:
            decision = recheck(self.repairer, tx, intent, self.scope, now)
            if isinstance(decision, AttemptResult):
                return decision
            sending = tx.intents.begin_sending(intent, self.repairer.limits.lease, now)
            if sending and refusal is Refusal.SEVERAL_CANDIDATES:
                tx.intents.take_back_attempt(sending, refusal, None, now + RECHECK_DUPLICATES_AFTER, now)
                tx.gaps.record(GapKind.CALENDAR_DUPLICATE, intent.booking, cause, refusal, now)
            elif sending:
                tx.intents.mark_refused(sending, refusal, cause, now)
            tx.gaps.record(kind, intent.booking, cause, refusal, now)
        return AttemptResult(status=AttemptStatus.REFUSED, reason=refusal)

    def _insert(self) -> AttemptResult:
        intent, limits = self.intent, self.repairer.limits
        stopped = wait_for_slot(self.services, GOOGLE, limits.interval, intent)
        if stopped:
            return stopped
        now = self.services.clock.now()
        with self.services.store.writing() as tx:
            decision = recheck(self.repairer, tx, intent, self.scope, now)
            if isinstance(decision, AttemptResult):
                return decision
            event_id = calendar_event.event_id(self.scope.installation, intent.key, intent.generation)
            body = calendar_event.body(decision.booking, self.services.calendar_policy, event_id, intent.generation)
            tx.events.try_store_event_id(intent.booking, decision.booking.event_id, body.id, body.starts_at)
            sending = tx.intents.begin_sending(
                intent, limits.lease, now, subject=decision.subject, starts_at=body.starts_at
            )
            if sending is None:
                return CLAIMED_ELSEWHERE
        stands_at = body.starts_at
        outcome = call_within_lease(self.services, self.repairer, sending, lambda: self.calendar.insert(body))
        if outcome.code == DUPLICATE:
            outcome, stands_at = self._inspect_duplicate(body)
        outcome = about_this_one(self.services, intent, outcome)
        now = self.services.clock.now()

        def write_ledger(tx: Transaction) -> Intent | None:
            moved = record_outcome(tx, self.repairer, sending, outcome, now)
            apply_retry_after(tx, GOOGLE, outcome)
            used_up = moved is not None and outcome.code == TOMBSTONE
            return tx.intents.drop(moved, TOMBSTONE, now) if moved and used_up else moved

        known = write_with_retry(self.services, write_ledger)
        if outcome.result is not Result.DONE:
            return attempt_result(outcome, AttemptStatus.CREATED)
        # After our lease another process may have decided. The booking needs our event, or the event is removed.
        return self._write_back.run(known or replace(sending, provider_id=outcome.provider_id), stands_at)

    def _inspect_duplicate(self, body: EventBody) -> tuple[Outcome, datetime]:
        """Return what has our id already and when it starts: our own live event, or the tombstone of a removed one."""
        try:
            found = self.calendar.get(body.id)
        except ProviderFailure as failure:
            answer = failure.outcome
            return Outcome(result=_HIDDEN, code=answer.code, stops_pass=answer.stops_pass), body.starts_at
        seen = observed_at(found, body.starts_at) if found else Seen.HIDDEN
        does = step(seen, Whose.INSERTED)
        is_there = RESULTS[does] is Result.DONE
        outcome = Outcome(result=RESULTS[does], code=_CODES[does], provider_id=body.id if is_there else None)
        return outcome, (found and found.starts_at) or body.starts_at

    @property
    def _write_back(self) -> WriteBack:
        return WriteBack(self.services, self.calendar, self.repairer.kind)

    def _is_history(self, earlier: Intent, found: CalendarEvent | None) -> bool:
        """Whether no pass plans the removal of that event: nothing may wait for it."""
        oldest = self.services.clock.now() - REMEMBERED
        is_old = found is not None and found.starts_at is not None and found.starts_at < oldest
        return earlier.effect_gone or is_old

    def _hold_until_removed(self, earlier: Intent, found: CalendarEvent | None) -> AttemptResult:
        with self.services.store.writing() as tx:
            if found and found.starts_at:  # the ledger of an earlier version does not know where the event stands
                tx.removals.note_start(earlier, found.starts_at)
            tx.intents.release(self.intent, MOVED, self.services.clock.now())
        return AttemptResult(status=AttemptStatus.HELD, reason=MOVED)


_HIDDEN = RESULTS[step(Seen.HIDDEN, Whose.INSERTED)]
_CODES = {
    Step.DONE: "already_there",
    Step.REMOVE: "already_there",
    Step.NEXT_GENERATION: TOMBSTONE,
    Step.ASK: "absent",
}


def find_adoptable(services: RepairServices, calendar: Calendar, booking: Booking) -> tuple[Seen, CalendarEvent | None]:
    """Return what the calendar holds for this booking and no other booking or intent names.

    Raises:
        ProviderFailure: the list could not be read to its end.
    """
    assert booking.starts_at is not None
    around = calendar.around(booking.starts_at, calendar_event.ADOPTION_WINDOW)
    with services.store.reading() as tx:
        free = [event for event in around if _step(tx, event, booking) is not Step.LEAVE_ALONE]
        if free and tx.bookings.shares_reference(booking.id):
            return Seen.SEVERAL, None
    return pick_adoptable(free, services.calendar_policy.deleted_by_hand)


def is_ours(intent: Intent, scope: Scope) -> bool:
    """Whether we created the event: its id can be derived from the ledger. An adopted event is never ours to delete."""
    return intent.provider_id == calendar_event.event_id(scope.installation, intent.key, intent.generation)


def _step(tx: Transaction, event: CalendarEvent, booking: Booking) -> Step:
    # Skips the queries for a busy day's events that are not this booking's.
    named = calendar_event.is_made_for(booking, event) and (
        tx.events.names_event(event.id, booking.id) or tx.intents.names_event(event.id, booking.id)
    )
    return step(observed_at(event, booking.starts_at), owner_of(event, booking, named_elsewhere=named))
