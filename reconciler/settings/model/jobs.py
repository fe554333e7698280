"""The jobs of cron.yaml: when each one runs, and the default schedule of a job that the file does not mention."""

from datetime import timedelta

from pydantic import Field, model_validator

from reconciler.domain.rules.registry import JOBS
from reconciler.settings.file.crontab import Cron
from reconciler.settings.file.values import PositiveDuration, write_duration
from reconciler.settings.model.bookings import minutes
from reconciler.settings.model.section import Section


class Job(Section):
    """When a job runs: `every` or `cron`. `off` instead of a mapping: never."""

    every: PositiveDuration | None = Field(None, description="the time between two passes")
    cron: Cron | None = Field(None, description="or a line as crontab has it, weekdays by name, in `timezone`")
    at_start: bool = Field(True, description="also once when the scheduler starts")
    alive: str | None = Field(
        None,
        description="the variable that holds a dead-man's-switch URL; `reporting.heartbeats` says how it is called",
    )
    keep: PositiveDuration | None = Field(
        None, description="for `ledger_retention`: finished records younger than this are kept; default 400d"
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> "Job":
        if (self.every is None) == (self.cron is None):
            raise ValueError("write either every, such as 10m, or cron, such as 30 4 * * *")
        return self

    @property
    def when(self) -> str:
        """The schedule as cron.yaml writes it."""
        return f"every {write_duration(self.every)}" if self.every else f"cron {self.cron}"


GRACE = timedelta(minutes=5)
"""A run that is later than this (the machine slept) is skipped and reported; the next run does its work."""
KEEP = timedelta(days=400)
"""A year and a month, so that bookings of the same week last year can still be explained."""
DEFAULT_JOBS = {
    **{name: Job(every=minutes(10)) for name in JOBS},
    "coverage": Job(every=minutes(60)),
    "unsettled_repairs": Job(every=minutes(5)),
    "integrations": Job(every=minutes(15)),
    "fire_drill": Job(cron="0 10 * * mon", at_start=False),
    "ledger_retention": Job(cron="30 4 * * *", at_start=False, keep=KEEP),
}
"""The schedule of each job that cron.yaml does not mention."""
