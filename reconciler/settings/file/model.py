"""cron.yaml as types: every key, its meaning, its unit, its default, and why that default. Nowhere else."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, create_model, model_validator

from reconciler.domain.decide.policies import DeletedByHand, Deliver, Policy
from reconciler.domain.gaps import Effect, GapKind
from reconciler.domain.rules.registry import JOBS, REPORT_ONLY, RULES
from reconciler.domain.rules.rule import Rule
from reconciler.settings.file.crontab import Cron
from reconciler.settings.file.values import (
    Duration,
    NoneFor,
    OffWord,
    Per,
    PerPeriod,
    PositiveDuration,
    QuietHoursValue,
    Region,
    Since,
    Some,
    Table,
    TableName,
    Zone,
    parse_hours,
    parse_zone,
    write_duration,
)

PolicyWord = Annotated[Policy, OffWord]
Column = Annotated[str, Field(min_length=1)]
Whole = Annotated[int, Strict()]
"""Not ``true``, which counts as 1 elsewhere."""


class Section(BaseModel):
    """A part of the file; a key it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


def _minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


class BookingColumns(Section):
    """What the application calls the columns, where that differs. An optional one may be null: there is none."""

    id: Column = Field("id", description="the booking's id; texts and titles carry its first eight characters")
    status: Column = Field("status", description="compared with `bookings.statuses`")
    created_at: Column = Field("created_at", description="when it was booked")
    date: Column = Field("event_date", description="the day of the party, in the venue's time")
    start_time: Column = Field("start_time", description="when it begins, in the venue's time")
    name: Column = Field("customer_name", description="the customer's whole name")
    event_id: Column = Field("calendar_event_id", description="the id of its calendar event; we write it")
    end_time: Column | None = Field("end_time", description="optional: when it ends")
    end_next_day: Column | None = Field("end_time_next_day", description="optional: true where it ends after midnight")
    customer_id: Column | None = Field("customer_id", description="optional: leads to the customers' table")
    first_name: Column | None = Field("customer_first_name", description="optional: how the text greets")
    phone: Column | None = Field("contact_phone", description="optional: the booking's own number")
    date_tbd: Column | None = Field("date_tbd", description="optional: true where the date is only a placeholder")
    notes: Column | None = Field("internal_notes", description="optional: where `bookings.date_tbd_note` may stand")
    guests: Column | None = Field("guest_count", description="optional: for texts and events")
    occasion: Column | None = Field("event_type", description="optional: for texts and events")


class CustomerColumns(Section):
    """The same for the customers' table."""

    id: Column = Field("id", description="what `bookings.columns.customer_id` holds")
    mobile_e164: Column | None = Field("mobile_e164", description="optional: a number to fall back to")
    mobile_number: Column | None = Field("mobile_number", description="optional: the next number to fall back to")
    opt_in: Column | None = Field("sms_opt_in", description="optional: texts only where it is true")
    status: Column | None = Field("sms_status", description="optional: texts only where it holds what `active` names")


class QueueColumns(Section):
    """The same for the queue of texts."""

    id: Column = Field("id", description="the row's id; ours is derived from the booking, so that a repeat collides")
    booking_id: Column = Field("booking_id", description="whose text it is")
    trigger: Column = Field("trigger_type", description="what kind of text it is")
    body: Column = Field("message_body", description="the text")
    status: Column = Field("status", description="pending, approved, sent, cancelled or failed")
    provider_id: Column = Field("twilio_message_sid", description="Twilio's SID")
    error: Column = Field("error_message", description="why it failed; our rows in flight say so here")
    template: Column | None = Field("template_key", description="optional: we write `reconciler`")
    scheduled_for: Column | None = Field("scheduled_for", description="optional: we write now")
    customer_phone: Column | None = Field("customer_phone", description="optional: we write E.164")
    customer_name: Column | None = Field("customer_name", description="optional: we write the booking's name")
    recipient_phone: Column | None = Field("recipient_phone", description="optional: we write E.164")
    approved_by: Column | None = Field("approved_by", description="optional: a cancelled row with it is a decision")
    sent_at: Column | None = Field("sent_at", description="optional: when Twilio accepted it")
    created_at: Column | None = Field("created_at", description="optional: tells which failed row is the newest")


def _table_alone(value: Any) -> Any:
    """A table may be given by its name alone."""
    return {"table": value} if isinstance(value, str | TableName) else value


def _text_or_number(value: Any) -> Any:
    if isinstance(value, str | int) and not isinstance(value, bool):
        return value
    raise ValueError("a text or a whole number belongs here")


class Customers(Section):
    """The customers' table: the number to fall back to, and consent. Its name alone will do."""

    table: Table = Field(TableName("public", "customers"), description="schema.table")
    columns: CustomerColumns = Field(default_factory=CustomerColumns, description="only what differs")
    active: Column = Field("active", description="the one value of `status` that allows texts")


class Queue(Section):
    """The application's queue of texts. Its name alone will do."""

    table: Table = Field(TableName("public", "private_booking_sms_queue"), description="schema.table")
    columns: QueueColumns = Field(default_factory=QueueColumns, description="only what differs")


Only = dict[Column, Annotated[str | int, BeforeValidator(_text_or_number)]]
"""Columns of the bookings' table and the one value that is meant."""


class BookingSettings(Section):
    """The application's bookings, and which of them we look after."""

    table: Table = Field(TableName("public", "private_bookings"), description="schema.table")
    columns: BookingColumns = Field(default_factory=BookingColumns, description="only what differs")
    customers: Annotated[Customers | None, BeforeValidator(_table_alone), NoneFor("off"), OffWord] = Field(
        default_factory=Customers, description="fallback phone and consent; off: there is no such table"
    )
    statuses: Some = Field(("draft", "confirmed"), description="an allow-list: any other status is not asked for")
    only: Only = Field(
        default_factory=dict, description="column: value, e.g. {venue_id: 7}: one file and one container per venue"
    )
    since: Since = Field(None, description="the first `reconciler migrate`, or a date; what is older is for a backfill")
    grace: Duration = Field(_minutes(10), description="the application's own time to do it, its retries included")
    scan_window: PositiveDuration = Field(
        timedelta(days=14), description="each pass; the first of each day goes back to `since` instead"
    )
    date_tbd_note: str = Field(
        "Event date/time to be confirmed",
        description="an older way to say that the date is a placeholder, found within the notes; '' for none",
    )


class MessageSettings(Section):
    """A text for one status of a booking."""

    trigger: str = Field(min_length=1, description="the queue's word for this kind of text")
    template: str = Field(min_length=1, description="Jinja2; must contain {{ ref }}, by which a text is found again")


def _messages() -> dict[str, MessageSettings]:
    return {
        "draft": MessageSettings(
            trigger="booking_created",
            template="Hi {{ first_name }}, we have pencilled in your party for {{ date }} at {{ time }}. "
            "We will be in touch about the next steps. Ref {{ ref }}",
        ),
        "confirmed": MessageSettings(
            trigger="booking_confirmed",
            template="Hi {{ first_name }}, your party on {{ date }} at {{ time }} is confirmed. "
            "We look forward to seeing you! Ref {{ ref }}",
        ),
    }


class RuleSection(Section):
    """What every rule's section has."""

    policy: PolicyWord = Field(Policy.REPAIR, description="repair | report | off")
    only: Only = Field(default_factory=dict, description="column: value: this rule applies only to such bookings")


class SmsMissing(RuleSection):
    """A booking has no text queued or sent."""

    policy: PolicyWord = Field(Policy.REPAIR, description="repair | report | off (off: TWILIO_* not wanted)")
    queue: Annotated[Queue, BeforeValidator(_table_alone)] = Field(default_factory=Queue, description="schema.table")
    satisfied_by: Annotated[Some | None, NoneFor("any")] = Field(
        None, description="any queued or sent row, or a list of triggers that count"
    )
    deliver: Deliver = Field(
        Deliver.RECONCILER,
        description="reconciler: we post to Twilio | application: we queue, yours sends (TWILIO_* not wanted)",
    )
    region: Region = Field("GB", description="how to read 07700 900123")
    quiet_hours: QuietHoursValue = Field(
        parse_hours("21:00-09:00"), description="nothing leaves, and nothing may still wait at Twilio; off: never"
    )
    stale_after: PositiveDuration = Field(timedelta(hours=72), description="made longer ago: told, not sent")
    min_notice: Duration = Field(timedelta(hours=2), description="party sooner than this: told, not sent")
    messages: dict[str, MessageSettings] = Field(default_factory=_messages, description="status: {trigger, template}")


ReportWord = Annotated[Literal[Policy.REPORT, Policy.OFF], OffWord]


class ReportOnlySection(RuleSection):
    """The section of a report-only rule. The rule's file has the default of ``after`` and its description."""

    policy: ReportWord = Field(Policy.REPORT, description="report | off")
    after: Duration


class CalendarMissing(RuleSection):
    """A booking names no calendar event."""

    policy: PolicyWord = Field(Policy.REPAIR, description="repair | report | off (off: GOOGLE_* not wanted)")
    deleted_by_hand: DeletedByHand = Field(
        DeletedByHand.REPORT, description="report | restore: a person deleted the event of a live booking"
    )
    default_length: PositiveDuration = Field(timedelta(hours=3), description="where the booking has no end")


class RuleSections(Section):
    """What must be true of a booking."""

    if TYPE_CHECKING:
        sms_missing: SmsMissing = SmsMissing()
        calendar_missing: CalendarMissing = CalendarMissing()

    def of(self, rule: Rule) -> RuleSection:
        section: RuleSection = getattr(self, rule.key)
        return section

    def report_only(self) -> dict[GapKind, ReportOnlySection]:
        """The report-only rules that are not off."""
        sections = {rule.kind: self.of(rule) for rule in REPORT_ONLY}
        return {
            kind: section
            for kind, section in sections.items()
            if isinstance(section, ReportOnlySection) and section.policy is not Policy.OFF
        }


_SECTIONS: dict[Effect, type[RuleSection]] = {Effect.SMS: SmsMissing, Effect.CALENDAR: CalendarMissing}
"""The sections of the rules that repair: each has settings that no other rule has."""


def _section_of(rule: Rule) -> type[RuleSection]:
    if rule.report is None:
        assert rule.effect is not None, "a rule either has an effect or only reports"
        return _SECTIONS[rule.effect]
    after = (Duration, Field(rule.report.after, description=rule.report.after_means))
    return create_model(rule.key, __base__=ReportOnlySection, __doc__=rule.summary, after=after)


def _rules() -> type[RuleSections]:
    fields: dict[str, Any] = {
        rule.key: (section, Field(default_factory=section, alias=str(rule.kind)))
        for rule in RULES
        for section in [_section_of(rule)]
    }
    return create_model("Rules", __base__=RuleSections, __doc__=RuleSections.__doc__, **fields)


if TYPE_CHECKING:
    Rules = RuleSections
else:
    # A key per rule of the registry, which a type checker cannot know.
    Rules = _rules()


class BreakerLimits(Section):
    """A plan beyond a floor and beyond the ratio is refused: so many gaps at once are rather a mistake of ours."""

    sms: Whole = Field(25, ge=0, description="new texts that never trip it: a person reads that many replies")
    calendar: Whole = Field(200, ge=0, description="new events that never trip it: they disturb nobody")
    ratio: Annotated[float, Strict()] = Field(0.5, ge=0, le=1, description="of the bookings looked at")
    ratio_from: Whole = Field(5, ge=1, description="the ratio says nothing about fewer bookings than this")


class Rates(Section):
    """Calls per time, over all processes."""

    sms: PerPeriod = Field(Per(1, timedelta(seconds=1)), description="what a usual sender may send")
    calendar: PerPeriod = Field(Per(5, timedelta(seconds=1)), description="half of what Google grants a user")


class Timeouts(Section):
    """How long one call may take."""

    twilio: PositiveDuration = Field(timedelta(seconds=10), description="one call of Twilio")
    google: PositiveDuration = Field(timedelta(seconds=15), description="one call of Google Calendar")
    sql: PositiveDuration = Field(timedelta(seconds=30), description="one statement")
    lock: PositiveDuration = Field(timedelta(seconds=2), description="waiting for a row the application is writing")


class BackoffSettings(Section):
    """Between two tries of one repair: doubling, and jittered down to the half."""

    first: PositiveDuration = Field(
        _minutes(1), description="after the first try; also where a provider asks for a pause"
    )
    longest: PositiveDuration = Field(timedelta(hours=1), description="no pause is longer")


class LimitSettings(Section):
    """How far one pass may go."""

    per_pass: Whole = Field(
        50, ge=1, alias="pass", description="repairs per pass and effect; the rest wait for the next"
    )
    pass_budget: PositiveDuration = Field(_minutes(4), description="less than the interval between two passes")
    breaker: BreakerLimits = Field(default_factory=BreakerLimits)
    rate: Rates = Field(default_factory=Rates)
    per_recipient: PerPeriod = Field(
        Per(3, timedelta(hours=24)), description="texts by E.164 number, the application's own counted"
    )
    attempts: Whole = Field(
        6, ge=1, description="calls for one repair that may have left the machine; then a person is asked"
    )
    backoff: BackoffSettings = Field(default_factory=BackoffSettings)
    timeouts: Timeouts = Field(default_factory=Timeouts)
    lease: Duration = Field(_minutes(5), description="a claim lasts this long; longer than two provider timeouts")
    settle: Duration = Field(
        _minutes(5),
        description="an unknown outcome is asked for after this long; at least `lease`, longer than lists lag",
    )
    settle_tries: Whole = Field(
        6, ge=1, description="questions without a certain answer, at doubling intervals; then a person is asked"
    )
    generations: Whole = Field(5, ge=1, description="one effect of one booking is begun anew at most so often")


class Reporting(Section):
    """How people are told: docs/telling.md."""

    deadline: PositiveDuration = Field(timedelta(hours=1), description="a gap open this long is an error")
    page_after: PositiveDuration = Field(
        timedelta(hours=4), description="a systemic cause open this long pages somebody"
    )
    remind_every: PositiveDuration = Field(
        timedelta(hours=24), description="an error that is still there is told again"
    )
    settled_after: Duration = Field(timedelta(hours=1), description="this long without a gap ends the incident")
    monitors: Annotated[Literal["one", "each", "off"], OffWord] = Field(
        "one", description="one | each | off: Sentry's cron monitors; its plans include one"
    )
    fallback_after: Duration = Field(
        _minutes(15), description="an error that Sentry has not taken for so long goes to the on-call routes"
    )
    oncall: tuple[str, ...] = Field((), description="names of variables that hold the on-call routes, as apprise URLs")


class Job(Section):
    """When a job runs: `every` or `cron`. `off` instead of a mapping: never."""

    every: PositiveDuration | None = Field(None, description="the time between two passes")
    cron: Cron | None = Field(None, description="or a line as crontab has it, weekdays by name, in `timezone`")
    at_start: bool = Field(True, description="also once when the scheduler starts")
    alive: str | None = Field(
        None, description="the variable that holds a dead-man's-switch URL; /start and /fail are added to it"
    )
    keep: PositiveDuration | None = Field(
        None, description="for `ledger_retention`: what is finished and younger stays; 400d unless said"
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> "Job":
        if (self.every is None) == (self.cron is None):
            raise ValueError("write either every, such as 10m, or cron, such as 30 4 * * *")
        return self

    @property
    def when(self) -> str:
        """As cron.yaml has it."""
        return f"every {write_duration(self.every)}" if self.every else f"cron {self.cron}"


KEEP = timedelta(days=400)
"""A year and a month: last year's same week can still be asked about."""
DEFAULT_JOBS = {
    **{name: Job(every=_minutes(10)) for name in JOBS},
    "unsettled_repairs": Job(every=_minutes(5)),
    "integrations": Job(every=_minutes(15)),
    "fire_drill": Job(cron="0 10 * * mon", at_start=False),
    "ledger_retention": Job(cron="30 4 * * *", at_start=False, keep=KEEP),
}
"""What runs unless cron.yaml says otherwise, a job for a job."""


class CronFile(Section):
    """The whole file. A key that is left out has the default shown."""

    version: Literal[1] = Field(1, description="of this file's shape")
    timezone: Zone = Field(
        parse_zone("Europe/London"), description="the venue's civil time: quiet hours, wording, days"
    )
    repairs: Literal[Policy.REPAIR, Policy.REPORT] = Field(
        Policy.REPAIR, description="repair | report (look and tell only: for a first day)"
    )
    bookings: BookingSettings = Field(default_factory=BookingSettings)
    rules: Rules = Field(default_factory=Rules)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    reporting: Reporting = Field(default_factory=Reporting)
    jobs: dict[str, Annotated[Job | None, NoneFor("off"), OffWord]] = Field(
        default_factory=dict,
        description="job: {every: 10m}, {cron: ..} or off; what is left out runs all the same: "
        + ", ".join(f"{name} {job.when}" for name, job in DEFAULT_JOBS.items()),
    )

    def running(self) -> dict[str, Job]:
        """The jobs that run, and when."""
        wanted = {**DEFAULT_JOBS, **self.jobs}
        return {name: job for name, job in wanted.items() if job is not None}

    def switches(self) -> frozenset[str]:
        """The variables that hold dead man's switches."""
        return frozenset(job.alive for job in self.running().values() if job.alive)

    def keep(self) -> timedelta:
        """How long what is finished stays in the ledger."""
        job = self.running().get("ledger_retention")
        return (job and job.keep) or KEEP
