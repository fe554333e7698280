"""Removes events of ours that no booking calls for. No other code deletes an event that a booking may have relied on.

``read_removal_plan`` reads, ``run`` executes one removal. Everything that the plan believed is read again before the
call, because the table may have been emptied, or the booking restored, in between.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from reconciler.domain.bookings import Booking, BookingId
from reconciler.domain.decide.calendar_decision_table import Seen, Step, Whose, observed, step
from reconciler.domain.decide.calendar_event import CalendarEvent
from reconciler.domain.decide.identity import Same, same_booking
from reconciler.domain.decide.policies import Limits
from reconciler.domain.decide.removals import (
    MOST_WITNESSES,
    KnownEvent,
    Removal,
    RemovalPlan,
    RemovalReason,
    came_back,
    plan_removals,
    reason_to_remove,
    row_of,
    still_seen,
)
from reconciler.domain.decide.verdicts import Contradiction
from reconciler.domain.gaps import Cause, Effect, GapKind
from reconciler.domain.intents import Intent, Result, State
from reconciler.engine.repair.calendar.write_back import MOVED, WriteBack
from reconciler.engine.repair.rate_limit import GOOGLE, apply_retry_after, take_slot, without_slot
from reconciler.engine.repair.repairer import LONG_AGO, Repairer, Scope
from reconciler.engine.repair.results import AttemptStatus, RemovalResult, RemovalStatus
from reconciler.ports import Calendar, ProviderFailure, RepairServices, StoredEvent, Transaction

TOMBSTONE = Seen.TOMBSTONE.value
REMEMBERED = timedelta(days=31)
"""How long after its start an event may still be moved with its booking."""
_A_DAY = timedelta(days=1)


def read_removal_plan(
    tx: Transaction,
    repairer: Repairer,
    scope: Scope,
    recipient: Callable[[Booking], str],
    now: datetime,
    max_removals: int | None,
) -> RemovalPlan:
    """The removals that the rows of the bookings call for. ``recipient`` is the digest of a booking's number."""
    known = tx.removals.events(Effect.CALENDAR, scope.installation, now - REMEMBERED)
    rows = tx.events.stored_events({event.intent.booking for event in known})
    events = _identified(tx, repairer, known, rows, recipient, now)
    # Sorting the whole table is for the rare pass that misses a row.
    oldest = {} if all(row_of(event, rows) for event in events) else tx.bookings.oldest(MOST_WITNESSES)
    lately = tx.removals.removed_since(Effect.CALENDAR, now - _A_DAY)
    return plan_removals(events, rows, oldest, lately, repairer.limits.removal_breaker, max_removals, now)


def _identified(
    tx: Transaction,
    repairer: Repairer,
    events: Sequence[KnownEvent],
    rows: Mapping[BookingId, StoredEvent],
    recipient: Callable[[Booking], str],
    now: datetime,
) -> list[KnownEvent]:
    """The events; where the row was made after the event, it is asked whether it is the same booking's."""
    younger = {
        event.intent.booking
        for event in events
        if (stored := row_of(event, rows)) and stored.created_at > event.intent.updated_at
    }
    found = tx.bookings.findings(repairer.kind, now, LONG_AGO, younger) if younger else {}

    def row(event: KnownEvent) -> Same:
        booking = event.intent.booking
        if event.row is not Same.YES or booking not in younger:
            return event.row
        if booking not in found:
            return Same.DOUBTFUL
        booked = found[booking].booking
        return same_booking(booked, event.intent, lambda: recipient(booked))

    return [replace(event, row=row(event)) for event in events]


def ask_start(services: RepairServices, calendar: Calendar, limits: Limits, event: KnownEvent) -> bool:
    """Note where the calendar shows an event, or that it shows none. Returns whether it could be asked now.

    Raises:
        ProviderFailure: the calendar could not be asked.
    """
    if take_slot(services, GOOGLE, limits.interval):
        return False
    intent, now = event.intent, services.clock.now()
    assert intent.provider_id is not None
    found = calendar.get(intent.provider_id)
    with services.store.writing() as tx:
        if found is None and intent.state is State.DROPPED:
            tx.intents.confirm_never_arrived(intent, limits.settle, now)
        elif found is None or not found.live:
            tx.intents.mark_effect_gone(intent, TOMBSTONE, now)
            tx.events.clear_event_id(intent.booking, intent.provider_id)
        elif found.starts_at is not None:  # a person may have made it an event of whole days: it stays
            tx.removals.note_start(intent, found.starts_at)
    return True


@dataclass(frozen=True, slots=True)
class EventRemoval:
    """Executes one planned removal."""

    repairer: Repairer
    services: RepairServices
    calendar: Calendar
    removal: Removal

    def run(self) -> RemovalResult:
        """Raises:
        ProviderFailure: the calendar could not be asked; nothing was removed.
        """
        hold = take_slot(self.services, GOOGLE, self.repairer.limits.interval)
        if hold:
            return RemovalResult(status=RemovalStatus.HELD, reason=hold, outcome=without_slot(hold))
        try:
            return self._run()
        except ProviderFailure as failure:
            with self.services.store.writing() as tx:
                apply_retry_after(tx, GOOGLE, failure.outcome)
            raise

    def _run(self) -> RemovalResult:
        now = self.services.clock.now()
        with self.services.store.reading() as tx:
            stored = self._stored_as_planned(tx, now)
        if isinstance(stored, RemovalResult):
            return stored
        found = self.calendar.get(self._event_id)
        if found is None or step(observed(found), Whose.UNWANTED) is not Step.REMOVE:
            return self._forget(found, stored, now)
        kept = self._why_kept(found, stored, now)
        return kept or self._delete(stored, now)

    @property
    def _intent(self) -> Intent:
        return self.removal.event.intent

    @property
    def _event_id(self) -> str:
        assert self._intent.provider_id is not None
        return self._intent.provider_id

    def _stored_as_planned(self, tx: Transaction, now: datetime) -> StoredEvent | RemovalResult | None:
        """What the row says now; a result if the reason for the removal does not hold any more."""
        removal, booking = self.removal, self._intent.booking
        if any(fault.blinds for fault in tx.bookings.effect_faults(Effect.CALENDAR, writing=True)):
            return RemovalResult(status=RemovalStatus.KEPT, reason="unreadable")
        rows = tx.events.stored_events({booking, *removal.witnesses})
        stored = row_of(removal.event, rows)
        if came_back(removal.event, rows) or reason_to_remove(removal.event, stored, now) is not removal.reason:
            return RemovalResult(status=RemovalStatus.KEPT, reason="changed")
        if removal.reason is RemovalReason.GONE and not still_seen(removal.witnesses, rows):
            return RemovalResult(status=RemovalStatus.KEPT, reason="emptied")
        return stored

    def _why_kept(self, found: CalendarEvent, stored: StoredEvent | None, now: datetime) -> RemovalResult | None:
        """What the calendar shows may contradict the plan."""
        starts_at, reason = found.starts_at, self.removal.reason
        if reason is RemovalReason.MOVED:
            assert stored is not None
            if starts_at is not None and starts_at == stored.starts_at:
                self._note_start(starts_at)
                return RemovalResult(status=RemovalStatus.KEPT, reason="moved_too")
            if stored.event_id and starts_at != self.removal.event.starts_at:
                # Somebody put it at a third place. The booking still names it, so a person decides.
                return self._for_a_person(Contradiction.EDITED)
            return None
        if starts_at is not None and starts_at <= now:
            self._note_start(starts_at)
            return RemovalResult(status=RemovalStatus.KEPT, reason="over")
        if reason is RemovalReason.REPLACED:
            assert stored is not None
            assert stored.event_id is not None
            if step(observed(self.calendar.get(stored.event_id)), Whose.STORED) is not Step.GIVE_WAY:
                # The other event does not exist (any more): ours takes its place.
                return self._take_its_place(starts_at)
        return None

    def _take_its_place(self, starts_at: datetime | None) -> RemovalResult:
        end = WriteBack(self.services, self.calendar, self.repairer.kind).run(self._intent, starts_at)
        if end.status.is_repaired:
            return RemovalResult(status=RemovalStatus.KEPT, reason="written_back")
        if end.reason == MOVED:
            # Ours stands elsewhere too. With the id in the row, no rule sees that this booking has no event.
            return self._for_a_person(Contradiction.NO_SUCH_EVENT)
        if end.status is AttemptStatus.HELD:
            return RemovalResult(status=RemovalStatus.HELD, reason=end.reason, outcome=end.outcome)
        return RemovalResult(status=RemovalStatus.KEPT, reason="changed")

    def _for_a_person(self, why: Contradiction) -> RemovalResult:
        now, about = self.services.clock.now(), self._intent.booking
        with self.services.store.writing() as tx:
            tx.gaps.record(GapKind.CALENDAR_ORPHAN, about, Cause.UNUSABLE_DATA, why, now)
        return RemovalResult(status=RemovalStatus.NEEDS_HUMAN, reason=why)

    def _delete(self, stored: StoredEvent | None, now: datetime) -> RemovalResult:
        if self._is_named(stored):
            with self.services.store.writing() as tx:
                tx.events.try_clear_event_id(self._intent.booking, self._event_id)
        outcome = self.calendar.delete(self._event_id)
        done = outcome.result is Result.DONE
        with self.services.store.writing() as tx:
            apply_retry_after(tx, GOOGLE, outcome)
            if done:
                self._mark_gone(tx, self.removal.reason, stored, now)
                tx.gaps.close(GapKind.CALENDAR_ORPHAN, self._intent.booking, "repaired", now)
            else:
                tx.gaps.record(GapKind.CALENDAR_ORPHAN, self._intent.booking, Cause.BLOCKED, outcome.code, now)
        status = RemovalStatus.REMOVED if done else RemovalStatus.HELD
        return RemovalResult(status=status, reason=self.removal.reason if done else outcome.code, outcome=outcome)

    def _forget(self, found: CalendarEvent | None, stored: StoredEvent | None, now: datetime) -> RemovalResult:
        """The calendar does not show the event: somebody removed it before us, or it never arrived."""
        with self.services.store.writing() as tx:
            if found is None and self._intent.state is State.DROPPED:
                tx.intents.confirm_never_arrived(self._intent, self.repairer.limits.settle, now)
            else:
                self._mark_gone(tx, TOMBSTONE, stored, now)
        return RemovalResult(status=RemovalStatus.KEPT, reason="already_gone")

    def _mark_gone(self, tx: Transaction, code: str, stored: StoredEvent | None, now: datetime) -> None:
        """The ledger and the row forget the event together: a row that names it would hide that it is missing."""
        tx.intents.mark_effect_gone(self._intent, code, now)
        if self._is_named(stored):
            tx.events.clear_event_id(self._intent.booking, self._event_id)

    def _is_named(self, stored: StoredEvent | None) -> bool:
        return stored is not None and stored.event_id == self._intent.provider_id

    def _note_start(self, starts_at: datetime) -> None:
        with self.services.store.writing() as tx:
            tx.removals.note_start(self._intent, starts_at)
