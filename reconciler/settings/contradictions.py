"""Contradictions in cron.yaml: limits, reporting and jobs that are valid one by one but not together."""

from collections.abc import Iterator, Mapping

from reconciler.domain.decide.policies import CALLS_UNDER_LEASE, Deliver, Policy, Record, shortest_lease
from reconciler.domain.gaps import Effect, GapKind
from reconciler.domain.rules.registry import REPORT_ONLY, report_of
from reconciler.domain.rules.rule import Rule
from reconciler.domain.rules.sms_stuck import QUEUED
from reconciler.domain.rules.sms_unproven import SENT
from reconciler.settings.file.mistake import KeyPath, Mistake
from reconciler.settings.file.source import Source
from reconciler.settings.file.values import write_duration
from reconciler.settings.model.cron_file import CronFile
from reconciler.settings.model.section import Section

SMS = str(GapKind.SMS_MISSING)


def limit_contradictions(read: Source, file: CronFile) -> Iterator[Mistake]:
    """The message of each contradiction, with its place in the file."""
    limits = file.limits
    lease = write_duration(limits.lease)
    yield from _outlived_lease(read, file)
    both = sorted(set(file.bookings.cancelled) & set(file.bookings.statuses))
    if both:
        needed = f"{', '.join(both)} is listed by bookings.statuses too: its event would be made and removed in turn"
        remedy = "remove it from one of the two lists"
        yield read.mistake(("bookings", "cancelled"), needed, ("bookings", "statuses"), remedy=remedy)
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


def _outlived_lease(read: Source, file: CronFile) -> Iterator[Mistake]:
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


def _too_slow(read: Source, file: CronFile) -> Iterator[Mistake]:
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


def _forgetful(read: Source, file: CronFile) -> Iterator[Mistake]:
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


def text_contradictions(read: Source, file: CronFile) -> Iterator[Mistake]:
    """The same of what is said about texts and the application's queue."""
    yield from _unsatisfying(read, file)
    yield from _unreported(read, file)
    yield from _unsafe_in_flight(read, file)


def column_contradictions(read: Source, file: CronFile) -> Iterator[Mistake]:
    """Two of our names on one column of a table."""
    bookings, queue = file.bookings, file.rules.sms_missing.queue
    # A booking often ends on the day it starts.
    own = {place: theirs for place, theirs in bookings.places().items() if place != ("ends", "date")}
    yield from _named_twice(read, ("bookings",), own)
    if bookings.customers:
        yield from _named_twice(read, ("bookings", "customers"), _places(("columns",), bookings.customers.columns))
    if queue:
        yield from _named_twice(read, ("rules", SMS, "queue"), _places(("columns",), queue.columns))


def _places(above: KeyPath, columns: Section) -> dict[KeyPath, str]:
    return {(*above, ours): theirs for ours, theirs in columns.model_dump().items() if theirs is not None}


def _named_twice(read: Source, above: KeyPath, named: Mapping[KeyPath, str]) -> Iterator[Mistake]:
    first: dict[str, KeyPath] = {}
    for place, theirs in named.items():
        other = first.setdefault(theirs, place)
        if other == place:
            continue
        there = read.line((*above, *other))
        at = f" (line {there})" if read.has((*above, *other)) and there else ", by its default"
        at_fault = place if read.has((*above, *place)) else other
        both = f"{_said(place)} and {_said(other)}{at} both name the column {theirs}"
        yield read.mistake((*above, *at_fault), both, remedy="name another column, or null if the table has none")


def _said(place: KeyPath) -> str:
    return str(place[-1]) if place[0] == "columns" else ".".join(map(str, place))


def unanswered(read: Source, file: CronFile) -> list[Mistake]:
    """What a person has to answer before the first text is sent. ``--defaults`` answers everything."""
    rule = file.rules.sms_missing
    sends = Policy.REPAIR is rule.policy is file.repairs and rule.deliver is Deliver.RECONCILER
    if read.missing or not sends or rule.queue is None or rule.queue_failed_resent is not None:
        return []
    what = "does anything in the application send rows of the queue that are failed again? Write no or yes"
    remedy = "ask whoever maintains the application, and write the answer"
    return [read.mistake(("rules", SMS, "queue_failed_resent"), what, ("rules", SMS), remedy=remedy)]


def _unsafe_in_flight(read: Source, file: CronFile) -> Iterator[Mistake]:
    """Our row in a status that the application sends: then the text is sent by both."""
    rule, status = file.rules.sms_missing, file.record.in_flight
    if rule.policy is Policy.OFF or rule.deliver is Deliver.APPLICATION or file.records_texts() is not Record.QUEUE:
        return
    sends = {*QUEUED, *SENT, *(["failed"] if rule.queue_failed_resent else [])}
    if status in sends:
        what = f"the application sends rows in status {status}: write one that nothing sends, such as cancelled"
        remedy = "write a status that nothing in the application sends"
        yield read.mistake(("record", "in_flight"), what, ("rules", SMS, "queue_failed_resent"), remedy=remedy)


def _unsatisfying(read: Source, file: CronFile) -> Iterator[Mistake]:
    """Messages that we would send and that would not satisfy their own occasion."""
    rule, place = file.rules.sms_missing, ("rules", SMS)
    lacking: dict[KeyPath, set[str]] = {}
    for status in file.bookings.statuses:
        message = rule.messages.get(status)
        satisfying = rule.satisfying(message) if message else None
        if message and satisfying is not None and message.trigger not in satisfying:
            own = (*place, "messages", status, "satisfied_by")
            lacking.setdefault(own if read.has(own) else (*place, "satisfied_by"), set()).add(message.trigger)
    for path, triggers in lacking.items():
        what = f"lacks {', '.join(sorted(triggers))}, which we send: our own text would never satisfy the rule"
        yield read.mistake(path, what, (*place, "messages"), remedy=f"add {', '.join(sorted(triggers))}")


def _unreported(read: Source, file: CronFile) -> Iterator[Mistake]:
    """Report-only rules that cannot report. They would miss a text that is never sent."""
    rules = file.rules
    if rules.sms_missing.policy is Policy.REPAIR and rules.sms_missing.deliver is Deliver.APPLICATION:
        for rule in REPORT_ONLY:
            if rule.report and rule.report.covers_hand_over:
                yield from _not_covered(read, file, rule)
    queue = rules.sms_missing.queue
    for kind in rules.report_only():
        times = report_of(kind).times
        if queue and not any(getattr(queue.columns, column) for column in times):
            at = ("rules", SMS, "queue", "columns", times[0])
            needed = f"{kind} goes by {' or '.join(times)}, and there is neither; name one, or switch it off"
            yield read.mistake(at, needed, ("rules", kind))


def _not_covered(read: Source, file: CronFile, rule: Rule) -> Iterator[Mistake]:
    """The application sends what we hand over, so this rule must notice every text that it does not send."""
    section, handed_over = file.rules.of(rule), ("rules", SMS, "deliver")
    off = "off, so nothing would notice that the application does not send what we hand over"
    if section.policy is Policy.OFF:
        yield read.mistake(("rules", rule.kind, "policy"), off, handed_over)
    if rule.job not in file.running():
        yield read.mistake(("jobs", rule.job), off, handed_over)
    if section.only not in ({}, file.rules.sms_missing.only):
        narrow = f"must apply to all bookings that {SMS} applies to, since the application sends what we hand over"
        yield read.mistake(("rules", rule.kind, "only"), narrow, handed_over)
