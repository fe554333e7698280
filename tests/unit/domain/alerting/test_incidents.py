"""Which alert is due when: the truth table, and that a missed, late or doubled evaluation repeats and skips none."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.alerting.alerts import AlertType, IncidentKey, Severity
from reconciler.domain.alerting.incidents import (
    ESCALATION_FACTOR,
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
    severity_of,
)
from reconciler.domain.gaps import Cause, GapKind

NOON = datetime(2026, 6, 10, 11, 0, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
USUAL = Deadlines(
    deadline=HOUR,
    page_after=4 * HOUR,
    remind_every=24 * HOUR,
    settled_after=HOUR,
    fallback_after=15 * MINUTE,
)
SYSTEMIC = IncidentKey(kind=GapKind.SMS_MISSING, cause=Cause.NEVER_QUEUED)
INDIVIDUAL = IncidentKey(kind=GapKind.SMS_MISSING, cause=Cause.UNUSABLE_DATA)


def state(key: IncidentKey = SYSTEMIC, **values: object) -> Incident:
    """An incident that was opened at noon with an error alert, and has had no other alert."""
    usual = {
        "id": "e", "key": key, "opened_at": NOON, "newest_at": NOON, "found": 1, "at_error": True,
        "alerted_found": 1, "alerted_at": NOON,
    }  # fmt: skip
    return Incident(**usual | values)  # type: ignore[arg-type]


def there(number: int = 1, since: datetime = NOON, found: int = 0) -> GapCounts:
    return GapCounts(found=found, since=since, open=number, open_since=since, late_since=since)


def repaired(found: int, since: datetime) -> GapCounts:
    return GapCounts(found=found, since=since)


OPENED, ESCALATED, DEADLINE, REMINDER, PAGED, RESOLVED = AlertType
DAY = 24 * HOUR
TABLE: list[tuple[str, Incident, GapCounts, timedelta, tuple[AlertType, ...]]] = [
    # the case, the incident before, the gaps now, how long after noon, the alerts that are due
    ("nothing new", state(), there(), 30 * MINUTE, ()),
    ("open for its deadline", state(), there(), HOUR, (DEADLINE,)),
    ("just before it", state(), there(), HOUR - MINUTE, ()),
    ("deadline already alerted", state(deadline_at=NOON + HOUR), there(), 2 * HOUR, ()),
    ("a newer gap is younger", state(), there(since=NOON + 50 * MINUTE), 90 * MINUTE, ()),
    ("a gap of another cause before is as old as the incident", state(), there(since=NOON - DAY), 30 * MINUTE, ()),
    ("all repaired again", state(), NO_GAPS, 30 * MINUTE, ()),
    ("repaired, for longer than its deadline", state(newest_at=NOON + 2 * HOUR), NO_GAPS, 150 * MINUTE, ()),
    ("ten times as many", state(), there(10, found=9), 30 * MINUTE, (ESCALATED,)),
    ("nine times as many", state(), there(9, found=8), 30 * MINUTE, ()),
    ("nine times the last alerted", state(found=10, alerted_found=10), there(90, found=89), 30 * MINUTE, ()),
    ("ten times the last alerted", state(found=10, alerted_found=10), there(90, found=90), 30 * MINUTE, (ESCALATED,)),
    ("ten times as many, all repaired", state(at_error=False), repaired(9, NOON), 30 * MINUTE, (ESCALATED,)),
    ("escalated and past its deadline: one alert", state(), there(10, found=9), HOUR, (DEADLINE,)),
    ("a systemic cause for hours", state(deadline_at=NOON), there(), 4 * HOUR, (PAGED,)),
    ("already paged", state(deadline_at=NOON, paged_at=NOON), there(), 5 * HOUR, ()),
    ("an individual cause for hours", state(INDIVIDUAL, deadline_at=NOON), there(), 5 * HOUR, ()),
    ("no evaluation for hours", state(), there(), 5 * HOUR, (DEADLINE, PAGED)),
    ("still open a day later", state(deadline_at=NOON, paged_at=NOON), there(), DAY, (REMINDER,)),
    ("under a day after an alert", state(deadline_at=NOON, paged_at=NOON, alerted_at=NOON + HOUR), there(), DAY, ()),
    ("a page replaces the reminder", state(deadline_at=NOON), there(), DAY, (PAGED,)),
    ("had a warning, and open only now", state(at_error=False, newest_at=NOON + DAY), there(since=NOON + DAY), DAY, ()),
    ("quiet for a while", state(), NO_GAPS, HOUR, (RESOLVED,)),
    ("quiet, and then a new gap", state(), there(since=NOON + 2 * HOUR, found=1), 2 * HOUR, (RESOLVED,)),
    ("a new gap after a shorter while", state(), there(since=NOON + 59 * MINUTE, found=1), HOUR, ()),
    ("open all the time, without an evaluation", state(), there(), 30 * MINUTE + DAY, (DEADLINE, PAGED)),
]  # fmt: skip


@pytest.mark.parametrize(("before", "counts", "later", "due"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE])
def test_the_truth_table(before: Incident, counts: GapCounts, later: timedelta, due: tuple[AlertType, ...]) -> None:
    incident, now_due = evaluate(before, counts, USUAL, NOON + later)

    assert now_due == due
    assert (incident.ended_at is not None) == (RESOLVED in due)


@pytest.mark.parametrize(
    ("counts", "severity"), [(there(3, found=4), Severity.ERROR), (repaired(4, NOON), Severity.WARNING)]
)
def test_it_opens_with_a_warning_if_all_was_repaired(counts: GapCounts, severity: Severity) -> None:
    incident, due = evaluate_counts(open_incident("e", SYSTEMIC, counts, NOON), counts, USUAL, NOON)

    assert (due, severity_of(AlertType.OPENED, counts, Cause.NEVER_QUEUED), incident.found) == (
        (AlertType.OPENED,),
        severity,
        4,
    )
    assert incident.at_error == (severity is Severity.ERROR)


def test_the_routes_of_each_alert_type() -> None:
    oncall = ["PAGER_URL", "CHAT_URL"]
    routes = {
        alert_type: routes_of(alert_type, oncall, ["CHAT_URL", "GONE_URL"], resolves=False) for alert_type in AlertType
    }

    assert routes == dict.fromkeys(AlertType, frozenset({SENTRY_ROUTE})) | {
        AlertType.PAGED: frozenset({SENTRY_ROUTE, *oncall}),
        AlertType.RESOLVED: frozenset({"CHAT_URL"}),
    }
    assert routes_of(AlertType.RESOLVED, oncall, [], resolves=True) == {SENTRY_ROUTE}


@dataclass(frozen=True)
class Scan:
    """How long after the previous scan, and what it finds."""

    pause: timedelta
    found: int
    open: bool


SCANS = st.lists(
    st.builds(
        Scan,
        pause=st.sampled_from([10 * MINUTE, 10 * MINUTE, 20 * MINUTE, 3 * HOUR, 26 * HOUR]),
        found=st.sampled_from([0, 0, 0, 1, 3, 40]),
        open=st.booleans(),
    ),
    max_size=40,
)


def life(key: IncidentKey, scans: list[Scan], *, twice: bool) -> list[tuple[datetime, AlertType, Incident, GapCounts]]:
    """Every alert: when, which type, the incident and the counts. ``twice``: two processes evaluate each scan."""
    now, alerts = NOON, []
    incident: Incident | None = None
    open_since: datetime | None = None
    for scan in scans:
        now += scan.pause
        open_since = (open_since or now) if scan.open else None
        found = scan.found or int(scan.open and open_since == now)
        since = open_since or (now if found else None)
        ages = {"open_since": open_since, "late_since": open_since}
        counts = GapCounts(found=found, since=since, open=int(scan.open), **ages)
        for number in range(2 if twice else 1):
            if number:  # the first process has noted the new gaps
                still_open = scan.open
                counts = GapCounts(since=open_since if still_open else None, open=int(scan.open), **ages)
            if incident is not None:
                incident, due = evaluate(incident, counts, USUAL, now)
                alerts += [(now, alert_type, incident, counts) for alert_type in due]
                if incident.ended_at:
                    incident = None
            if incident is None and (counts.found or counts.open):
                incident, due = evaluate_counts(open_incident(str(len(alerts)), key, counts, now), counts, USUAL, now)
                alerts += [(now, alert_type, incident, counts) for alert_type in due]
    return alerts


KEYS = st.sampled_from([SYSTEMIC, INDIVIDUAL])


@given(key=KEYS, scans=SCANS)
def test_a_doubled_evaluation_repeats_no_alert(key: IncidentKey, scans: list[Scan]) -> None:
    once = [(at, alert_type) for at, alert_type, _, _ in life(key, scans, twice=False)]

    assert [(at, alert_type) for at, alert_type, _, _ in life(key, scans, twice=True)] == once


@given(key=KEYS, scans=SCANS)
def test_every_incident_opens_once_and_is_resolved_once_with_one_deadline_and_one_page(
    key: IncidentKey, scans: list[Scan]
) -> None:
    alerts = life(key, scans, twice=False)
    by_incident: dict[str, list[AlertType]] = {}
    for _, alert_type, incident, _ in alerts:
        by_incident.setdefault(incident.id, []).append(alert_type)
    for number, types in enumerate(by_incident.values()):
        counts = Counter(types)
        assert (types[0], counts[AlertType.OPENED]) == (AlertType.OPENED, 1)
        assert counts[AlertType.DEADLINE] <= 1
        assert counts[AlertType.PAGED] <= (1 if key is SYSTEMIC else 0)
        assert (AlertType.RESOLVED in types) == (types[-1] is AlertType.RESOLVED)
        assert AlertType.RESOLVED in types or number == len(by_incident) - 1, (
            "the next opens only after this one is resolved"
        )


@given(key=KEYS, scans=SCANS)
def test_what_is_open_too_long_is_alerted_at_the_next_scan(key: IncidentKey, scans: list[Scan]) -> None:
    """However late that scan is."""
    incident: Incident | None = None
    now = NOON
    for scan in scans:
        now += scan.pause
        counts = there(since=NOON, found=scan.found)
        if incident is None:
            incident, _ = evaluate_counts(open_incident("e", key, counts, now), counts, USUAL, now)
            opened = now
            continue
        incident, _ = evaluate(incident, counts, USUAL, now)
        assert (incident.deadline_at is not None) == (now - opened >= USUAL.deadline)
        assert (incident.paged_at is not None) == (now - opened >= USUAL.page_after and key is SYSTEMIC)
        assert incident.alerted_at is not None
        assert now - incident.alerted_at < USUAL.remind_every
        assert incident.found < ESCALATION_FACTOR * incident.alerted_found


@given(key=KEYS, scans=SCANS)
def test_reminders_are_at_least_remind_every_apart(key: IncidentKey, scans: list[Scan]) -> None:
    last: datetime | None = None
    for at, alert_type, _, counts in life(key, scans, twice=False):
        if alert_type is AlertType.REMINDER:
            assert last is not None
            assert at - last >= USUAL.remind_every
            assert counts.open
        last = at


def test_a_resolved_alert_carries_no_gaps() -> None:
    one = alert_of(AlertType.RESOLVED, state(found=13), "f" * 32, NO_GAPS, repaired=12)

    assert (one.severity, one.found, one.repaired, one.open, one.references) == (Severity.INFO, 13, 12, 0, ())
    assert one.title == "sms.missing / never_queued, resolved: 13 found, 12 repaired"
