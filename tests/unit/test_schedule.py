"""The schedule: runs at start or not, never twice at once, and every run that went wrong is said."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from zoneinfo import ZoneInfo

import pytest

from reconciler.service.job_state import JobState
from reconciler.service.scheduler_loop import CLOCK_JUMP, SchedulerLoop, _ClockJumpDetector
from reconciler.settings import Need, load
from reconciler.settings.model.jobs import GRACE, Job
from reconciler.timing.schedule import SOON, RunProblem, Schedule, never_started

UTC_ZONE = ZoneInfo("UTC")
NOW = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)


class Diary:
    def __init__(self) -> None:
        self.ran: list[str] = []
        self.problems: list[tuple[str, RunProblem]] = []

    def problem(self, name: str, problem: RunProblem) -> None:
        self.problems.append((name, problem))


@contextmanager
def scheduled(diary: Diary, run: Callable[[str], None], **jobs: Job) -> Iterator[Schedule]:
    schedule = Schedule(jobs, UTC_ZONE, run, diary.problem)
    schedule.start()
    yield schedule
    schedule.stop()


def until(happens: Callable[[], object]) -> None:
    ends = time.monotonic() + 5
    while not happens():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_a_job_runs_at_start_unless_told_otherwise() -> None:
    diary = Diary()
    hourly = timedelta(hours=1)
    jobs = {"at_once": Job(every=hourly), "later": Job(every=hourly, at_start=False)}
    with scheduled(diary, diary.ran.append, **jobs) as schedule:
        until(lambda: diary.ran)
        later = schedule.next_run("later")
        assert later is not None
        assert timedelta(minutes=59) < later - datetime.now(UTC) <= hourly
    assert diary.ran == ["at_once"]


def test_every_job_can_be_started_whenever_it_is_due() -> None:
    jobs = {"hourly": Job(every=timedelta(hours=1), at_start=False), "mondays": Job(cron="0 10 * * mon")}
    assert never_started(jobs, UTC_ZONE, timedelta(seconds=10)) == []
    many = {f"job{number}": Job(every=timedelta(hours=1)) for number in range(100)}
    assert never_started(many, UTC_ZONE, timedelta(0)) != [], "not all of them at once"


def test_a_run_that_lasts_into_the_next_is_not_joined_by_it_and_that_is_said() -> None:
    diary, finish = Diary(), Event()

    def slow(name: str) -> None:
        diary.ran.append(name)
        finish.wait(5)

    with scheduled(diary, slow, slow=Job(every=timedelta(milliseconds=100))):
        until(lambda: diary.problems)
        finish.set()
    assert diary.problems[0] == ("slow", RunProblem.OVERLAPPING)


def test_a_run_that_fails_is_said_and_the_next_comes() -> None:
    diary = Diary()

    def fails(name: str) -> None:
        diary.ran.append(name)
        raise ValueError

    with scheduled(diary, fails, fails=Job(every=timedelta(milliseconds=50))):
        until(lambda: diary.problems.count(("fails", RunProblem.FAILED)) > 2)
    assert len(diary.ran) > 2


def test_a_run_that_comes_much_too_late_is_skipped_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a machine slept: the time of the run is long gone when the scheduler looks again."""
    diary = Diary()
    with scheduled(diary, diary.ran.append, job=Job(every=timedelta(hours=1), at_start=False)) as schedule:
        long_ago = datetime.now(UTC) - GRACE - timedelta(minutes=1)
        schedule._scheduler.modify_job("job", next_run_time=long_ago)
        until(lambda: diary.problems)
    assert (diary.ran, diary.problems) == ([], [("job", RunProblem.MISSED)])


def test_after_the_clock_jumped_everything_with_an_interval_runs_at_once() -> None:
    diary = Diary()
    jobs = {"often": Job(every=timedelta(hours=1), at_start=False), "at_ten": Job(cron="0 10 * * mon", at_start=False)}
    with scheduled(diary, diary.ran.append, **jobs) as schedule:
        schedule.run_now()
        until(lambda: diary.ran)
    assert diary.ran == ["often"]


def test_a_run_in_vain_waits_for_nothing_that_stopping_holds(tmp_path: Path) -> None:
    """While it stops, APScheduler waits for the runs and holds its list of jobs."""
    (tmp_path / "cron.yaml").write_text("{}")
    nowhere = {"DATABASE_URL": "postgresql://job@127.0.0.1:1/venue"}
    loop = SchedulerLoop(load(tmp_path / "cron.yaml", nowhere, Need.DATABASE), Event(), None)
    run = threading.Thread(target=loop._run, args=("ledger_retention",), daemon=True)
    with loop.schedule._scheduler._jobstores_lock:
        run.start()
        run.join(10)
        assert not run.is_alive()
    assert loop.reruns.get_nowait() == ("ledger_retention", SOON)


def test_a_run_in_vain_is_made_up_for_soon_unless_the_next_is_near() -> None:
    diary = Diary()
    rarely = Job(cron="0 10 1 1 *", at_start=False)
    jobs = {"rarely": rarely, "often": Job(every=timedelta(minutes=2), at_start=False)}
    with scheduled(diary, diary.ran.append, **jobs) as schedule:
        near = schedule.next_run("often")
        for name in jobs:
            schedule.make_up(name)
        made_up = schedule.next_run("rarely")
        assert made_up is not None
        assert timedelta(minutes=4) < made_up - datetime.now(UTC) <= timedelta(minutes=5)
        assert schedule.next_run("often") == near


_TOLERATED = CLOCK_JUMP.total_seconds()


@pytest.mark.parametrize(("jump", "seen"), [(0, False), (_TOLERATED - 1, False), (3600, True), (-3600, True)])
def test_a_clock_that_jumps_is_noticed_once(monkeypatch: pytest.MonkeyPatch, jump: float, seen: bool) -> None:
    clocks = _ClockJumpDetector()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + jump)
    assert [clocks.jumped(), clocks.jumped()] == [seen, False]


LIMITS = {"grace": timedelta(minutes=5), "longest": timedelta(minutes=9)}


@pytest.mark.parametrize(
    ("running_for", "due_in", "overdue"),
    [
        (None, timedelta(minutes=10), False),
        (None, timedelta(minutes=-4), False),
        (None, timedelta(minutes=-6), True),
        (None, None, True),
        (timedelta(minutes=8), timedelta(minutes=-20), False),
        (timedelta(minutes=10), timedelta(minutes=5), True),
    ],
)
def test_when_a_job_is_overdue(running_for: timedelta | None, due_in: timedelta | None, overdue: bool) -> None:
    state = JobState()
    if running_for:
        state.begin(NOW - running_for)
    due_at = NOW + due_in if due_in is not None else None
    assert state.is_overdue(due_at, NOW, **LIMITS) is overdue


def test_a_failed_run_is_forgotten_by_the_next_good_one() -> None:
    state = JobState()
    seen = []
    for failed in (True, False, True):
        state.begin(NOW)
        state.end(failed=failed)
        seen.append((state.failed, state.succeeded))
    assert seen == [(True, False), (False, True), (True, True)]
