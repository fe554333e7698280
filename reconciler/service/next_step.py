"""What happens next to a booking under a rule, when, and what would change that, in the terms of cron.yaml."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from reconciler.domain.alerting.alerts import remedy_of
from reconciler.domain.decide.verdicts import BY_APPROVAL, VerdictStatus
from reconciler.domain.explain.remediation import Location, RequiredChange
from reconciler.domain.explain.wording import FULL_SCAN, NEXT, WOULD_CHANGE, describe_change
from reconciler.domain.gaps import Cause
from reconciler.engine.explain.explanation import RuleExplanation
from reconciler.service.lateness import next_time
from reconciler.settings.file.values import write_duration
from reconciler.settings.model.bookings import BookingSettings
from reconciler.settings.model.cron_file import CronFile
from reconciler.settings.model.fields import FieldSource
from reconciler.store.views.status import LastRun


def what_next(rule: RuleExplanation, file: CronFile, runs: Mapping[str, LastRun], now: datetime) -> str:
    """One sentence. ``runs``: the last run of each job; without a last run, the time of the next one is unknown."""
    sentence = NEXT[rule.verdict.status]
    job = file.running().get(rule.job)
    if "{when}" not in sentence:
        return sentence
    if job is None:
        return sentence.format(when=f"by hand only: {rule.job} is off in cron.yaml")
    if not rule.in_scan_window:
        return sentence.format(when=FULL_SCAN.format(job=rule.job, within=write_duration(file.bookings.full_scan)))
    run = runs.get(rule.job)
    at = next_time(job, run.started_at if run else None, now, file.timezone)
    local = at.astimezone(file.timezone)
    return sentence.format(when=f"{rule.job}, {local:%H:%M}" if run else f"the first run of {rule.job}")


def what_would_change(rule: RuleExplanation, file: CronFile) -> Sequence[str]:
    """The changes that would alter the verdict, under the application's names; empty if nothing has to change."""
    if rule.verdict.status in (VerdictStatus.OK, VerdictStatus.REPAIRABLE):
        return ()
    columns = _columns(file)
    changes = [describe_change(change, columns) for change in rule.required_changes if _has_column(change, columns)]
    if rule.verdict.reason in BY_APPROVAL:
        changes.insert(0, remedy_of(rule.kind, Cause.BREAKER, rule.held_alike, rule.verdict.reason))
    if rule.verdict.reason in WOULD_CHANGE:
        changes.insert(0, WOULD_CHANGE[rule.verdict.reason])
    return changes or ["nothing that we know of"]


def _has_column(change: RequiredChange, columns: Mapping[Location, Mapping[str, str]]) -> bool:
    """A start that is one column has no time of its own beside the day."""
    return change.name != "start_time" or "start_time" in columns[Location.BOOKING]


def _columns(file: CronFile) -> dict[Location, dict[str, str]]:
    """For each table: our column name -> the application's column name."""
    bookings, queue = file.bookings, file.rules.sms_missing.queue
    customers = bookings.customers.columns.model_dump() if bookings.customers else {}
    tables = {
        Location.BOOKING: bookings.named_times() | bookings.named_columns() | _fields(bookings),
        Location.QUEUE: queue.columns.model_dump() if queue else {},
        Location.CUSTOMER: customers,
    }
    return {place: {ours: theirs for ours, theirs in columns.items() if theirs} for place, columns in tables.items()}


def _fields(bookings: BookingSettings) -> dict[str, str]:
    """Names, numbers and facts that have a key of their own: where each stands. Also by what the key says."""
    found: dict[str, str] = {}
    for key, several in bookings.fields().items():
        places = [(one.place, _place(one.source, bookings), str(one.source)) for one in several]
        own = [(place, said, written) for place, said, written in places if place[0] != "columns"]
        found |= {written: said for _, said, written in own}
        if key == "facts":
            found |= {".".join(map(str, place)): said for place, said, _ in own}
        elif own:
            found[key] = " or ".join(said for _, said, _ in own)
    return found


def _place(source: FieldSource, bookings: BookingSettings) -> str:
    """``mobile of public.people, where id is the booking's person_id``."""
    if source.join is None:
        return str(source)
    join = bookings.join[source.join]
    whose = f"the {join.through}'s" if join.through else "the booking's"
    keys = " and ".join(f"{theirs} is {whose} {own}" for theirs, own in join.on.items())
    first = f", the first by {join.first_by}" if join.first_by else ""
    return f"{str(source).removeprefix(f'{source.join}.')} of {join.table}, where {keys}{first}"
