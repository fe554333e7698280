"""Where a fire drill takes place: the real parts of the chain, and nothing that a customer could notice."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from reconciler.domain.alerting.alerts import Report
from reconciler.domain.bookings import BookingId
from reconciler.domain.drill import Seed
from reconciler.domain.gaps import IntegrationFault
from reconciler.ports.reporting import Reporter
from reconciler.ports.services import Clock, Services


class Rehearsal(Protocol):
    """Our ledger, copies of the application's tables, and providers in memory; all that is done there is undone."""

    @property
    def services(self) -> Services: ...

    @property
    def told(self) -> Sequence[Report]:
        """What the rehearsal's own reporter was told."""
        ...

    def plant(self, seed: Seed) -> BookingId:
        """Make one booking whose only gap is the seed's."""
        ...

    def by_its_own_name(self, said: str) -> str:
        """The same words with the application's table in place of its copy."""
        ...


class Stage(Protocol):
    @property
    def clock(self) -> Clock: ...

    @property
    def reporter(self) -> Reporter | None:
        """The real one; ``None``: nobody listens."""
        ...

    def try_schedule(self) -> IntegrationFault | None:
        """What keeps a job of cron.yaml from being started."""
        ...

    def rehearsal(self) -> AbstractContextManager[Rehearsal]:
        """Raises (on entering):
        DatabaseUnreachable: no connection.
        DatabaseDisagrees: our schema or the copies are not as they must be.
        """
        ...
