"""What happens next with a booking under a rule, and when; and what would change that, in words."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from reconciler.domain.decide.verdicts import VerdictStatus
from reconciler.domain.explain.remediation import Location
from reconciler.domain.explain.wording import NEXT, TOMORROW, WOULD_CHANGE, describe_change
from reconciler.engine.explain.explanation import RuleExplanation
from reconciler.service.lateness import next_time
from reconciler.settings.file.model import CronFile
from reconciler.store.views.status import LastRun


def what_next(rule: RuleExplanation, file: CronFile, runs: Mapping[str, LastRun], now: datetime) -> str:
    """One sentence. ``runs``: the last run of each job; without one, when the next begins is not known."""
    says = NEXT[rule.verdict.standing]
    job = file.running().get(rule.job)
    if "{when}" not in says:
        return says
    if job is None:
        return says.format(when=f"by hand only: {rule.job} is off in cron.yaml")
    if not rule.in_sight:
        return says.format(when=TOMORROW.format(job=rule.job))
    run = runs.get(rule.job)
    at = next_time(job, run.started_at if run else None, now, file.timezone)
    local = at.astimezone(file.timezone)
    return says.format(when=f"{rule.job}, {local:%H:%M}" if run else f"the first run of {rule.job}")


def what_would_change(rule: RuleExplanation, file: CronFile) -> Sequence[str]:
    """Which value would have to be what, by the application's names; none where nothing has to change."""
    if rule.verdict.standing in (VerdictStatus.OK, VerdictStatus.REPAIRABLE):
        return ()
    changes = [describe_change(change, _columns(file)) for change in rule.required_changes]
    if rule.verdict.reason in WOULD_CHANGE:
        changes.insert(0, WOULD_CHANGE[rule.verdict.reason])
    return changes or ["nothing that we know of"]


def _columns(file: CronFile) -> dict[Location, dict[str, str]]:
    """The application's names of ours, by the table they stand in."""
    bookings, queue = file.bookings, file.rules.sms_missing.queue
    customers = bookings.customers.columns.model_dump() if bookings.customers else {}
    tables = {
        Location.BOOKING: bookings.columns.model_dump(),
        Location.QUEUE: queue.columns.model_dump(),
        Location.CUSTOMER: customers,
    }
    return {place: {ours: theirs for ours, theirs in columns.items() if theirs} for place, columns in tables.items()}
