"""The last step of a pass: note new gaps, evaluate the incidents, enqueue the alerts that are due, deliver them.

Every pass evaluates all ongoing incidents, also those of kinds it did not scan, so that a deadline is kept even if the
job of that kind is late or off.
"""

import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.domain.alerting.alerts import Alert, AlertType, DeliveryStatus, GapGroup, IncidentKey
from reconciler.domain.alerting.incidents import (
    NO_GAPS,
    SENTRY_ROUTE,
    GapCounts,
    Incident,
    alert_of,
    evaluate,
    evaluate_counts,
    open_incident,
    routes_of,
)
from reconciler.domain.gaps import INTEGRATIONS, GapKind, IntegrationFault
from reconciler.domain.rules.registry import any_rule_of
from reconciler.engine.reconcile.results import PassResult
from reconciler.engine.repair.integration_faults import record_faults
from reconciler.errors import DatabaseUnreachable
from reconciler.ports import AlertingServices, Transaction

DELIVERY_LEASE = timedelta(minutes=2)
"""How long a process may take to deliver an alert it has claimed; after that another process may claim it."""


def send_alerts(results: Sequence[PassResult], services: AlertingServices) -> None:
    """Enqueue the alerts that are due by now, and deliver everything in the outbox.

    A gap is alerted even if it was repaired at once: the application's own path is broken.
    """
    acted = [result for result in results if result.began_at is not None]
    if not acted:
        return
    # A failed evaluation must not keep alerts from being delivered that were enqueued before. Nothing is lost either
    # way: each gap records whether it was noted, and the next pass evaluates again.
    with suppress(DatabaseUnreachable):
        for alert in _evaluate_incidents({kind for result in acted for kind in _kinds_to_note(result)}, services):
            services.announce(alert)
    with suppress(DatabaseUnreachable):
        deliver_alerts(services)


def _kinds_to_note(result: PassResult) -> set[GapKind]:
    """The kinds of this pass and every integration. A gap of another kind may still be repaired by its own pass."""
    if result.kind is None:
        return set(INTEGRATIONS)
    return {*any_rule_of(result.kind).kinds, *INTEGRATIONS}


def _evaluate_incidents(kinds_to_note: Collection[GapKind], services: AlertingServices) -> Sequence[Alert]:
    """The alerts that were enqueued."""
    now = services.clock.now()
    with services.store.writing() as tx:
        tx.incidents.lock()
        groups: dict[IncidentKey, list[GapGroup]] = defaultdict(list)
        noted = tx.incidents.note_new_gaps(kinds_to_note, now)
        for group in (*tx.incidents.open_gaps(), *noted):  # open gaps first: they say more than repaired ones
            groups[group.key].append(group)
        newly_found = {group.key: group.found for group in noted}
        evaluation = _Evaluation(tx, services, now)
        for incident in tx.incidents.ongoing():
            present = groups.pop(incident.key, [])
            counts = _counts(present, newly_found.get(incident.key, 0))
            if not evaluation.update_incident(incident, present, counts):
                groups[incident.key] = present
        for key, present in groups.items():
            if present:
                evaluation.open_incident(key, present, _counts(present, newly_found.get(key, 0)))
    return evaluation.enqueued


def _counts(groups: Sequence[GapGroup], found: int) -> GapCounts:
    with_open = [group for group in groups if group.open]
    return GapCounts(
        found=found,
        since=min((group.since for group in groups), default=None),
        # If any gap is open, the first group holds all open ones, including those of the newly noted group.
        open=with_open[0].open if with_open else 0,
        open_since=with_open[0].since if with_open else None,
        late_since=with_open[0].late_since if with_open else None,
    )


@dataclass(slots=True)
class _Evaluation:
    """One evaluation of all incidents, in one transaction."""

    tx: Transaction
    services: AlertingServices
    now: datetime
    enqueued: list[Alert] = field(default_factory=list)

    def open_incident(self, key: IncidentKey, groups: Sequence[GapGroup], counts: GapCounts) -> None:
        opened = open_incident(str(uuid.uuid4()), key, counts, self.now)
        incident, due = evaluate_counts(opened, counts, self.services.deadlines, self.now)
        self.tx.incidents.add(incident)
        self._enqueue(incident, due, groups, counts)

    def update_incident(self, before: Incident, groups: Sequence[GapGroup], counts: GapCounts) -> bool:
        """Whether these gaps belong to the incident. ``False``: it is resolved, and they open a new one."""
        incident, due = evaluate(before, counts, self.services.deadlines, self.now)
        if incident != before:
            self.tx.incidents.save(incident)
        if incident.ended_at is None:
            self._enqueue(incident, due, groups, counts)
            return True
        self._enqueue(incident, due, [], NO_GAPS)
        return False

    def _enqueue(
        self, incident: Incident, due: Sequence[AlertType], groups: Sequence[GapGroup], counts: GapCounts
    ) -> None:
        repaired = self.tx.incidents.repaired_count(incident) if due else 0
        for alert_type in due:
            events = self.tx.outbox.issue_events(incident) if alert_type is AlertType.RESOLVED else ()
            alert = alert_of(alert_type, incident, uuid.uuid4().hex, counts, groups, repaired, events)
            self.tx.outbox.enqueue(alert, self._routes(alert), self.now)
            self.enqueued.append(alert)

    def _routes(self, alert: Alert) -> Collection[str]:
        oncall = [route.name for route in self.services.oncall]
        reached = self.tx.outbox.routes_reached(alert.incident) if alert.alert_type is AlertType.RESOLVED else ()
        resolves = self.services.notifier is not None and self.services.notifier.resolves
        return routes_of(alert.alert_type, oncall, reached, resolves=resolves)


def deliver_alerts(services: AlertingServices) -> None:
    """Deliver the outbox, each route on its own. What a route does not take stays for the next pass of any process."""
    if services.notifier is not None:
        _deliver(SENTRY_ROUTE, services.notifier.send, services, most_failures=1)
    if services.oncall:
        now = services.clock.now()
        with services.store.writing() as tx:
            names = [route.name for route in services.oncall]
            tx.outbox.enqueue_fallback(names, now - services.deadlines.fallback_after, now)
    for route in services.oncall:
        _note_route(route.name, _deliver(route.name, route.send, services, most_failures=2), services)


def _note_route(name: str, answers: Collection[DeliveryStatus], services: AlertingServices) -> None:
    """Record a route that took none of the alerts it was sent, as a gap; close the gap when it takes one."""
    if not answers:
        return
    seen = f"the on-call route {name} took no alert ({', '.join(sorted(set(answers)))})"
    remedy = f"see that the service behind {name} is up and knows us; `reconciler drill` posts through it"
    fault = IntegrationFault(kind=GapKind.INTEGRATION_ONCALL, code="route_dead", seen=seen, remedy=remedy)
    dead = DeliveryStatus.ACCEPTED not in answers
    about = f"{name} {services.runner.scope}".rstrip()
    with services.store.writing() as tx:
        record_faults(tx, about, [fault] if dead else [], [GapKind.INTEGRATION_ONCALL], services.clock.now())


def _deliver(
    route: str, send: Callable[[Alert], DeliveryStatus], services: AlertingServices, *, most_failures: int
) -> Collection[DeliveryStatus]:
    """The answers. ``most_failures``: stop after this many in a row, the route is down. A single one may be about
    that alert.
    """
    tried: list[str] = []
    answers: list[DeliveryStatus] = []
    failed = 0
    while failed < most_failures and not services.stopping():
        with services.store.writing() as tx:
            alert = tx.outbox.claim(route, DELIVERY_LEASE, tried)
        if alert is None:
            break
        tried.append(alert.id)
        delivery = send(alert)
        answers.append(delivery)
        failed = failed + 1 if delivery is DeliveryStatus.UNREACHABLE else 0
        with services.store.writing() as tx:
            if delivery is DeliveryStatus.ACCEPTED:
                tx.outbox.mark_delivered(alert, route, services.clock.now())
            elif delivery.may_have_arrived:
                tx.outbox.postpone(alert, route)
            else:
                tx.outbox.release(alert, route)
    return answers
