"""Due moments: since when each booking calls for what a rule is about."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from reconciler.domain.bookings import BookingId
from reconciler.domain.gaps import GapKind


class DueMoments(Protocol):
    def is_watched(self, kind: GapKind) -> bool:
        """Whether a complete scan has looked for all bookings, here and under this mapping.

        Then a booking without a moment has become due since. Before, it may have been due for long. What was seen
        before caution began does not count: the moments of then may be lost.
        """
        ...

    def recent(self, kind: GapKind, since: datetime) -> Collection[BookingId]:
        """Return the bookings that became due since then by what scans saw."""
        ...

    def note(self, kind: GapKind, now: datetime, window: datetime | None) -> None:
        """Store the moment of every booking that calls for something and has none, whether it is satisfied or not.

        ``window``: only what a scan of this window selects; ``None``: of all bookings that are not over.
        """
        ...
