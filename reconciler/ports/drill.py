"""Where a fire drill takes place: the real parts of the chain, and nothing that a customer could notice."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from reconciler.domain.alerting.alerts import Alert
from reconciler.domain.bookings import BookingId
from reconciler.domain.drill import DrillFixture
from reconciler.domain.gaps import IntegrationFault
from reconciler.ports.reporting import Notifier
from reconciler.ports.services import Clock, Services


class DrillEnvironment(Protocol):
    """Our ledger, copies of the application's tables, and providers in memory; all that is done there is undone."""

    @property
    def services(self) -> Services: ...

    @property
    def told(self) -> Sequence[Alert]:
        """What the rehearsal's own notifier was told."""
        ...

    def plant(self, seed: DrillFixture) -> BookingId:
        """Make one booking whose only gap is the seed's."""
        ...

    def with_table_names(self, said: str) -> str:
        """The same words with the application's table in place of its copy."""
        ...


class DrillStage(Protocol):
    @property
    def clock(self) -> Clock: ...

    @property
    def notifier(self) -> Notifier | None:
        """The real one; ``None``: nobody listens."""
        ...

    def try_schedule(self) -> IntegrationFault | None:
        """What keeps a job of cron.yaml from being started."""
        ...

    def environment(self) -> AbstractContextManager[DrillEnvironment]:
        """Raises (on entering):
        DatabaseUnreachable: no connection.
        DatabaseDisagrees: our schema or the copies are not as they must be.
        """
        ...
