"""Episodes: what is evaluate_counts when, from the first gap of a kind and cause until there has been none for a while.

One function decides, from what was evaluate_counts and what is there now; whoever calls it twice, late, or not at all for hours
says nothing twice and leaves nothing out.
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

TIMES_WORSE = 10
"""So many times the number last told is news."""
SENTRY = "sentry"
"""The route of every event; an on-call route bears the name of its variable, which is in capitals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """When what is still there is evaluate_counts again; each a key of ``reporting``."""

    deadline: timedelta
    page_after: timedelta
    remind_every: timedelta
    settled_after: timedelta
    fallback_after: timedelta
    """Sentry has not taken it for so long: the on-call routes get it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Its state between two judgements."""

    id: str
    subject: IncidentKey
    opened_at: datetime
    newest_at: datetime
    """When a gap of it was last there."""
    found: int
    """Gaps since it began; one that comes again is counted again."""
    at_error: bool = False
    """Whether anything was evaluate_counts at *error* or above."""
    alerted_found: int = 0
    alerted_at: datetime | None = None
    """What was found when anything was last evaluate_counts, and when that was."""
    deadline_at: datetime | None = None
    paged_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GapCounts:
    """What is there of an incident's gaps now."""

    found: int = 0
    """How many nobody had noted before."""
    since: datetime | None = None
    """When the oldest of these, and of the open ones, was opened."""
    open: int = 0
    open_since: datetime | None = None
    """When the oldest open one was."""


NOTHING = GapCounts()


def open_incident(id_: str, subject: IncidentKey, present: GapCounts, now: datetime) -> Incident:
    """An incident of which nothing was evaluate_counts yet."""
    return Incident(id=id_, subject=subject, opened_at=now, newest_at=now, found=max(present.found, present.open))


def evaluate(
    incident: Incident, present: GapCounts, deadlines: Deadlines, now: datetime
) -> tuple[Incident, tuple[AlertType, ...]]:
    """What is to be evaluate_counts now, in this order, and the incident once it is.

    One that is at its end stays so: what is there now belongs to the next.
    """
    if (present.since or now) - incident.newest_at >= deadlines.settled_after:
        return replace(incident, ended_at=now), (AlertType.RESOLVED,)
    there = bool(present.found or present.open)
    incident = replace(incident, found=incident.found + present.found, newest_at=now if there else incident.newest_at)
    return evaluate_counts(incident, present, deadlines, now)


def evaluate_counts(
    incident: Incident, present: GapCounts, deadlines: Deadlines, now: datetime
) -> tuple[Incident, tuple[AlertType, ...]]:
    """The same of one whose numbers are the present ones."""
    what = _to_the_issue(incident, present, deadlines, now)
    page = _pages(incident, present, deadlines, now)
    # A page tells more people than a reminder would.
    due = (
        *([what] if what and not (page and what is AlertType.REMINDER) else []),
        *([AlertType.PAGED] if page else []),
    )
    return _after(incident, due, present, now), due


def _to_the_issue(incident: Incident, present: GapCounts, deadlines: Deadlines, now: datetime) -> AlertType | None:
    """One at most: each tells the numbers, so that none is left for the next."""
    if incident.alerted_at is None:
        return AlertType.OPENED
    if present.open and incident.deadline_at is None and _age(incident, present, now) >= deadlines.deadline:
        return AlertType.DEADLINE
    if incident.found >= TIMES_WORSE * incident.alerted_found:
        return AlertType.ESCALATED
    if present.open and incident.at_error and now - incident.alerted_at >= deadlines.remind_every:
        return AlertType.REMINDER
    return None


def _pages(incident: Incident, present: GapCounts, deadlines: Deadlines, now: datetime) -> bool:
    may = incident.subject.cause.is_systemic and incident.paged_at is None
    return may and bool(present.open) and _age(incident, present, now) >= deadlines.page_after


def _age(incident: Incident, present: GapCounts, now: datetime) -> timedelta:
    """Of the oldest open gap. One that was there before, for another cause, is as old as this incident."""
    return now - max(present.open_since or now, incident.opened_at)


def _after(incident: Incident, due: Sequence[AlertType], present: GapCounts, now: datetime) -> Incident:
    if not due:
        return incident
    return replace(
        incident,
        at_error=incident.at_error or any(level_of(what, present) in (Severity.ERROR, Severity.FATAL) for what in due),
        alerted_found=incident.found,
        alerted_at=now,
        deadline_at=now if AlertType.DEADLINE in due else incident.deadline_at,
        paged_at=now if AlertType.PAGED in due else incident.paged_at,
    )


def level_of(what: AlertType, present: GapCounts) -> Severity:
    match what:
        case AlertType.OPENED | AlertType.ESCALATED:
            return Severity.ERROR if present.open else Severity.WARNING
        case AlertType.DEADLINE | AlertType.REMINDER:
            return Severity.ERROR
        case AlertType.PAGED:
            return Severity.FATAL
        case AlertType.RESOLVED:
            return Severity.INFO


def routes_of(what: AlertType, oncall: Collection[str], heard: Collection[str], *, resolves: bool) -> frozenset[str]:
    """Who is told. ``heard``: the on-call routes that were told anything of this incident.

    An end is no event, which would open a resolved issue again; at Sentry it can only resolve (``resolves``).
    """
    match what:
        case AlertType.PAGED:
            return frozenset({SENTRY, *oncall})
        case AlertType.RESOLVED:
            return frozenset({*([SENTRY] if resolves else []), *(set(oncall) & set(heard))})
        case _:
            return frozenset({SENTRY})


def alert_of(
    what: AlertType,
    incident: Incident,
    id_: str,
    present: GapCounts,
    groups: Sequence[GapGroup] = (),
    repaired: int = 0,
    events: Sequence[str] = (),
) -> Alert:
    """What is evaluate_counts of an incident. ``groups``: its gaps, those that tell the most first; at its end ``events``."""
    subject, first = incident.subject, next(iter(groups), None)
    remedy = first.remedy if first else ""
    return Alert(
        id=id_,
        kind=subject.kind,
        cause=subject.cause,
        level=level_of(what, present),
        what=what,
        incident=incident.id,
        found=incident.found,
        repaired=repaired,
        open=present.open,
        oldest_at=min((group.since for group in groups), default=incident.opened_at),
        references=tuple(dict.fromkeys(name for group in groups for name in group.references))[:MOST_REFERENCES],
        code=first.code if first else "",
        seen=first.seen if first else "",
        remedy=remedy or remedy_of(subject.kind, subject.cause),
        sql=first.sql if first else "",
        events=tuple(events),
    )
