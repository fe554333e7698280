"""A clock that stands where a test puts it."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass
class StandingClock:
    moment: datetime

    def now(self) -> datetime:
        return self.moment.astimezone(UTC)

    def pause(self, duration: timedelta) -> None:
        time.sleep(duration.total_seconds())
