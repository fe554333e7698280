"""The jobs that are late, judged by their runs in the ledger. Gaps do not affect this."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from reconciler.domain.decide.policies import Policy
from reconciler.domain.rules.registry import ALL_RULES, JOBS, REPAIRED
from reconciler.settings.model.cron_file import CronFile
from reconciler.settings.model.jobs import GRACE, Job

_LONGEST_CLOCK_CHANGE = timedelta(hours=3)
"""No clock change repeats or skips more time than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LateJob:
    """A job that should have finished a run by now and has not."""

    job: str
    finished_at: datetime | None
    """When its last finished run ended; ``None`` if no run ever finished."""
    schedule: str
    """Its schedule as cron.yaml writes it."""


def expected(file: CronFile) -> dict[str, Job]:
    """The jobs that write runs to the ledger. A job whose rules are all off scans nothing and writes none."""
    on = [rule for rule in ALL_RULES if file.rules.policy_of(rule) is not Policy.OFF]
    idle = set(JOBS) - {rule.job for rule in on}
    if not any(rule in REPAIRED for rule in on):
        idle.add("unsettled_repairs")
    return {name: job for name, job in file.running().items() if name not in idle}


def late(file: CronFile, finished: Mapping[str, datetime], now: datetime) -> list[LateJob]:
    """The jobs whose last finished run (``finished``, by job) is older than their schedule allows, sorted by name.

    A run may start as late as the schedule's grace and take as long as a pass may. A job that never ran is late if it
    runs at start; otherwise its first run may not be due yet: the ledger does not show when cron.yaml got the job.
    """
    allowed = GRACE + file.limits.pass_budget
    return [
        LateJob(job=name, finished_at=finished.get(name), schedule=job.when)
        for name, job in sorted(expected(file).items())
        if _is_late(job, finished.get(name), now - allowed, file.timezone)
    ]


def _is_late(job: Job, finished_at: datetime | None, by: datetime, zone: ZoneInfo) -> bool:
    if finished_at is None:
        return job.at_start
    if job.cron:
        due_at = last_time(job.cron, by, zone)
        return due_at is not None and finished_at < due_at
    assert job.every is not None
    # Without a run at start, a restart of the service restarts the interval.
    return finished_at + (job.every if job.at_start else 2 * job.every) < by


def last_time(line: str, by: datetime, zone: ZoneInfo) -> datetime | None:
    """The last time at or before ``by`` that matches the crontab line; ``None`` if there is none."""
    # CronSim goes back in local time, where an hour may repeat: start after that hour, and compare in UTC.
    for time in CronSim(line, (by + _LONGEST_CLOCK_CHANGE).astimezone(zone), reverse=True):
        if time.timestamp() <= by.timestamp():
            return time
    return None


def next_time(job: Job, started_at: datetime | None, now: datetime, zone: ZoneInfo) -> datetime:
    """When a service that is always running starts the job's next run; ``started_at``: the start of its last run."""
    if job.cron:
        return next(CronSim(job.cron, now.astimezone(zone)))
    assert job.every is not None
    return max(now, started_at + job.every) if started_at else now
