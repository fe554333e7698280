"""What the ledger knows about the events that we made: where they stand, and whether their bookings are there."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from reconciler.domain.decide.removals import KnownEvent
from reconciler.domain.gaps import Effect
from reconciler.domain.intents import Intent, IntentId


class Removals(Protocol):
    def events(self, effect: Effect, installation: str, since: datetime) -> Sequence[KnownEvent]:
        """Return the events that may be in the calendar, the oldest first, without those that started before ``since``.

        Intents dropped after a call that seemed to have no effect are included: the event may have arrived late.
        """
        ...

    def removed_since(self, effect: Effect, since: datetime) -> int:
        """Return how many events were removed since then."""
        ...

    def note_start(self, intent: Intent, starts_at: datetime) -> None:
        """Record where the event stands."""
        ...

    def note_absent(self, intents: Collection[IntentId], now: datetime) -> None:
        """Record that the bookings' rows are missing, unless that is recorded already."""
        ...

    def note_present(self, intents: Collection[IntentId]) -> None:
        """Record that the bookings' rows are there (again)."""
        ...
