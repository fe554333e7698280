"""What is said when: the truth table, and that a missed, late or doubled judgement says nothing twice or never."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.alerting.alerts import Level, Subject, What
from reconciler.domain.alerting.incidents import (
    NOTHING,
    SENTRY,
    TIMES_WORSE,
    Deadlines,
    Episode,
    Present,
    begun,
    judged,
    level_of,
    report_of,
    routes_of,
    said,
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
SYSTEMIC = Subject(kind=GapKind.SMS_MISSING, cause=Cause.NEVER_QUEUED)
INDIVIDUAL = Subject(kind=GapKind.SMS_MISSING, cause=Cause.UNUSABLE_DATA)


def state(subject: Subject = SYSTEMIC, **values: object) -> Episode:
    """One that was opened at noon with an error, of which nothing else was said."""
    usual = {
        "id": "e", "subject": subject, "opened_at": NOON, "newest_at": NOON, "found": 1, "at_error": True,
        "told_found": 1, "told_at": NOON,
    }  # fmt: skip
    return Episode(**usual | values)  # type: ignore[arg-type]


def there(number: int = 1, since: datetime = NOON, found: int = 0) -> Present:
    return Present(found=found, since=since, open=number, open_since=since)


def mended(found: int, since: datetime) -> Present:
    return Present(found=found, since=since)


OPENED, WORSE, DEADLINE, REMINDER, PAGE, END = What
DAY = 24 * HOUR
TABLE: list[tuple[str, Episode, Present, timedelta, tuple[What, ...]]] = [
    # what it is, what was said, what is there, how long after noon, what is due
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
    ("ten times the last told", state(found=10, told_found=10), there(90, found=89), 30 * MINUTE, ()),
    ("and that reached", state(found=10, told_found=10), there(90, found=90), 30 * MINUTE, (WORSE,)),
    ("ten times as many, all mended", state(at_error=False), mended(9, NOON), 30 * MINUTE, (WORSE,)),
    ("worse and its deadline: one says both", state(), there(10, found=9), HOUR, (DEADLINE,)),
    ("a systemic cause for hours", state(deadline_at=NOON), there(), 4 * HOUR, (PAGE,)),
    ("which was paged", state(deadline_at=NOON, paged_at=NOON), there(), 5 * HOUR, ()),
    ("an individual cause for hours", state(INDIVIDUAL, deadline_at=NOON), there(), 5 * HOUR, ()),
    ("nobody judged for hours", state(), there(), 5 * HOUR, (DEADLINE, PAGE)),
    ("still there a day later", state(deadline_at=NOON, paged_at=NOON), there(), DAY, (REMINDER,)),
    ("a day after something else", state(deadline_at=NOON, paged_at=NOON, told_at=NOON + HOUR), there(), DAY, ()),
    ("a page says it too", state(deadline_at=NOON), there(), DAY, (PAGE,)),
    ("warned of, and open just now", state(at_error=False, newest_at=NOON + DAY), there(since=NOON + DAY), DAY, ()),
    ("quiet for a while", state(), NOTHING, HOUR, (END,)),
    ("quiet, and then a new one", state(), there(since=NOON + 2 * HOUR, found=1), 2 * HOUR, (END,)),
    ("one after a shorter while", state(), there(since=NOON + 59 * MINUTE, found=1), HOUR, ()),
    ("open all the time, though nobody judged", state(), there(), 30 * MINUTE + DAY, (DEADLINE, PAGE)),
]  # fmt: skip


@pytest.mark.parametrize(("before", "present", "later", "due"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE])
def test_the_truth_table(before: Episode, present: Present, later: timedelta, due: tuple[What, ...]) -> None:
    episode, now_due = judged(before, present, USUAL, NOON + later)

    assert now_due == due
    assert (episode.ended_at is not None) == (END in due)


@pytest.mark.parametrize(("present", "level"), [(there(3, found=4), Level.ERROR), (mended(4, NOON), Level.WARNING)])
def test_it_opens_with_a_warning_if_all_was_mended(present: Present, level: Level) -> None:
    episode, due = said(begun("e", SYSTEMIC, present, NOON), present, USUAL, NOON)

    assert (due, level_of(What.OPENED, present), episode.found) == ((What.OPENED,), level, 4)
    assert episode.at_error == (level is Level.ERROR)


def test_who_is_told() -> None:
    oncall = ["PAGER_URL", "CHAT_URL"]
    ways = {what: routes_of(what, oncall, ["CHAT_URL", "GONE_URL"], resolves=False) for what in What}

    assert ways == dict.fromkeys(What, frozenset({SENTRY})) | {
        What.PAGE: frozenset({SENTRY, *oncall}),
        What.END: frozenset({"CHAT_URL"}),
    }
    assert routes_of(What.END, oncall, [], resolves=True) == {SENTRY}


@dataclass(frozen=True)
class Look:
    """How long after the last one, and what is there."""

    pause: timedelta
    found: int
    open: bool


LOOKS = st.lists(
    st.builds(
        Look,
        pause=st.sampled_from([10 * MINUTE, 10 * MINUTE, 20 * MINUTE, 3 * HOUR, 26 * HOUR]),
        found=st.sampled_from([0, 0, 0, 1, 3, 40]),
        open=st.booleans(),
    ),
    max_size=40,
)


def life(subject: Subject, looks: list[Look], *, twice: bool) -> list[tuple[datetime, What, Episode, Present]]:
    """Everything that is said, when, and of which state; ``twice``: each judgement by two processes."""
    now, told = NOON, []
    episode: Episode | None = None
    open_since: datetime | None = None
    for look in looks:
        now += look.pause
        open_since = (open_since or now) if look.open else None
        found = look.found or int(look.open and open_since == now)
        since = open_since or (now if found else None)
        present = Present(found=found, since=since, open=int(look.open), open_since=open_since)
        for number in range(2 if twice else 1):
            if number:  # the other has noted what is new
                there_still = look.open
                present = Present(since=open_since if there_still else None, open=int(look.open), open_since=open_since)
            if episode is not None:
                episode, due = judged(episode, present, USUAL, now)
                told += [(now, what, episode, present) for what in due]
                if episode.ended_at:
                    episode = None
            if episode is None and (present.found or present.open):
                episode, due = said(begun(str(len(told)), subject, present, now), present, USUAL, now)
                told += [(now, what, episode, present) for what in due]
    return told


SUBJECTS = st.sampled_from([SYSTEMIC, INDIVIDUAL])


@given(subject=SUBJECTS, looks=LOOKS)
def test_a_doubled_judgement_says_nothing_twice(subject: Subject, looks: list[Look]) -> None:
    once = [(at, what) for at, what, _, _ in life(subject, looks, twice=False)]

    assert [(at, what) for at, what, _, _ in life(subject, looks, twice=True)] == once


@given(subject=SUBJECTS, looks=LOOKS)
def test_every_episode_is_opened_once_and_ends_once_and_what_comes_once_comes_once(
    subject: Subject, looks: list[Look]
) -> None:
    told = life(subject, looks, twice=False)
    by_episode: dict[str, list[What]] = {}
    for _, what, episode, _ in told:
        by_episode.setdefault(episode.id, []).append(what)
    for number, whats in enumerate(by_episode.values()):
        counts = Counter(whats)
        assert (whats[0], counts[What.OPENED]) == (What.OPENED, 1)
        assert counts[What.DEADLINE] <= 1
        assert counts[What.PAGE] <= (1 if subject is SYSTEMIC else 0)
        assert (What.END in whats) == (whats[-1] is What.END)
        assert What.END in whats or number == len(by_episode) - 1, "the next begins only when this one is over"


@given(subject=SUBJECTS, looks=LOOKS)
def test_what_is_open_too_long_is_said_at_the_next_look(subject: Subject, looks: list[Look]) -> None:
    """However late that look is."""
    episode: Episode | None = None
    now = NOON
    for look in looks:
        now += look.pause
        present = there(since=NOON, found=look.found)
        if episode is None:
            episode, _ = said(begun("e", subject, present, now), present, USUAL, now)
            opened = now
            continue
        episode, _ = judged(episode, present, USUAL, now)
        assert (episode.deadline_at is not None) == (now - opened >= USUAL.deadline)
        assert (episode.paged_at is not None) == (now - opened >= USUAL.page_after and subject is SYSTEMIC)
        assert episode.told_at is not None
        assert now - episode.told_at < USUAL.remind_every
        assert episode.found < TIMES_WORSE * episode.told_found


@given(subject=SUBJECTS, looks=LOOKS)
def test_reminders_are_as_far_apart_as_they_shall_be(subject: Subject, looks: list[Look]) -> None:
    last: datetime | None = None
    for at, what, _, present in life(subject, looks, twice=False):
        if what is What.REMINDER:
            assert last is not None
            assert at - last >= USUAL.remind_every
            assert present.open
        last = at


def test_a_report_of_an_end_has_nothing_of_what_was_there() -> None:
    one = report_of(What.END, state(found=13), "f" * 32, NOTHING, repaired=12)

    assert (one.level, one.found, one.repaired, one.open, one.references) == (Level.INFO, 13, 12, 0, ())
    assert one.title == "sms.missing / never_queued, over: 13 found, 12 repaired"
