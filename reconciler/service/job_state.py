"""The health of the service's jobs: whether they run on time and succeed. Gaps do not affect it."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(slots=True)
class JobState:
    """The runs of one job in this process."""

    began_at: datetime | None = None
    """When the current run began; ``None`` between two runs."""
    failed: bool = False
    """Whether the last finished run failed. Gaps that it found are not a failure."""
    succeeded: bool = False
    """Whether any run in this process succeeded."""

    def begin(self, now: datetime) -> None:
        self.began_at = now

    def end(self, *, failed: bool) -> None:
        self.began_at = None
        self.failed = failed
        self.succeeded = self.succeeded or not failed

    def is_overdue(self, due_at: datetime | None, now: datetime, *, grace: timedelta, longest: timedelta) -> bool:
        """Whether the job should have started (``grace`` after ``due_at``) or ended (``longest`` after it began)."""
        if self.began_at is not None:
            return now - self.began_at > longest
        return due_at is None or now - due_at > grace
