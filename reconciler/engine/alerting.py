"""The last step of a pass: incidents are evaluate, what is due is written down, and what is written is told.

Every pass judges all incidents that go on, also those of kinds it did not look at: a deadline comes although its own
job is late, or off.
"""

import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.domain.alerting.alerts import Alert, AlertType, DeliveryStatus, GapGroup, IncidentKey
from reconciler.domain.alerting.incidents import (
    NOTHING,
    SENTRY,
    GapCounts,
    Incident,
    alert_of,
    evaluate,
    evaluate_counts,
    open_incident,
    routes_of,
)
from reconciler.domain.gaps import INTEGRATIONS, GapKind
from reconciler.domain.rules.registry import closes_with
from reconciler.engine.reconcile.results import PassResult
from reconciler.errors import DatabaseUnreachable
from reconciler.ports import Services, Transaction

TELLING = timedelta(minutes=2)
"""How long one process may take to tell what it has claimed; after that another may."""


def send_alerts(results: Sequence[PassResult], services: Services) -> None:
    """Write down what is due by now, and tell what nobody was told yet.

    A found gap is told even if it was mended at once: the application's own path is broken.
    """
    acted = [result for result in results if result.began_at is not None]
    if not acted:
        return
    # Whatever is in the way of judging is not in the way of what was written before.
    # Nothing is lost either way: a gap says by itself whether it was noted, and the next pass judges again.
    with suppress(DatabaseUnreachable):
        for one in _judge({kind for result in acted for kind in _kinds_of(result)}, services):
            services.announce(one)
    with suppress(DatabaseUnreachable):
        deliver_alerts(services)


def _kinds_of(result: PassResult) -> set[GapKind]:
    """Its own, and every integration's. A gap of another kind may be mended yet by the pass that found it."""
    own = set(closes_with(result.kind)) if result.kind else set()
    return own | set(INTEGRATIONS)


def _judge(noting: Collection[GapKind], services: Services) -> Sequence[Alert]:
    """What was written to be told."""
    now = services.clock.now()
    with services.store.writing() as tx:
        tx.incidents.alone()
        groups: dict[IncidentKey, list[GapGroup]] = defaultdict(list)
        noted = tx.incidents.note(noting, now)
        for group in (*tx.incidents.open(), *noted):  # what is open tells more than what is mended
            groups[group.subject].append(group)
        new = {group.subject: group.found for group in noted}
        judgement = _Judgement(tx, services, now)
        for incident in tx.incidents.going_on():
            there = groups.pop(incident.subject, [])
            if judgement.goes_on(incident, there, _present(there, new.get(incident.subject, 0))):
                continue
            groups[incident.subject] = there
        for subject, there in groups.items():
            if there:
                judgement.begins(subject, there, _present(there, new.get(subject, 0)))
    return judgement.written


def _present(groups: Sequence[GapGroup], found: int) -> GapCounts:
    open_ones = [group for group in groups if group.open]
    return GapCounts(
        found=found,
        since=min((group.since for group in groups), default=None),
        # The first group is of all that is open, where anything is; one of what is noted just now is among it.
        open=open_ones[0].open if open_ones else 0,
        open_since=open_ones[0].since if open_ones else None,
    )


@dataclass(slots=True)
class _Judgement:
    """One look at all incidents, in one transaction."""

    tx: Transaction
    services: Services
    now: datetime
    written: list[Alert] = field(default_factory=list)

    def begins(self, subject: IncidentKey, groups: Sequence[GapGroup], present: GapCounts) -> None:
        fresh = open_incident(str(uuid.uuid4()), subject, present, self.now)
        incident, due = evaluate_counts(fresh, present, self.services.deadlines, self.now)
        self.tx.incidents.begin(incident)
        self._write(incident, due, groups, present)

    def goes_on(self, before: Incident, groups: Sequence[GapGroup], present: GapCounts) -> bool:
        """Whether what is there belongs to it; if not, it is at its end."""
        incident, due = evaluate(before, present, self.services.deadlines, self.now)
        if incident != before:
            self.tx.incidents.save(incident)
        if incident.ended_at is None:
            self._write(incident, due, groups, present)
            return True
        self._write(incident, due, [], NOTHING)
        return False

    def _write(
        self, incident: Incident, due: Sequence[AlertType], groups: Sequence[GapGroup], present: GapCounts
    ) -> None:
        repaired = self.tx.incidents.repaired(incident) if due else 0
        for what in due:
            events = self.tx.outbox.events(incident) if what is AlertType.RESOLVED else ()
            one = alert_of(what, incident, uuid.uuid4().hex, present, groups, repaired, events)
            self.tx.outbox.put(one, self._routes(one), self.now)
            self.written.append(one)

    def _routes(self, one: Alert) -> Collection[str]:
        oncall = [route.name for route in self.services.oncall]
        heard = self.tx.outbox.heard(one.incident) if one.what is AlertType.RESOLVED else ()
        resolves = self.services.notifier is not None and self.services.notifier.resolves
        return routes_of(one.what, oncall, heard, resolves=resolves)


def deliver_alerts(services: Services) -> None:
    """Tell what is untold, each route by itself. What it does not take stays, for the next pass of anybody."""
    if services.notifier is not None:
        _deliver(SENTRY, services.notifier.send, services, patience=1)
    if services.oncall:
        now = services.clock.now()
        with services.store.writing() as tx:
            names = [route.name for route in services.oncall]
            tx.outbox.fall_back(names, now - services.deadlines.fallback_after, now)
    for route in services.oncall:
        _deliver(route.name, route.send, services, patience=2)


def _deliver(route: str, tell: Callable[[Alert], DeliveryStatus], services: Services, *, patience: int) -> None:
    """``patience``: after so many failures in a row the route is away; one alone may be about that report."""
    tried: list[str] = []
    failed = 0
    while failed < patience and not services.stopping():
        with services.store.writing() as tx:
            one = tx.outbox.claim(route, TELLING, tried)
        if one is None:
            return
        tried.append(one.id)
        told = tell(one)
        failed = failed + 1 if told is DeliveryStatus.UNREACHABLE else 0
        with services.store.writing() as tx:
            if told is DeliveryStatus.ACCEPTED:
                tx.outbox.told(one, route, services.clock.now())
            else:
                tx.outbox.kept(one, route)
