"""What our ledger knows of episodes, and what is written to be told. Of our own scope only."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from reconciler.domain.alerting.alerts import Group, Report
from reconciler.domain.alerting.incidents import Episode
from reconciler.domain.gaps import GapKind


class Episodes(Protocol):
    """Gaps by subject, and the episodes they belong to."""

    def alone(self) -> None:
        """From here to the end of the transaction nobody else judges our episodes."""
        ...

    def note(self, kinds: Collection[GapKind], now: datetime) -> Sequence[Group]:
        """Gaps of these kinds, open or repaired, that nobody had noted until this call."""
        ...

    def open(self) -> Sequence[Group]:
        """Open gaps of every kind that were noted: the others belong to a pass that is not over."""
        ...

    def going_on(self) -> Sequence[Episode]: ...

    def begin(self, episode: Episode) -> None: ...

    def save(self, episode: Episode) -> None: ...

    def repaired(self, episode: Episode) -> int:
        """How many of its gaps were."""
        ...


class Outbox(Protocol):
    """A report is written here for each route before it is sent, under its event id."""

    def put(self, report: Report, routes: Collection[str], now: datetime) -> None: ...

    def heard(self, episode: str) -> frozenset[str]:
        """The routes that this episode was told to, or will be."""
        ...

    def events(self, episode: Episode) -> Sequence[str]:
        """One event of each issue that ends with this episode: no other that goes on shares it."""
        ...

    def fall_back(self, routes: Collection[str], before: datetime, now: datetime) -> None:
        """What needs somebody, and Sentry has not taken since it was written before then, goes to these routes too."""
        ...

    def claim(self, route: str, lease: timedelta, besides: Collection[str]) -> Report | None:
        """The oldest report that this route was not told, ``besides`` these ids; nobody else gets it meanwhile.

        The end of an episode comes after all the rest of it.
        """
        ...

    def told(self, report: Report, route: str, now: datetime) -> None: ...

    def kept(self, report: Report, route: str) -> None:
        """It was not accepted: give the claim back, it is to be told later."""
        ...
