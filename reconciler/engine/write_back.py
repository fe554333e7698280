"""After an event was made: its id into the booking, unless the world has moved on meanwhile."""

from dataclasses import dataclass

from reconciler.domain.bookings import BookingId
from reconciler.domain.gaps import Cause, GapKind
from reconciler.domain.intents import Result
from reconciler.engine.results import Became, Mended
from reconciler.ports import Calendar, ProviderFailure, Services, StoredEvent

_TRIES = 3
"""Each try is a compare-and-set on what was read just before; losing three races in a row is left to the next pass."""


@dataclass(frozen=True, slots=True)
class WriteBack:
    services: Services
    calendar: Calendar
    kind: GapKind

    def run(self, booking: BookingId, event_id: str) -> Mended:
        """Store ``event_id``, which we made, or remove the event if the booking has no use for it any more."""
        for _ in range(_TRIES):
            with self.services.store.writing() as tx:
                stored = tx.bookings.stored_event(booking)
            if stored is None or not stored.eligible:
                return self._remove(booking, event_id, "gone" if stored is None else "status")
            if stored.event_id == event_id:
                return self._close(booking, Became.CREATED)
            if stored.event_id and self._another_is_live(stored):
                return self._remove(booking, event_id, "no_event")
            if self._store(booking, stored.event_id, event_id):
                return Mended(became=Became.CREATED)
        return Mended(became=Became.HELD, reason="busy")

    def _store(self, booking: BookingId, seen: str | None, event_id: str) -> bool:
        with self.services.store.writing() as tx:
            written = tx.bookings.store_event_id(booking, seen, event_id)
            if written:
                tx.ledger.close_gap(self.kind, booking, "repaired", self.services.clock.now())
        return written

    def _another_is_live(self, stored: StoredEvent) -> bool:
        """The application wrote its own id meanwhile. What cannot be asked is taken for live: its word counts."""
        assert stored.event_id is not None
        try:
            found = self.calendar.get(stored.event_id)
        except ProviderFailure:
            return True
        return found is not None and found.live

    def _remove(self, booking: BookingId, event_id: str, by: str) -> Mended:
        outcome = self.calendar.delete(event_id)
        now = self.services.clock.now()
        with self.services.store.writing() as tx:
            tx.ledger.close_gap(self.kind, booking, by, now)
            if outcome.result is not Result.DONE:
                # Two events stand for one booking, or one for none: a person has to delete ours.
                tx.ledger.record_gap(GapKind.CALENDAR_DUPLICATE, booking, Cause.BLOCKED, outcome.code, now)
        return Mended(became=Became.DROPPED, reason=by)

    def _close(self, booking: BookingId, became: Became) -> Mended:
        with self.services.store.writing() as tx:
            tx.ledger.close_gap(self.kind, booking, "repaired", self.services.clock.now())
        return Mended(became=became)
