"""What our ledger need not remember: finished, told, and so old that nobody asks for it. Of our own scope only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from reconciler.domain.gaps import IntegrationFault
from reconciler.domain.intents import IntentId


class Prunable(StrEnum):
    """What the ledger keeps besides intents."""

    RUNS = "runs"
    GAPS = "gaps"
    EPISODES = "incidents"
    REPORTS = "reports"


Cursor = tuple[datetime, IntentId]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentPage:
    """Some of the old final intents, oldest first."""

    intents: Sequence[IntentId]
    """Those of them that may go."""
    last: Cursor | None
    """Where the next page begins; ``None``: there is none."""


class Retention(Protocol):
    """A call reads or removes at most ``most`` rows, so that its transaction is short."""

    def read_faults(self) -> Sequence[IntegrationFault]:
        """What in the database would hide a booking that is still to come, or misread its date."""
        ...

    def old_intents(self, before: datetime, most: int, after: Cursor | None) -> IntentPage:
        """Intents that were final before then. One may go if nothing younger or not final stands beside it.

        And if its booking is gone, or its party was over before then: a booking that is still to come, that has no
        usable date, or that was only just over and may be moved, is one that we could act for once more.
        """
        ...

    def remove_intents(self, intents: Sequence[IntentId], before: datetime) -> int:
        """Remove those that are still as ``old_intents`` saw them; how many."""
        ...

    def count(self, what: Prunable, before: datetime) -> int:
        """How many ``remove`` would remove in all."""
        ...

    def remove(self, what: Prunable, before: datetime, most: int) -> int:
        """Remove what is over since before then; how many.

        Stays: the newest run of each job, the newest finished and the newest full one; what nobody was told yet.
        """
        ...
