"""Contradictions in cron.yaml: limits, reporting and jobs that are valid one by one but not together."""

from collections.abc import Iterator

from reconciler.domain.decide.policies import CALLS_UNDER_LEASE, shortest_lease
from reconciler.domain.gaps import Effect
from reconciler.settings.file.model import CronFile
from reconciler.settings.file.source import Source
from reconciler.settings.file.values import write_duration


def limit_contradictions(read: Source, file: CronFile) -> Iterator[str]:
    """The message of each contradiction, with its place in the file."""
    limits = file.limits
    lease = write_duration(limits.lease)
    yield from _outlived_lease(read, file)
    both = sorted(set(file.bookings.cancelled) & set(file.bookings.statuses))
    if both:
        needed = f"{', '.join(both)} is listed by bookings.statuses too: its event would be made and removed in turn"
        yield read.mistake(("bookings", "cancelled"), needed, ("bookings", "statuses"))
    yield from _too_slow(read, file)
    yield from _forgetful(read, file)
    reporting = file.reporting
    if reporting.oncall and reporting.fallback_after >= reporting.settled_after:
        needed = "must be shorter than reporting.settled_after: else the incident closes before it alerts"
        what = f"{write_duration(reporting.fallback_after)} {needed}"
        yield read.mistake(("reporting", "fallback_after"), what, ("reporting", "settled_after"))
    if limits.settle < limits.lease:
        settle = f"{write_duration(limits.settle)} must not be shorter than limits.lease, {lease}"
        yield read.mistake(("limits", "settle"), settle, ("limits", "lease"))
    if limits.backoff.longest < limits.backoff.first:
        longest_pause = f"{write_duration(limits.backoff.longest)} must not be shorter than limits.backoff.first"
        yield read.mistake(("limits", "backoff", "longest"), longest_pause, ("limits", "backoff", "first"))


def _outlived_lease(read: Source, file: CronFile) -> Iterator[str]:
    """A lease that could end before the answer of a call is in the ledger: another process would take the intent."""
    limits, sql = file.limits, file.limits.timeouts.sql
    calls = {"twilio": (Effect.SMS, limits.timeouts.twilio), "google": (Effect.CALENDAR, limits.timeouts.google)}
    needed = {provider: shortest_lease(effect, call, sql) for provider, (effect, call) in calls.items()}
    slowest = max(needed, key=lambda provider: needed[provider])
    if limits.lease <= needed[slowest]:
        effect, call = calls[slowest]
        count = CALLS_UNDER_LEASE[effect]
        what = (
            f"{write_duration(limits.lease)} must be longer than {write_duration(needed[slowest])}: "
            f"{count} {'call' if count == 1 else 'calls'} of limits.timeouts.{slowest}, {write_duration(call)}, "
            f"and 2 statements of limits.timeouts.sql, {write_duration(sql)}"
        )
        longest = slowest if CALLS_UNDER_LEASE[effect] * call > 2 * sql else "sql"
        yield read.mistake(("limits", "lease"), what, ("limits", "timeouts", longest))


def _too_slow(read: Source, file: CronFile) -> Iterator[str]:
    """A pass that could not end before the next one begins, or that could not make a single call."""
    limits = file.limits
    budget = f"limits.pass_budget, {write_duration(limits.pass_budget)}"
    for name, job in file.running().items():
        if job.every and name in file.jobs and job.every < limits.pass_budget:
            what = f"{write_duration(job.every)} is shorter than {budget}"
            yield read.mistake(("jobs", name, "every"), what, ("limits", "pass_budget"))
    for name, rate in (("sms", limits.rate.sms), ("calendar", limits.rate.calendar)):
        if rate.interval > limits.pass_budget:
            what = f"{rate}: the wait for one call is longer than {budget}"
            yield read.mistake(("limits", "rate", name), what, ("limits", "pass_budget"))


def _forgetful(read: Source, file: CronFile) -> Iterator[str]:
    """A ledger that forgets a text while its booking may still be repaired: the text would be sent again."""
    windows = {
        ("rules", "sms.missing", "stale_after"): file.rules.sms_missing.stale_after,
        ("bookings", "scan_window"): file.bookings.scan_window,
    }
    longest = max(windows, key=lambda path: windows[path])
    if "ledger_retention" in file.running() and file.keep() < windows[longest]:
        window = write_duration(windows[longest])
        what = (
            f"{write_duration(file.keep())} must not be shorter than {'.'.join(longest)}, {window}: "
            f"what is kept prevents repeated repairs; write {window} or more"
        )
        yield read.mistake(("jobs", "ledger_retention", "keep"), what, longest)
