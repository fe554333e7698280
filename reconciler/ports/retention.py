"""Rows of the ledger that may go: finished, delivered and old. Only rows of our own scope."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from reconciler.domain.gaps import IntegrationFault
from reconciler.domain.intents import IntentId


class Prunable(StrEnum):
    """The kinds of rows that the ledger keeps besides intents."""

    RUNS = "runs"
    GAPS = "gaps"
    EPISODES = "incidents"
    REPORTS = "reports"


Cursor = tuple[datetime, IntentId]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentPage:
    """Some of the old final intents, oldest first."""

    intents: Sequence[IntentId]
    """The intents of the page that may go."""
    last: Cursor | None
    """Where the next page begins; ``None`` after the last page."""


class Retention(Protocol):
    """A call reads or removes at most ``most`` rows, so that its transaction is short."""

    def blindness(self) -> Sequence[IntegrationFault]:
        """Faults of the database that would hide a future booking, or misread its date."""
        ...

    def old_intents(self, before: datetime, most: int, after: Cursor | None) -> IntentPage:
        """A page of intents that were final before then.

        An intent may go if its booking has no younger and no unfinished intent, and if the booking is gone or ended
        before then: we could act again for a booking that is in the future, has no usable date, or has just ended and
        may be moved.
        """
        ...

    def remove_intents(self, intents: Sequence[IntentId], before: datetime) -> int:
        """Remove the intents that are unchanged since ``old_intents``. Returns how many."""
        ...

    def count(self, what: Prunable, before: datetime) -> int:
        """How many ``remove`` would remove in all."""
        ...

    def remove(self, what: Prunable, before: datetime, most: int) -> int:
        """Remove rows that ended before then. Returns how many.

        Kept: of each job the newest run, the newest finished run and the newest full scan; undelivered alerts.
        """
        ...
