"""Moments of the ledger that a wrong clock has stored."""

from datetime import datetime, timedelta
from typing import Protocol


class StoredClocks(Protocol):
    """What lies in the future and cannot."""

    def has_futures(self, now: datetime) -> bool:
        """Whether a run or a pause of a provider says so. Each process that writes leaves a run."""
        ...

    def clamp(self, now: datetime, pause: timedelta, settle: timedelta) -> None:
        """Clamp every moment to now plus the longest span that its column may lie ahead.

        ``pause``: the longest pause of a provider, and wait before an attempt; one beyond it ends.
        ``settle``: the longest wait for an unknown outcome.
        """
        ...

    def lift_pauses(self) -> None:
        """End the pauses of all providers, and the waits before the next attempts."""
        ...
