"""Decides which alert about an incident is due. An incident ends when its kind and cause had no gap for a while.

One function decides, from the alerts so far and the gaps that are open now. Calling it twice, late, or after hours of
downtime neither repeats an alert nor skips one.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from reconciler.domain.alerting.alerts import (
    MOST_REFERENCES,
    Alert,
    AlertType,
    GapGroup,
    IncidentKey,
    Severity,
    remedy_of,
)
from reconciler.domain.gaps import Cause, GapKind

ESCALATION_FACTOR = 10
"""An incident escalates when it has this many times as many gaps as at its last alert."""
SENTRY_ROUTE = "sentry"
"""The route of every Sentry event. An on-call route has the name of its environment variable, in capitals."""

_PAGED_AT_ONCE = frozenset({GapKind.INTEGRATION_PLACE})
"""Two copies that act at once do more harm with every hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """When an incident that is still open is alerted again. Each field is a key of ``reporting``."""

    deadline: timedelta
    page_after: timedelta
    remind_every: timedelta
    settled_after: timedelta
    fallback_after: timedelta
    """An alert that Sentry has not taken for this long goes to the on-call routes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """The state of an incident between two evaluations."""

    id: str
    key: IncidentKey
    opened_at: datetime
    newest_at: datetime
    """When it last had a gap."""
    found: int
    """The number of gaps since the incident was opened. A gap that opens again counts again."""
    at_error: bool = False
    """Whether any of its alerts had severity *error* or above."""
    alerted_found: int = 0
    """``found`` as of the last alert."""
    alerted_at: datetime | None = None
    """When the last alert was due; ``None`` before the first."""
    deadline_at: datetime | None = None
    paged_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GapCounts:
    """The gaps of one incident key now."""

    found: int = 0
    """Gaps that no incident has counted yet."""
    since: datetime | None = None
    """When the oldest of the new and the open gaps was opened."""
    open: int = 0
    open_since: datetime | None = None
    """When the oldest open gap was opened."""
    late_since: datetime | None = None
    """The same of those that nobody wants open: a text that waits for the morning wakes nobody."""


NO_GAPS = GapCounts()


def open_incident(id_: str, key: IncidentKey, counts: GapCounts, now: datetime) -> Incident:
    """A new incident, before its first alert."""
    return Incident(id=id_, key=key, opened_at=now, newest_at=now, found=max(counts.found, counts.open))


def evaluate(
    incident: Incident, counts: GapCounts, deadlines: Deadlines, now: datetime
) -> tuple[Incident, tuple[AlertType, ...]]:
    """The incident after this evaluation, and the alerts that are due, in the order they are to be sent.

    If the incident is resolved (``ended_at``), the gaps in ``counts`` belong to the next incident.
    """
    if (counts.since or now) - incident.newest_at >= deadlines.settled_after:
        return replace(incident, ended_at=now), (AlertType.RESOLVED,)
    has_gaps = bool(counts.found or counts.open)
    newest_at = now if has_gaps else incident.newest_at
    incident = replace(incident, found=incident.found + counts.found, newest_at=newest_at)
    return evaluate_counts(incident, counts, deadlines, now)


def evaluate_counts(
    incident: Incident, counts: GapCounts, deadlines: Deadlines, now: datetime
) -> tuple[Incident, tuple[AlertType, ...]]:
    """The result of ``evaluate`` for an incident that already includes these counts, because it was just opened."""
    issue_alert = _due_issue_alert(incident, counts, deadlines, now)
    page = _page_is_due(incident, counts, deadlines, now)
    # A page reaches every route that a reminder would reach, so the reminder is left out.
    if page and issue_alert is AlertType.REMINDER:
        issue_alert = None
    due = (*([issue_alert] if issue_alert else []), *([AlertType.PAGED] if page else []))
    return _after_alerts(incident, due, counts, now), due


def _due_issue_alert(incident: Incident, counts: GapCounts, deadlines: Deadlines, now: datetime) -> AlertType | None:
    """At most one alert is due. Each alert has the current numbers, so a second one would add nothing."""
    if incident.alerted_at is None:
        return AlertType.OPENED
    if incident.key.cause.only_informs:
        return None
    if (
        counts.open
        and incident.deadline_at is None
        and _open_for(incident, counts.open_since, now) >= deadlines.deadline
    ):
        return AlertType.DEADLINE
    if incident.found >= ESCALATION_FACTOR * incident.alerted_found:
        return AlertType.ESCALATED
    if counts.open and incident.at_error and now - incident.alerted_at >= deadlines.remind_every:
        return AlertType.REMINDER
    return None


def _page_is_due(incident: Incident, counts: GapCounts, deadlines: Deadlines, now: datetime) -> bool:
    may_page = incident.key.cause.is_systemic and incident.paged_at is None
    page_after = timedelta(0) if incident.key.kind in _PAGED_AT_ONCE else deadlines.page_after
    return may_page and bool(counts.open) and _open_for(incident, counts.late_since, now) >= page_after


def _open_for(incident: Incident, since: datetime | None, now: datetime) -> timedelta:
    """The age of the oldest open gap. A gap that was open earlier for another cause counts from ``opened_at``."""
    return now - max(since or now, incident.opened_at)


def _after_alerts(incident: Incident, due: Sequence[AlertType], counts: GapCounts, now: datetime) -> Incident:
    if not due:
        return incident
    severities = {severity_of(alert_type, counts, incident.key.cause) for alert_type in due}
    return replace(
        incident,
        at_error=incident.at_error or bool(severities & {Severity.ERROR, Severity.FATAL}),
        alerted_found=incident.found,
        alerted_at=now,
        deadline_at=now if AlertType.DEADLINE in due else incident.deadline_at,
        paged_at=now if AlertType.PAGED in due else incident.paged_at,
    )


def severity_of(alert_type: AlertType, counts: GapCounts, cause: Cause) -> Severity:
    """The severity of an alert. It is *warning* if no gap is open, because then every gap was repaired, and if the
    incident only informs.
    """
    match alert_type:
        case AlertType.OPENED | AlertType.ESCALATED:
            return Severity.ERROR if counts.open and not cause.only_informs else Severity.WARNING
        case AlertType.DEADLINE | AlertType.REMINDER:
            return Severity.ERROR
        case AlertType.PAGED:
            return Severity.FATAL
        case AlertType.RESOLVED:
            return Severity.INFO


def routes_of(
    alert_type: AlertType, oncall: Collection[str], reached: Collection[str], *, resolves: bool
) -> frozenset[str]:
    """The routes of an alert. ``reached`` are the on-call routes that received an earlier alert of this incident.

    A resolved incident sends no Sentry event, because an event would reopen a resolved issue. At Sentry it only
    resolves the issue (``resolves``).
    """
    match alert_type:
        case AlertType.PAGED:
            return frozenset({SENTRY_ROUTE, *oncall})
        case AlertType.RESOLVED:
            return frozenset({*([SENTRY_ROUTE] if resolves else []), *(set(oncall) & set(reached))})
        case _:
            return frozenset({SENTRY_ROUTE})


def alert_of(
    alert_type: AlertType,
    incident: Incident,
    id_: str,
    counts: GapCounts,
    groups: Sequence[GapGroup] = (),
    repaired: int = 0,
    events: Sequence[str] = (),
) -> Alert:
    """The alert about an incident. ``groups`` are its gaps, the most important first. ``events``: see ``Alert``."""
    key, first = incident.key, next(iter(groups), None)
    remedy = first.remedy if first else ""
    return Alert(
        id=id_,
        kind=key.kind,
        cause=key.cause,
        severity=severity_of(alert_type, counts, key.cause),
        alert_type=alert_type,
        incident=incident.id,
        found=incident.found,
        repaired=repaired,
        open=counts.open,
        oldest_at=min((group.since for group in groups), default=incident.opened_at),
        references=tuple(dict.fromkeys(name for group in groups for name in group.references))[:MOST_REFERENCES],
        code=first.code if first else "",
        seen=first.seen if first else "",
        remedy=remedy or remedy_of(key.kind, key.cause, counts.open, first.code if first else ""),
        sql=first.sql if first else "",
        events=tuple(events),
    )
