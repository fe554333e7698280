"""How the service is: whether its jobs run when they should. How many gaps there are does not come into it."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(slots=True)
class JobState:
    """What this process knows of one job."""

    began_at: datetime | None = None
    """Since when it is running; ``None`` between two runs."""
    failed: bool = False
    """Whether the last run that came to an end did not do what a run should."""
    succeeded: bool = False
    """Whether any run of this process did."""

    def begin(self, now: datetime) -> None:
        self.began_at = now

    def end(self, *, failed: bool) -> None:
        self.began_at = None
        self.failed = failed
        self.succeeded = self.succeeded or not failed

    def is_overdue(self, due_at: datetime | None, now: datetime, *, grace: timedelta, longest: timedelta) -> bool:
        """Whether it should have begun or ended by now."""
        if self.began_at is not None:
            return now - self.began_at > longest
        return due_at is None or now - due_at > grace
