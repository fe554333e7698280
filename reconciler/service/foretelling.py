"""What happens next with a booking under a rule, and when: the verdict, and the schedule of cron.yaml."""

from collections.abc import Mapping
from datetime import datetime

from reconciler.domain.advice import NEXT
from reconciler.engine.explaining import RuleExplained
from reconciler.service.lateness import next_time
from reconciler.settings.model import CronFile
from reconciler.store.overview import LastRun


def what_next(rule: RuleExplained, file: CronFile, runs: Mapping[str, LastRun], now: datetime) -> str:
    """One sentence. ``runs``: the last run of each job; without one, when the next begins is not known."""
    says = NEXT[rule.verdict.standing]
    job = file.running().get(rule.job)
    if "{when}" not in says:
        return says
    if job is None:
        return says.format(when=f"by hand only: {rule.job} is off in cron.yaml")
    run = runs.get(rule.job)
    at = next_time(job, run.started_at if run else None, now, file.timezone)
    local = at.astimezone(file.timezone)
    return says.format(when=f"{rule.job}, {local:%H:%M}" if run else f"the first run of {rule.job}")
