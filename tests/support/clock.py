"""A clock that stands where a test puts it."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass
class StandingClock:
    moment: datetime
    step: timedelta = timedelta(0)
    """How far it goes on each time it is read."""

    def now(self) -> datetime:
        self.moment += self.step
        return self.moment.astimezone(UTC)

    def pause(self, duration: timedelta) -> None:
        time.sleep(duration.total_seconds())

    sleep = pause
