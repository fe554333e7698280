"""Alerts that do not need the ledger, because the database itself may be unreachable.

They follow the ledger's incident rules, evaluated by the same function, but their state is in memory. An alert is sent
when an incident opens and on each escalation, and on-call gets one when it is resolved.
"""

import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.domain.alerting.alerts import (
    LONGEST_PAUSE,
    SHORTEST_PAUSE,
    Alert,
    AlertType,
    DeliveryStatus,
    GapGroup,
    IncidentKey,
)
from reconciler.domain.alerting.incidents import (
    NO_GAPS,
    SENTRY_ROUTE,
    Deadlines,
    GapCounts,
    Incident,
    alert_of,
    evaluate,
    evaluate_counts,
    open_incident,
    routes_of,
)
from reconciler.domain.gaps import Cause, GapKind
from reconciler.ports import Notifier, Route


@dataclass(slots=True)
class _Undelivered:
    alert: Alert
    route: str
    since: datetime
    fell_back: bool
    """Whether the alert goes to the on-call routes too."""
    not_before: datetime | None = None
    """Until then it is not sent again: it may have arrived."""


@dataclass(slots=True)
class InMemoryAlerts:
    """Incidents of this process, one per fault (of a job, of the clock). Any thread may call every method.

    A fault that recurs within ``settled_after`` belongs to the same incident.
    """

    notifier: Notifier | None
    oncall: Sequence[Route]
    deadlines: Deadlines
    announce: Callable[[Alert], None]
    _ongoing: dict[IncidentKey, Incident] = field(default_factory=dict)
    _since: dict[IncidentKey, datetime] = field(default_factory=dict)
    """When the fault first occurred after it was last cleared."""
    _reached: dict[str, set[str]] = field(default_factory=dict)
    """Incident id -> the on-call routes that get its alerts."""
    _events: dict[str, dict[bool, str]] = field(default_factory=dict)
    """Incident id -> its newest event id, separately for the issue that pages (``True``) and the other one."""
    _undelivered: list[_Undelivered] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fault(self, kind: GapKind, about: str, code: str, seen: str, remedy: str, now: datetime) -> None:
        """Note that the fault exists now. Without ``clear`` in between, it has existed since it first occurred."""
        key = IncidentKey(kind=kind, cause=Cause.BLOCKED, key=about)
        with self._lock:
            incident = self._ongoing_incident(key, now)
            since = self._since.setdefault(key, now)
            group = GapGroup(
                key=key,
                found=1,
                open=1,
                since=since,
                late_since=since,
                references=(about,),
                code=code,
                seen=seen,
                remedy=remedy,
            )
            counts = GapCounts(found=0 if incident else 1, since=now, open=1, open_since=since, late_since=since)
            if incident:
                incident, due = evaluate(incident, counts, self.deadlines, now)
            else:
                opened = open_incident(str(uuid.uuid4()), key, counts, now)
                incident, due = evaluate_counts(opened, counts, self.deadlines, now)
            self._ongoing[key] = incident
            self._enqueue_due(incident, due, [group], counts, now)
        self.deliver(now)

    def clear(self, kind: GapKind, about: str) -> None:
        """Note that the fault is gone. Its incident is resolved if the fault does not recur for ``settled_after``."""
        with self._lock:
            self._since.pop(IncidentKey(kind=kind, cause=Cause.BLOCKED, key=about), None)

    def resolve(self, now: datetime) -> None:
        """Resolve the incidents whose fault has not occurred for a while, and tell that at once.

        Where none has ended, nothing is sent: a sink that does not answer is waited for only as often as ``deliver``.
        """
        with self._lock:
            ended = [key for key in list(self._ongoing) if self._ongoing_incident(key, now) is None]
        if ended:
            self.deliver(now)

    def deliver(self, now: datetime) -> None:
        """Resolve the incidents whose fault has not occurred for a while, and send the alerts not accepted yet."""
        with self._lock:
            for key in list(self._ongoing):
                self._ongoing_incident(key, now)
            if self.notifier is not None:
                self._deliver(SENTRY_ROUTE, self.notifier.send, now)
            self._fall_back(now)
            for route in self.oncall:
                self._deliver(route.name, route.send, now)

    def _ongoing_incident(self, key: IncidentKey, now: datetime) -> Incident | None:
        """The incident if it is ongoing, else ``None``. An incident that has ended by now is resolved here."""
        if key not in self._ongoing:
            return None
        before = self._ongoing[key]
        incident, due = evaluate(before, NO_GAPS, self.deadlines, now)
        if incident.ended_at is None:
            return before
        del self._ongoing[key]
        self._since.pop(key, None)
        self._enqueue_due(incident, due, [], NO_GAPS, now)
        self._reached.pop(incident.id, None)
        return None

    def _enqueue_due(
        self,
        incident: Incident,
        due: Sequence[AlertType],
        groups: Sequence[GapGroup],
        counts: GapCounts,
        now: datetime,
    ) -> None:
        for alert_type in due:
            events = self._events.pop(incident.id, {}).values() if alert_type is AlertType.RESOLVED else ()
            alert = alert_of(alert_type, incident, uuid.uuid4().hex, counts, groups, events=tuple(events))
            self.announce(alert)
            reached = self._reached.get(alert.incident, ())
            for route in sorted(routes_of(alert_type, self._oncall_names, reached, resolves=self._resolves)):
                self._enqueue(alert, route, now)

    @property
    def _oncall_names(self) -> list[str]:
        return [route.name for route in self.oncall]

    @property
    def _resolves(self) -> bool:
        return self.notifier is not None and self.notifier.resolves

    def _enqueue(self, alert: Alert, route: str, now: datetime) -> None:
        self._undelivered.append(_Undelivered(alert, route, now, fell_back=alert.alert_type is AlertType.PAGED))
        if route != SENTRY_ROUTE:
            self._reached.setdefault(alert.incident, set()).add(route)
        elif alert.alert_type is not AlertType.RESOLVED:
            self._events.setdefault(alert.incident, {})[alert.alert_type is AlertType.PAGED] = alert.id

    def _fall_back(self, now: datetime) -> None:
        for entry in [entry for entry in self._undelivered if entry.route == SENTRY_ROUTE and entry.alert.needs_human]:
            if not entry.fell_back and now - entry.since >= self.deadlines.fallback_after:
                entry.fell_back = True
                for route in self._oncall_names:
                    self._enqueue(entry.alert, route, now)

    def _deliver(self, route: str, send: Callable[[Alert], DeliveryStatus], now: datetime) -> None:
        for entry in [entry for entry in self._undelivered if entry.route == route]:
            if entry.not_before and now < entry.not_before:
                continue
            delivery = send(entry.alert)
            if delivery is DeliveryStatus.UNREACHABLE:
                return
            if delivery.may_have_arrived:
                entry.not_before = now + min(max(now - entry.since, SHORTEST_PAUSE), LONGEST_PAUSE)
                continue
            self._undelivered.remove(entry)
            if delivery is DeliveryStatus.REFUSED and entry.alert.needs_human and not entry.fell_back:
                for name in self._oncall_names:  # Sentry will never accept this alert
                    self._enqueue(entry.alert, name, entry.since)
