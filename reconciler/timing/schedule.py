"""Runs the jobs of cron.yaml on APScheduler, and reports failed runs. Only this module imports APScheduler.

APScheduler reads crontab lines differently (Monday is 0, day and weekday must both match, a repeated hour fires twice).
CronSim reads them as Debian's cron does, so it computes the times.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from queue import Empty, Queue
from zoneinfo import ZoneInfo

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.interval import IntervalTrigger
from cronsim import CronSim

from reconciler.settings.model.jobs import GRACE, Job

SOON = timedelta(minutes=5)
"""How soon a failed run is repeated."""


class RunProblem(StrEnum):
    """What can go wrong with a run, apart from the job's own result."""

    MISSED = "missed"
    OVERLAPPING = "overlapping"
    FAILED = "failed"


_PROBLEMS = {
    EVENT_JOB_MISSED: RunProblem.MISSED,
    EVENT_JOB_MAX_INSTANCES: RunProblem.OVERLAPPING,
    EVENT_JOB_ERROR: RunProblem.FAILED,
}


class CrontabTrigger(BaseTrigger):  # type: ignore[misc]  # the library has no types
    """The times of a crontab line in a zone, with DST handled as Debian's cron handles it."""

    def __init__(self, line: str, zone: ZoneInfo) -> None:
        self.line = line
        self.zone = zone

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """The first time after the previous one, or after now."""
        after = previous_fire_time or now
        return next(CronSim(self.line, after.astimezone(self.zone)), None)


class Schedule:
    """Runs each job in its own thread, never twice at once, and calls ``on_problem`` when a run went wrong."""

    def __init__(
        self,
        jobs: Mapping[str, Job],
        zone: ZoneInfo,
        run: Callable[[str], None],
        on_problem: Callable[[str, RunProblem], None],
    ) -> None:
        self._on_problem = on_problem
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(max(1, len(jobs)))},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": int(GRACE.total_seconds())},
        )
        self._intervals = [name for name, job in jobs.items() if job.every]
        for name, job in jobs.items():
            first = {"next_run_time": datetime.now(UTC)} if job.at_start else {}
            self._scheduler.add_job(run, trigger(job, zone), args=(name,), id=name, **first)
        self._scheduler.add_listener(self._hear, EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES | EVENT_JOB_ERROR)

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        """Start no further run, and wait for the current ones."""
        self._scheduler.shutdown(wait=True)

    def next_run(self, name: str) -> datetime | None:
        """When the job is due, in UTC. In the past if the scheduler is stuck; ``None`` if the job never runs again."""
        job = self._scheduler.get_job(name)
        due: datetime | None = job.next_run_time if job else None
        return due.astimezone(UTC) if due else None

    def run_now(self) -> None:
        """Run every job that has an interval now: after a clock jump, its next time is wrong."""
        for name in self._intervals:
            self._scheduler.modify_job(name, next_run_time=datetime.now(UTC))

    def make_up(self, name: str, after: timedelta = SOON) -> None:
        """Run a job again after this time; a job that is due earlier keeps its time.

        Never call it from a run: ``stop`` waits for the runs and holds the lock that this call needs.
        """
        due, soon = self.next_run(name), datetime.now(UTC) + after
        if due and due > soon:
            self._scheduler.modify_job(name, next_run_time=soon)

    def _hear(self, event: JobExecutionEvent) -> None:
        self._on_problem(event.job_id, _PROBLEMS[event.code])


def trigger(job: Job, zone: ZoneInfo) -> BaseTrigger:
    if job.cron:
        return CrontabTrigger(job.cron, zone)
    assert job.every is not None
    return IntervalTrigger(seconds=job.every.total_seconds(), timezone=UTC)


def never_started(jobs: Mapping[str, Job], zone: ZoneInfo, patience: timedelta) -> list[str]:
    """The jobs that the scheduler failed to start within ``patience``. Job bodies are not run."""
    started: Queue[str] = Queue()
    at_once = {name: job.model_copy(update={"at_start": True}) for name, job in jobs.items()}
    schedule = Schedule(at_once, zone, started.put, lambda *_: None)
    waiting, ends_at = set(jobs), time.monotonic() + patience.total_seconds()
    schedule.start()
    with suppress(Empty):
        while waiting:
            waiting.discard(started.get(timeout=max(0, ends_at - time.monotonic())))
    schedule.stop()
    return sorted(waiting)
