"""Old rows that our ledger may remove: finished, alerted, and past retention. Limited to our own scope."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from reconciler.domain.gaps import IntegrationFault
from reconciler.domain.intents import IntentId


class Prunable(StrEnum):
    """The tables that are pruned besides the intents."""

    RUNS = "runs"
    GAPS = "gaps"
    INCIDENTS = "incidents"
    ALERTS = "alerts"


Cursor = tuple[datetime, IntentId]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentPage:
    """A page of the old final intents, oldest first."""

    intents: Sequence[IntentId]
    """Those that may be removed."""
    last: Cursor | None
    """Where the next page begins; ``None`` if this is the last."""


class Retention(Protocol):
    """A call reads or removes at most ``most`` rows, so that its transaction is short."""

    def blindness(self) -> Sequence[IntegrationFault]:
        """Faults by which the database would hide a future booking or misread its date."""
        ...

    def old_intents(self, before: datetime, most: int, after: Cursor | None) -> IntentPage:
        """Intents that became final before ``before`` and may be removed.

        Their booking has no younger or non-final intent, and was deleted or ended before ``before``. We could still act
        for a booking that is in the future, has no usable date, or ended only recently and may be moved.
        """
        ...

    def remove_intents(self, intents: Sequence[IntentId], before: datetime) -> int:
        """Remove the intents that have not changed since ``old_intents`` read them. Returns how many."""
        ...

    def count(self, what: Prunable, before: datetime) -> int:
        """How many rows ``remove`` would remove in all."""
        ...

    def remove(self, what: Prunable, before: datetime, most: int) -> int:
        """Remove rows that were finished before ``before``. Returns how many.

        Kept: each job's newest run, newest finished run and newest full scan, and everything not yet alerted.
        """
        ...
