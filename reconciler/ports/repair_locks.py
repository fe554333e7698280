"""Effects whose repairs wait for a person, because the provider has shown what the application's tables do not show."""

from datetime import datetime
from typing import Protocol

from reconciler.domain.gaps import Effect


class RepairLocks(Protocol):
    def is_locked(self, effect: Effect) -> bool:
        """Whether the repairs of this effect are locked, in any scope of our table."""
        ...

    def lock(self, effect: Effect, code: str, now: datetime) -> None:
        """Lock the repairs of this effect; one that is locked stays as it is."""
        ...

    def unlock(self, effect: Effect) -> None:
        """Let the repairs of this effect go on."""
        ...
