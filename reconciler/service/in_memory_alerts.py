"""What has to be told without the ledger: it may be the database itself that is away.

The same incidents as the ledger's, evaluate by the same function, kept in memory: one report when it starts, one per
escalation, and the end for who is on call.
"""

import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.domain.alerting.alerts import Alert, AlertType, DeliveryStatus, GapGroup, IncidentKey
from reconciler.domain.alerting.incidents import (
    NOTHING,
    SENTRY,
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
class _Unsent:
    report: Alert
    route: str
    since: datetime
    fell_back: bool
    """Who is on call has it too."""


@dataclass(slots=True)
class InMemoryAlerts:
    """Troubles of this process, each for one subject (a job, the clock). Any thread may call every method.

    A trouble that comes again within ``settled_after`` is the same one.
    """

    notifier: Notifier | None
    oncall: Sequence[Route]
    deadlines: Deadlines
    announce: Callable[[Alert], None]
    _going_on: dict[IncidentKey, Incident] = field(default_factory=dict)
    _since: dict[IncidentKey, datetime] = field(default_factory=dict)
    """When it first happened since it was last well."""
    _heard: dict[str, set[str]] = field(default_factory=dict)
    """Episode -> the on-call routes that hear of it."""
    _events: dict[str, dict[bool, str]] = field(default_factory=dict)
    """Episode -> its newest event, of the page's issue or not."""
    _unsent: list[_Unsent] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def happened(self, kind: GapKind, about: str, code: str, seen: str, remedy: str, now: datetime) -> None:
        """It is there now, and has been since it first happened and was not ``well`` in between."""
        subject = IncidentKey(kind=kind, cause=Cause.BLOCKED, key=about)
        with self._lock:
            incident = self._ended_or_not(subject, now)
            since = self._since.setdefault(subject, now)
            group = GapGroup(
                subject=subject, found=1, open=1, since=since, references=(about,), code=code, seen=seen, remedy=remedy
            )
            present = GapCounts(found=0 if incident else 1, since=now, open=1, open_since=since)
            if incident:
                incident, due = evaluate(incident, present, self.deadlines, now)
            else:
                incident, due = evaluate_counts(
                    open_incident(str(uuid.uuid4()), subject, present, now), present, self.deadlines, now
                )
            self._going_on[subject] = incident
            self._write(incident, due, [group], present, now)
        self.deliver(now)

    def well(self, kind: GapKind, about: str) -> None:
        """It is not there now; whether it is over is seen once it has not come again for a while."""
        with self._lock:
            self._since.pop(IncidentKey(kind=kind, cause=Cause.BLOCKED, key=about), None)

    def deliver(self, now: datetime) -> None:
        """End what has not happened for a while, and tell what was not accepted yet."""
        with self._lock:
            for subject in list(self._going_on):
                self._ended_or_not(subject, now)
            if self.notifier is not None:
                self._deliver(SENTRY, self.notifier.send)
            self._fall_back(now)
            for route in self.oncall:
                self._deliver(route.name, route.send)

    def _ended_or_not(self, subject: IncidentKey, now: datetime) -> Incident | None:
        """The incident, if it goes on; its end is written down if not."""
        if subject not in self._going_on:
            return None
        before = self._going_on[subject]
        incident, due = evaluate(before, NOTHING, self.deadlines, now)
        if incident.ended_at is None:
            return before
        del self._going_on[subject]
        self._since.pop(subject, None)
        self._write(incident, due, [], NOTHING, now)
        self._heard.pop(incident.id, None)
        return None

    def _write(
        self,
        incident: Incident,
        due: Sequence[AlertType],
        groups: Sequence[GapGroup],
        present: GapCounts,
        now: datetime,
    ) -> None:
        for what in due:
            events = self._events.pop(incident.id, {}).values() if what is AlertType.RESOLVED else ()
            one = alert_of(what, incident, uuid.uuid4().hex, present, groups, events=tuple(events))
            self.announce(one)
            heard = self._heard.get(one.incident, ())
            for route in sorted(routes_of(what, self._names, heard, resolves=self._resolves)):
                self._put(one, route, now)

    @property
    def _names(self) -> list[str]:
        return [route.name for route in self.oncall]

    @property
    def _resolves(self) -> bool:
        return self.notifier is not None and self.notifier.resolves

    def _put(self, one: Alert, route: str, now: datetime) -> None:
        self._unsent.append(_Unsent(one, route, now, fell_back=one.what is AlertType.PAGED))
        if route != SENTRY:
            self._heard.setdefault(one.incident, set()).add(route)
        elif one.what is not AlertType.RESOLVED:
            self._events.setdefault(one.incident, {})[one.what is AlertType.PAGED] = one.id

    def _fall_back(self, now: datetime) -> None:
        for one in [one for one in self._unsent if one.route == SENTRY and one.report.needs_somebody]:
            if not one.fell_back and now - one.since >= self.deadlines.fallback_after:
                one.fell_back = True
                for route in self._names:
                    self._put(one.report, route, now)

    def _deliver(self, route: str, tell: Callable[[Alert], DeliveryStatus]) -> None:
        for one in [one for one in self._unsent if one.route == route]:
            told = tell(one.report)
            if told is DeliveryStatus.UNREACHABLE:
                return
            self._unsent.remove(one)
            if told is DeliveryStatus.REFUSED and one.report.needs_somebody and not one.fell_back:
                for name in self._names:  # Sentry will never have it
                    self._put(one.report, name, one.since)
