"""cron.yaml's jobs on APScheduler: when each runs, and what goes wrong with running it. Nobody else imports it.

APScheduler reads crontab in a way of its own (Monday is 0, day and weekday must both match, a repeated hour fires
twice); CronSim reads it as Debian's cron does, and gives the times.
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

from reconciler.settings.file.model import Job

GRACE = timedelta(minutes=5)
"""A run that is later than this (the machine slept) is skipped and told; what it would have done, the next one does."""


SOON = timedelta(minutes=5)
"""After so long a run is made up for that was in vain."""


class Trouble(StrEnum):
    """What can go wrong with a run, besides what the job itself says."""

    MISSED = "missed"
    OVERLAPPING = "overlapping"
    FAILED = "failed"


_TROUBLES = {
    EVENT_JOB_MISSED: Trouble.MISSED,
    EVENT_JOB_MAX_INSTANCES: Trouble.OVERLAPPING,
    EVENT_JOB_ERROR: Trouble.FAILED,
}


class CrontabTrigger(BaseTrigger):  # type: ignore[misc]  # the library has no types
    """The times of a crontab line in a zone, DST as Debian's cron has it."""

    def __init__(self, line: str, zone: ZoneInfo) -> None:
        self.line = line
        self.zone = zone

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """The first time after the previous one, or after now."""
        after = previous_fire_time or now
        return next(CronSim(self.line, after.astimezone(self.zone)), None)


class Schedule:
    """Runs each job in a thread of its own, never twice at once, and says when a run went wrong."""

    def __init__(
        self,
        jobs: Mapping[str, Job],
        zone: ZoneInfo,
        run: Callable[[str], None],
        trouble: Callable[[str, Trouble], None],
    ) -> None:
        self._trouble = trouble
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
        """Begin no further run, and wait for those that are under way."""
        self._scheduler.shutdown(wait=True)

    def next_run(self, name: str) -> datetime | None:
        """When the job is due, in UTC; in the past if the scheduler itself stands still; ``None``: never again."""
        job = self._scheduler.get_job(name)
        due: datetime | None = job.next_run_time if job else None
        return due.astimezone(UTC) if due else None

    def run_now(self) -> None:
        """Let every job with an interval run at once: after the clock jumped, its next time means nothing."""
        for name in self._intervals:
            self._scheduler.modify_job(name, next_run_time=datetime.now(UTC))

    def make_up(self, name: str, after: timedelta = SOON) -> None:
        """Let a job run again after so long; one that would run by then anyway keeps its time.

        Not from a run: ``stop`` waits for the runs and holds what this would wait for.
        """
        due, soon = self.next_run(name), datetime.now(UTC) + after
        if due and due > soon:
            self._scheduler.modify_job(name, next_run_time=soon)

    def _hear(self, event: JobExecutionEvent) -> None:
        self._trouble(event.job_id, _TROUBLES[event.code])


def trigger(job: Job, zone: ZoneInfo) -> BaseTrigger:
    if job.cron:
        return CrontabTrigger(job.cron, zone)
    assert job.every is not None
    return IntervalTrigger(seconds=job.every.total_seconds(), timezone=UTC)


def never_started(jobs: Mapping[str, Job], zone: ZoneInfo, patience: timedelta) -> list[str]:
    """Those of the jobs that a schedule of their own does not start within ``patience``; what they do is not done."""
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
