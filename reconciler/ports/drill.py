"""The stage of a fire drill: the real parts of the chain, and nothing that a customer could notice."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from reconciler.domain.alerting.alerts import Alert
from reconciler.domain.bookings import BookingId
from reconciler.domain.drill import DrillFixture
from reconciler.domain.gaps import IntegrationFault
from reconciler.ports.reporting import HeartbeatTrials, Notifier, Route
from reconciler.ports.services import Clock, Services


class DrillEnvironment(Protocol):
    """Our ledger, copies of the application's tables, and providers in memory. All work in it is rolled back."""

    @property
    def services(self) -> Services: ...

    @property
    def sent_alerts(self) -> Sequence[Alert]:
        """The alerts that the environment's own notifier received."""
        ...

    def plant(self, fixture: DrillFixture) -> BookingId:
        """Insert one booking whose only gap is of the fixture's kind."""
        ...

    def with_table_names(self, message: str) -> str:
        """The message with the names of the application's tables in place of those of their copies."""
        ...


class DrillStage(Protocol):
    @property
    def clock(self) -> Clock: ...

    @property
    def notifier(self) -> Notifier | None:
        """The real notifier; ``None`` if none is configured."""
        ...

    @property
    def oncall(self) -> Sequence[Route]:
        """The real on-call routes."""
        ...

    @property
    def heartbeats(self) -> HeartbeatTrials: ...

    def try_schedule(self) -> IntegrationFault | None:
        """What keeps a job of cron.yaml from starting; ``None`` if nothing does."""
        ...

    def environment(self) -> AbstractContextManager[DrillEnvironment]:
        """Raises (on entering):
        DatabaseUnreachable: no connection.
        DatabaseDisagrees: our schema or the copies are not as this version needs them.
        """
        ...
