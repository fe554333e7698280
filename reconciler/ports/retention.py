"""What our ledger may forget: finished, delivered, and older than the retention. Of our own scope only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from reconciler.domain.gaps import IntegrationFault
from reconciler.domain.intents import IntentId


class Prunable(StrEnum):
    """Ledger tables that are pruned besides intents."""

    RUNS = "runs"
    GAPS = "gaps"
    INCIDENTS = "incidents"
    ALERTS = "alerts"


Cursor = tuple[datetime, IntentId]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentPage:
    """One page of the old final intents, oldest first."""

    intents: Sequence[IntentId]
    """Those of the page that may be removed."""
    last: Cursor | None
    """Where the next page begins; ``None`` on the last page."""


class Retention(Protocol):
    """A call reads or removes at most ``most`` rows, so that its transaction is short."""

    def read_faults(self) -> Sequence[IntegrationFault]:
        """What in the database would hide a future booking, or misread its date."""
        ...

    def old_intents(self, before: datetime, most: int, after: Cursor | None) -> IntentPage:
        """Intents that became final before ``before``.

        One may be removed if its booking has no younger and no unfinished intent, and was deleted or took place before
        ``before``. We could act again for a future booking, for one without a usable date, and for one that has only
        just passed and may still be moved.
        """
        ...

    def remove_intents(self, intents: Sequence[IntentId], before: datetime) -> int:
        """Remove those that have not changed since ``old_intents`` read them; returns how many."""
        ...

    def count(self, what: Prunable, before: datetime) -> int:
        """How many rows ``remove`` would remove in total."""
        ...

    def remove(self, what: Prunable, before: datetime, most: int) -> int:
        """Remove what ended before ``before``; returns how many.

        Kept: each job's newest run, newest finished run and newest full run; and whatever is not alerted yet.
        """
        ...
