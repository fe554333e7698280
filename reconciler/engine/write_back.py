"""After an event was made: its id into the booking, unless the world has moved on meanwhile."""

from dataclasses import dataclass

from reconciler.domain.gaps import Cause, GapKind
from reconciler.domain.intents import Intent, Result
from reconciler.domain.verdicts import Hold
from reconciler.engine.results import Became, Mended
from reconciler.ports import Calendar, ProviderFailure, Services, StoredEvent

_TRIES = 3
"""Each try is a compare-and-set on what was read just before; losing three races in a row is left to the next pass."""


@dataclass(frozen=True, slots=True)
class WriteBack:
    """For an intent that is *done*: the event in its ``provider_id`` is live, and we made it."""

    services: Services
    calendar: Calendar
    kind: GapKind

    def run(self, done: Intent) -> Mended:
        """Store the event's id, or remove the event if the booking has no use for it any more."""
        for _ in range(_TRIES):
            with self.services.store.reading() as tx:
                stored = tx.bookings.stored_events([done.booking]).get(done.booking)
            if stored is None or not stored.eligible:
                return self.remove(done, "gone" if stored is None else "status")
            if stored.event_id == done.provider_id:
                return self._close(done)
            if stored.event_id and self._another_is_live(stored):
                return self.remove(done, "no_event")
            if self._store(done, stored):
                return self._close(done)
        return Mended(became=Became.HELD, reason=Hold.BUSY)

    def remove(self, done: Intent, by: str) -> Mended:
        """Delete our event: ``by`` says what made it needless."""
        assert done.provider_id is not None
        outcome = self.calendar.delete(done.provider_id)
        now = self.services.clock.now()
        with self.services.store.writing() as tx:
            if outcome.result is Result.DONE:
                tx.ledger.undone(done, by, now)
            tx.ledger.close_gap(self.kind, done.booking, by, now)
            if outcome.result is not Result.DONE:
                # Two events stand for one booking, or one for none, until a later pass can delete ours.
                tx.ledger.record_gap(GapKind.CALENDAR_DUPLICATE, done.booking, Cause.BLOCKED, outcome.code, now)
        return Mended(became=Became.DROPPED, reason=by)

    def _store(self, done: Intent, stored: StoredEvent) -> bool:
        assert done.provider_id is not None
        with self.services.store.writing() as tx:
            return tx.bookings.store_event_id(done.booking, stored.event_id, done.provider_id)

    def _another_is_live(self, stored: StoredEvent) -> bool:
        """The application wrote its own id meanwhile. What cannot be asked is taken for live: its word counts."""
        assert stored.event_id is not None
        try:
            found = self.calendar.get(stored.event_id)
        except ProviderFailure:
            return True
        return found is not None and found.live

    def _close(self, done: Intent) -> Mended:
        with self.services.store.writing() as tx:
            tx.ledger.close_gap(self.kind, done.booking, "repaired", self.services.clock.now())
        return Mended(became=Became.CREATED)
