"""What our ledger knows of incidents, and what is written to be told. Of our own scope only."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from reconciler.domain.alerting.alerts import Alert, GapGroup
from reconciler.domain.alerting.incidents import Incident
from reconciler.domain.gaps import GapKind


class Incidents(Protocol):
    """Gaps by subject, and the incidents they belong to."""

    def alone(self) -> None:
        """From here to the end of the transaction nobody else judges our incidents."""
        ...

    def note(self, kinds: Collection[GapKind], now: datetime) -> Sequence[GapGroup]:
        """Gaps of these kinds, open or repaired, that nobody had noted until this call."""
        ...

    def open(self) -> Sequence[GapGroup]:
        """Open gaps of every kind that were noted: the others belong to a pass that is not over."""
        ...

    def going_on(self) -> Sequence[Incident]: ...

    def begin(self, incident: Incident) -> None: ...

    def save(self, incident: Incident) -> None: ...

    def repaired(self, incident: Incident) -> int:
        """How many of its gaps were."""
        ...


class Outbox(Protocol):
    """A report is written here for each route before it is sent, under its event id."""

    def put(self, report: Alert, routes: Collection[str], now: datetime) -> None: ...

    def heard(self, incident: str) -> frozenset[str]:
        """The routes that this incident was told to, or will be."""
        ...

    def events(self, incident: Incident) -> Sequence[str]:
        """One event of each issue that ends with this incident: no other that goes on shares it."""
        ...

    def fall_back(self, routes: Collection[str], before: datetime, now: datetime) -> None:
        """What needs somebody, and Sentry has not taken since it was written before then, goes to these routes too."""
        ...

    def claim(self, route: str, lease: timedelta, besides: Collection[str]) -> Alert | None:
        """The oldest report that this route was not told, ``besides`` these ids; nobody else gets it meanwhile.

        The end of an incident comes after all the rest of it.
        """
        ...

    def told(self, report: Alert, route: str, now: datetime) -> None: ...

    def kept(self, report: Alert, route: str) -> None:
        """It was not accepted: give the claim back, it is to be told later."""
        ...
