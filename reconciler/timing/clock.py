"""The clock of this machine, and one that always shows the same moment. Each ``now()`` is aware and in UTC."""

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True)
class SystemClock:
    """``ports.Clock``: the database's time. A pause ends early when the process is asked to stop."""

    stop: threading.Event = field(default_factory=threading.Event)
    ahead: timedelta = timedelta(0)
    """How far the database's clock is ahead of this machine's. The ledger's moments are the database's."""

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def pause(self, duration: timedelta) -> None:
        self.stop.wait(duration.total_seconds())

    def sleep(self, duration: timedelta) -> None:
        time.sleep(duration.total_seconds())


@dataclass(frozen=True, slots=True)
class FrozenClock:
    """``ports.Clock`` that never advances and never waits: a fire drill calls no provider that needs pauses."""

    moment: datetime

    def now(self) -> datetime:
        return self.moment

    def pause(self, duration: timedelta) -> None:
        pass

    def sleep(self, duration: timedelta) -> None:
        pass
