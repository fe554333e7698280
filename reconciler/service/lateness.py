"""Whether the jobs run when they should, by what the ledger says. How many gaps there are does not come into it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from reconciler.domain.decide.policies import Policy
from reconciler.domain.rules.registry import JOBS, RULES
from reconciler.schedule import GRACE
from reconciler.settings.file.model import CronFile, Job

_REPEATED = timedelta(hours=3)
"""No change of the clocks repeats or leaves out more than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LateJob:
    """A job that should have finished a run by now and did not."""

    job: str
    finished_at: datetime | None
    """When its last run did; ``None``: none ever."""
    wanted: str
    """Its schedule as cron.yaml has it."""


def expected(file: CronFile) -> dict[str, Job]:
    """The jobs that leave a trace in the ledger: one whose rules are all off looks at nothing."""
    on = [rule for rule in RULES if file.rules.of(rule).policy is not Policy.OFF]
    idle = set(JOBS) - {rule.job for rule in on}
    if not any(rule.effect for rule in on):
        idle.add("unsettled_repairs")
    return {name: job for name, job in file.running().items() if name not in idle}


def late(file: CronFile, finished: Mapping[str, datetime], now: datetime) -> list[LateJob]:
    """Every job whose last finished run (``finished``, by job) is older than its schedule allows, by name.

    A run may begin as late as the schedule's grace and take as long as a pass may. A job that never ran is late if it
    also runs at start; otherwise nothing tells since when cron.yaml has it, and its first time may be to come.
    """
    allowed = GRACE + file.limits.pass_budget
    return [
        LateJob(job=name, finished_at=finished.get(name), wanted=job.when)
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
    # Without a run at start, a restart begins the interval anew.
    return finished_at + (job.every if job.at_start else 2 * job.every) < by


def last_time(line: str, by: datetime, zone: ZoneInfo) -> datetime | None:
    """The last time at or before ``by`` that the line of crontab names."""
    # CronSim goes back by the wall's clock, on which an hour may be repeated: so from after it, and compared in time.
    for time in CronSim(line, (by + _REPEATED).astimezone(zone), reverse=True):
        if time.timestamp() <= by.timestamp():
            return time
    return None


def next_time(job: Job, started_at: datetime | None, now: datetime, zone: ZoneInfo) -> datetime:
    """When a service that runs all the time begins the job's next run; ``started_at``: its last one."""
    if job.cron:
        return next(CronSim(job.cron, now.astimezone(zone)))
    assert job.every is not None
    return max(now, started_at + job.every) if started_at else now
