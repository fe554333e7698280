"""After an event was created: store its id in the booking, if the booking still calls for it.

If the booking has changed meanwhile, the event stays where it is: the next pass plans its removal.
"""

from dataclasses import dataclass
from datetime import datetime

from reconciler.domain.decide.calendar_decision_table import Step, Whose, observed, placement, step
from reconciler.domain.decide.verdicts import Hold
from reconciler.domain.gaps import GapKind
from reconciler.domain.intents import Intent
from reconciler.engine.repair.results import AttemptResult, AttemptStatus
from reconciler.ports import Calendar, ProviderFailure, RepairServices, StoredEvent

_TRIES = 3
"""Each try is a compare-and-set on the row just read. After three lost races the next pass takes over."""
MOVED = "moved"


@dataclass(frozen=True, slots=True)
class WriteBack:
    """Write back the event in an intent's ``provider_id``. The event is live, and we created it."""

    services: RepairServices
    calendar: Calendar
    kind: GapKind

    def run(self, done: Intent, stands_at: datetime | None) -> AttemptResult:
        """Store the event's id, unless the booking does not need it any more.

        What cannot be finished now is left to the next pass, which finds the event through the ledger.
        """
        try:
            return self._run(done, stands_at)
        except ProviderFailure as failure:
            return AttemptResult(status=AttemptStatus.HELD, reason=failure.outcome.code, outcome=failure.outcome)

    def _run(self, done: Intent, stands_at: datetime | None) -> AttemptResult:
        for _ in range(_TRIES):
            with self.services.store.reading() as tx:
                stored = tx.events.stored_events([done.booking]).get(done.booking)
            if stored is None or not stored.eligible:
                return self._unneeded(done, "gone" if stored is None else "status")
            if stored.event_id == done.provider_id:
                return self._close(done)
            if stored.event_id and self._step_for_stored(stored.event_id) is Step.GIVE_WAY:
                return self._unneeded(done, "no_event")
            if step(placement(stands_at, stored.starts_at), Whose.ASKED) is Step.REMOVE:
                # The new day has no event, and the next scan finds that gap.
                return AttemptResult(status=AttemptStatus.HELD, reason=MOVED)
            if self._store(done, stored):
                return self._close(done)
        return AttemptResult(status=AttemptStatus.HELD, reason=Hold.BUSY)

    def _step_for_stored(self, event_id: str) -> Step:
        """Return what to do about the event that the booking stores instead of ours."""
        return step(observed(self.calendar.get(event_id)), Whose.STORED)

    def _unneeded(self, done: Intent, by: str) -> AttemptResult:
        with self.services.store.writing() as tx:
            tx.gaps.close(self.kind, done.booking, by, self.services.clock.now())
        return AttemptResult(status=AttemptStatus.DROPPED, reason=by)

    def _store(self, done: Intent, seen: StoredEvent) -> bool:
        assert done.provider_id is not None
        assert seen.starts_at is not None
        with self.services.store.writing() as tx:
            return tx.events.store_event_id(done.booking, seen.event_id, done.provider_id, seen.starts_at)

    def _close(self, done: Intent) -> AttemptResult:
        with self.services.store.writing() as tx:
            tx.gaps.close(self.kind, done.booking, "repaired", self.services.clock.now())
        return AttemptResult(status=AttemptStatus.CREATED)
