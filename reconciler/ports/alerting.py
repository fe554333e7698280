"""What our ledger stores of incidents and of alerts to be delivered. Everything is limited to our own scope."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from reconciler.domain.alerting.alerts import Alert, GapGroup
from reconciler.domain.alerting.incidents import Incident
from reconciler.domain.gaps import GapKind


class Incidents(Protocol):
    """Gaps grouped by incident key, and the incidents they belong to."""

    def lock(self) -> None:
        """Until the transaction ends, no other process evaluates the incidents of our scope."""
        ...

    def note_new_gaps(self, kinds: Collection[GapKind], now: datetime) -> Sequence[GapGroup]:
        """Mark the gaps of these kinds, open or repaired, that were not noted before; return them."""
        ...

    def open_gaps(self) -> Sequence[GapGroup]:
        """Noted open gaps of every kind. One that is not noted belongs to a pass that is still running."""
        ...

    def ongoing(self) -> Sequence[Incident]:
        """Incidents that are not resolved, oldest first."""
        ...

    def add(self, incident: Incident) -> None: ...

    def save(self, incident: Incident) -> None: ...

    def repaired_count(self, incident: Incident) -> int:
        """How many of the incident's gaps we repaired."""
        ...


class Outbox(Protocol):
    """An alert is written here once per route, under its event id, before it is sent."""

    def enqueue(self, alert: Alert, routes: Collection[str], now: datetime) -> None: ...

    def routes_reached(self, incident: str) -> frozenset[str]:
        """The routes for which any alert of this incident was enqueued, delivered or not."""
        ...

    def issue_events(self, incident: Incident) -> Sequence[str]:
        """One event id of each Sentry issue to resolve with this incident: no other ongoing incident shares it."""
        ...

    def enqueue_fallback(self, routes: Collection[str], before: datetime, now: datetime) -> None:
        """Enqueue for these routes the error alerts that were written before ``before`` and Sentry has not taken."""
        ...

    def claim(self, route: str, lease: timedelta, besides: Collection[str]) -> Alert | None:
        """The oldest undelivered alert of this route, except the ids ``besides``; no other process gets it meanwhile.

        The *resolved* alert of an incident comes after all its others.
        """
        ...

    def mark_delivered(self, alert: Alert, route: str, now: datetime) -> None: ...

    def release(self, alert: Alert, route: str) -> None:
        """Give the claim back: the alert was not accepted and is to be sent later."""
        ...

    def postpone(self, alert: Alert, route: str) -> None:
        """Give the claim back: the alert may have arrived. It is to be sent again, each time after a longer while."""
        ...
