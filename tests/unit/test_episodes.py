"""What is evaluate_counts when: the truth table, and that a missed, late or doubled judgement says nothing twice or never."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.alerting.alerts import AlertType, IncidentKey, Severity
from reconciler.domain.alerting.incidents import (
    NOTHING,
    SENTRY,
    TIMES_WORSE,
    Deadlines,
    GapCounts,
    Incident,
    alert_of,
    evaluate,
    evaluate_counts,
    level_of,
    open_incident,
    routes_of,
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


def state(subject: IncidentKey = SYSTEMIC, **values: object) -> Incident:
    """One that was opened at noon with an error, of which nothing else was evaluate_counts."""
    usual = {
        "id": "e", "subject": subject, "opened_at": NOON, "newest_at": NOON, "found": 1, "at_error": True,
        "alerted_found": 1, "alerted_at": NOON,
    }  # fmt: skip
    return Incident(**usual | values)  # type: ignore[arg-type]


def there(number: int = 1, since: datetime = NOON, found: int = 0) -> GapCounts:
    return GapCounts(found=found, since=since, open=number, open_since=since)


def mended(found: int, since: datetime) -> GapCounts:
    return GapCounts(found=found, since=since)


OPENED, WORSE, DEADLINE, REMINDER, PAGE, END = AlertType
DAY = 24 * HOUR
TABLE: list[tuple[str, Incident, GapCounts, timedelta, tuple[AlertType, ...]]] = [
    # what it is, what was evaluate_counts, what is there, how long after noon, what is due
    ("nothing new", state(), there(), 30 * MINUTE, ()),
    ("open for its deadline", state(), there(), HOUR, (DEADLINE,)),
    ("just before it", state(), there(), HOUR - MINUTE, ()),
    ("which was told", state(deadline_at=NOON + HOUR), there(), 2 * HOUR, ()),
    ("one that came later is not as old", state(), there(since=NOON + 50 * MINUTE), 90 * MINUTE, ()),
    ("one that was there for another cause is as old as this", state(), there(since=NOON - DAY), 30 * MINUTE, ()),
    ("all mended again", state(), NOTHING, 30 * MINUTE, ()),
    ("mended, for longer than its deadline", state(newest_at=NOON + 2 * HOUR), NOTHING, 150 * MINUTE, ()),
    ("ten times as many", state(), there(10, found=9), 30 * MINUTE, (WORSE,)),
    ("nine times", state(), there(9, found=8), 30 * MINUTE, ()),
    ("ten times the last told", state(found=10, alerted_found=10), there(90, found=89), 30 * MINUTE, ()),
    ("and that reached", state(found=10, alerted_found=10), there(90, found=90), 30 * MINUTE, (WORSE,)),
    ("ten times as many, all mended", state(at_error=False), mended(9, NOON), 30 * MINUTE, (WORSE,)),
    ("worse and its deadline: one says both", state(), there(10, found=9), HOUR, (DEADLINE,)),
    ("a systemic cause for hours", state(deadline_at=NOON), there(), 4 * HOUR, (PAGE,)),
    ("which was paged", state(deadline_at=NOON, paged_at=NOON), there(), 5 * HOUR, ()),
    ("an individual cause for hours", state(INDIVIDUAL, deadline_at=NOON), there(), 5 * HOUR, ()),
    ("nobody evaluate for hours", state(), there(), 5 * HOUR, (DEADLINE, PAGE)),
    ("still there a day later", state(deadline_at=NOON, paged_at=NOON), there(), DAY, (REMINDER,)),
    ("a day after something else", state(deadline_at=NOON, paged_at=NOON, alerted_at=NOON + HOUR), there(), DAY, ()),
    ("a page says it too", state(deadline_at=NOON), there(), DAY, (PAGE,)),
    ("warned of, and open just now", state(at_error=False, newest_at=NOON + DAY), there(since=NOON + DAY), DAY, ()),
    ("quiet for a while", state(), NOTHING, HOUR, (END,)),
    ("quiet, and then a new one", state(), there(since=NOON + 2 * HOUR, found=1), 2 * HOUR, (END,)),
    ("one after a shorter while", state(), there(since=NOON + 59 * MINUTE, found=1), HOUR, ()),
    ("open all the time, though nobody evaluate", state(), there(), 30 * MINUTE + DAY, (DEADLINE, PAGE)),
]  # fmt: skip


@pytest.mark.parametrize(("before", "present", "later", "due"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE])
def test_the_truth_table(before: Incident, present: GapCounts, later: timedelta, due: tuple[AlertType, ...]) -> None:
    incident, now_due = evaluate(before, present, USUAL, NOON + later)

    assert now_due == due
    assert (incident.ended_at is not None) == (END in due)


@pytest.mark.parametrize(
    ("present", "level"), [(there(3, found=4), Severity.ERROR), (mended(4, NOON), Severity.WARNING)]
)
def test_it_opens_with_a_warning_if_all_was_repaired(present: GapCounts, level: Severity) -> None:
    incident, due = evaluate_counts(open_incident("e", SYSTEMIC, present, NOON), present, USUAL, NOON)

    assert (due, level_of(AlertType.OPENED, present), incident.found) == ((AlertType.OPENED,), level, 4)
    assert incident.at_error == (level is Severity.ERROR)


def test_who_is_told() -> None:
    oncall = ["PAGER_URL", "CHAT_URL"]
    ways = {what: routes_of(what, oncall, ["CHAT_URL", "GONE_URL"], resolves=False) for what in AlertType}

    assert ways == dict.fromkeys(AlertType, frozenset({SENTRY})) | {
        AlertType.PAGED: frozenset({SENTRY, *oncall}),
        AlertType.RESOLVED: frozenset({"CHAT_URL"}),
    }
    assert routes_of(AlertType.RESOLVED, oncall, [], resolves=True) == {SENTRY}


@dataclass(frozen=True)
class Judgement:
    """How long after the last one, and what is there."""

    pause: timedelta
    found: int
    open: bool


JUDGEMENTS = st.lists(
    st.builds(
        Judgement,
        pause=st.sampled_from([10 * MINUTE, 10 * MINUTE, 20 * MINUTE, 3 * HOUR, 26 * HOUR]),
        found=st.sampled_from([0, 0, 0, 1, 3, 40]),
        open=st.booleans(),
    ),
    max_size=40,
)


def life(
    subject: IncidentKey, judgements: list[Judgement], *, twice: bool
) -> list[tuple[datetime, AlertType, Incident, GapCounts]]:
    """Everything that is evaluate_counts, when, and of which state; ``twice``: each judgement by two processes."""
    now, told = NOON, []
    incident: Incident | None = None
    open_since: datetime | None = None
    for look in judgements:
        now += look.pause
        open_since = (open_since or now) if look.open else None
        found = look.found or int(look.open and open_since == now)
        since = open_since or (now if found else None)
        present = GapCounts(found=found, since=since, open=int(look.open), open_since=open_since)
        for number in range(2 if twice else 1):
            if number:  # the other has noted what is new
                there_still = look.open
                present = GapCounts(
                    since=open_since if there_still else None, open=int(look.open), open_since=open_since
                )
            if incident is not None:
                incident, due = evaluate(incident, present, USUAL, now)
                told += [(now, what, incident, present) for what in due]
                if incident.ended_at:
                    incident = None
            if incident is None and (present.found or present.open):
                incident, due = evaluate_counts(
                    open_incident(str(len(told)), subject, present, now), present, USUAL, now
                )
                told += [(now, what, incident, present) for what in due]
    return told


SUBJECTS = st.sampled_from([SYSTEMIC, INDIVIDUAL])


@given(subject=SUBJECTS, judgements=JUDGEMENTS)
def test_a_doubled_judgement_says_nothing_twice(subject: IncidentKey, judgements: list[Judgement]) -> None:
    once = [(at, what) for at, what, _, _ in life(subject, judgements, twice=False)]

    assert [(at, what) for at, what, _, _ in life(subject, judgements, twice=True)] == once


@given(subject=SUBJECTS, judgements=JUDGEMENTS)
def test_every_incident_is_opened_once_and_ends_once_and_what_comes_once_comes_once(
    subject: IncidentKey, judgements: list[Judgement]
) -> None:
    told = life(subject, judgements, twice=False)
    by_incident: dict[str, list[AlertType]] = {}
    for _, what, incident, _ in told:
        by_incident.setdefault(incident.id, []).append(what)
    for number, whats in enumerate(by_incident.values()):
        counts = Counter(whats)
        assert (whats[0], counts[AlertType.OPENED]) == (AlertType.OPENED, 1)
        assert counts[AlertType.DEADLINE] <= 1
        assert counts[AlertType.PAGED] <= (1 if subject is SYSTEMIC else 0)
        assert (AlertType.RESOLVED in whats) == (whats[-1] is AlertType.RESOLVED)
        assert AlertType.RESOLVED in whats or number == len(by_incident) - 1, (
            "the next begins only when this one is over"
        )


@given(subject=SUBJECTS, judgements=JUDGEMENTS)
def test_what_is_open_too_long_is_said_at_the_next_judgement(subject: IncidentKey, judgements: list[Judgement]) -> None:
    """However late that look is."""
    incident: Incident | None = None
    now = NOON
    for look in judgements:
        now += look.pause
        present = there(since=NOON, found=look.found)
        if incident is None:
            incident, _ = evaluate_counts(open_incident("e", subject, present, now), present, USUAL, now)
            opened = now
            continue
        incident, _ = evaluate(incident, present, USUAL, now)
        assert (incident.deadline_at is not None) == (now - opened >= USUAL.deadline)
        assert (incident.paged_at is not None) == (now - opened >= USUAL.page_after and subject is SYSTEMIC)
        assert incident.alerted_at is not None
        assert now - incident.alerted_at < USUAL.remind_every
        assert incident.found < TIMES_WORSE * incident.alerted_found


@given(subject=SUBJECTS, judgements=JUDGEMENTS)
def test_reminders_are_as_far_apart_as_they_shall_be(subject: IncidentKey, judgements: list[Judgement]) -> None:
    last: datetime | None = None
    for at, what, _, present in life(subject, judgements, twice=False):
        if what is AlertType.REMINDER:
            assert last is not None
            assert at - last >= USUAL.remind_every
            assert present.open
        last = at


def test_a_report_of_an_end_has_nothing_of_what_was_there() -> None:
    one = alert_of(AlertType.RESOLVED, state(found=13), "f" * 32, NOTHING, repaired=12)

    assert (one.level, one.found, one.repaired, one.open, one.references) == (Severity.INFO, 13, 12, 0, ())
    assert one.title == "sms.missing / never_queued, over: 13 found, 12 repaired"
