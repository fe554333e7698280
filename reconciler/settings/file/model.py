"""cron.yaml as types. The only place with each key's meaning, unit and default, and the reason for it."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, Strict, create_model

from reconciler.domain.decide.policies import DeletedByHand, Deliver, Policy
from reconciler.domain.gaps import Effect, GapKind
from reconciler.domain.rules.registry import REPORT_ONLY, RULES
from reconciler.domain.rules.rule import Rule
from reconciler.settings.file.ignored import Ignored
from reconciler.settings.file.model_bookings import (
    BookingSettings,
    Only,
    Queue,
    RecordSettings,
    Section,
    minutes,
    table_alone,
)
from reconciler.settings.file.model_jobs import DEFAULT_JOBS, KEEP, Job
from reconciler.settings.file.model_reporting import Reporting
from reconciler.settings.file.values import (
    Duration,
    NoneFor,
    OffWord,
    Per,
    PerPeriod,
    PositiveDuration,
    QuietHoursValue,
    Region,
    Some,
    Zone,
    parse_hours,
    parse_zone,
)

PolicyWord = Annotated[Policy, OffWord]
Whole = Annotated[int, Strict()]
"""A strict integer: ``true`` is refused, although pydantic otherwise reads it as 1."""


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

    policy: PolicyWord = Field(Policy.REPAIR, description="repair | report | off (off: no TWILIO_* needed)")
    queue: Annotated[Queue, BeforeValidator(table_alone)] = Field(default_factory=Queue, description="schema.table")
    queue_failed_resent: bool | None = Field(
        None, description="yes | no: does anything send failed rows again? To be answered before a text is sent"
    )
    satisfied_by: Annotated[Some | None, NoneFor("any")] = Field(
        None, description="any queued or sent row, or a list of triggers that count"
    )
    deliver: Deliver = Field(
        Deliver.RECONCILER,
        description="reconciler: we post to Twilio | application: we queue, yours sends (no TWILIO_* needed; "
        "with them, Twilio is asked first)",
    )
    region: Region = Field("GB", description="how to read 07700 900123")
    quiet_hours: QuietHoursValue = Field(
        parse_hours("21:00-09:00"), description="no text is sent then, or may still wait at Twilio; off: none"
    )
    stale_after: PositiveDuration = Field(timedelta(hours=72), description="made longer ago: alerted, not sent")
    min_notice: Duration = Field(timedelta(hours=2), description="starts sooner than this: alerted, not sent")
    ignore: tuple[Ignored, ...] = Field(
        (),
        description="texts unrelated to bookings, which do not hold back ours: part of their wording, "
        "such as one-time code, or a regular expression, such as /code \\d{4}/; case does not matter",
    )
    messages: dict[str, MessageSettings] = Field(default_factory=_messages, description="status: {trigger, template}")


ReportWord = Annotated[Literal[Policy.REPORT, Policy.OFF], OffWord]


class ReportOnlySection(RuleSection):
    """The section of a report-only rule. The rule's file has the default of ``after`` and its description."""

    policy: ReportWord = Field(Policy.REPORT, description="report | off")
    after: Duration


class CalendarMissing(RuleSection):
    """A booking names no calendar event."""

    policy: PolicyWord = Field(Policy.REPAIR, description="repair | report | off (off: no GOOGLE_* needed)")
    deleted_by_hand: DeletedByHand = Field(
        DeletedByHand.REPORT, description="report | restore: what to do where a person deleted the event"
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
"""The sections of the rules that repair. Each of them has settings that no other rule has."""


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
    # One key per rule of the registry; a type checker cannot know them.
    Rules = _rules()


class BreakerLimits(Section):
    """Repairs of a day beyond a floor and beyond the ratio are held: so many gaps are more likely our mistake."""

    sms: Whole = Field(25, ge=0, description="texts in a day; in a quiet venue the busiest of 28 days, at least 5")
    calendar: Whole = Field(200, ge=0, description="the same for events, which disturb no customer")
    removals: Whole = Field(
        10,
        ge=0,
        description="so many a day may be removed whatever their share, unless more bookings are missing than there",
    )
    removals_ratio: Annotated[float, Strict()] = Field(
        0.1,
        ge=0,
        le=1,
        description="share of our upcoming events; beyond floor and share nothing is removed until --max-removals",
    )
    ratio: Annotated[float, Strict()] = Field(
        0.5, ge=0, le=1, description="of the bookings that became due within the day; in a backfill, of those it checks"
    )
    ratio_from: Whole = Field(
        5,
        ge=1,
        description="with fewer bookings the floor decides, in a backfill too; from as many events to come, no more "
        "than half may end at once",
    )


class RateLimits(Section):
    """Calls per time, over all processes."""

    sms: PerPeriod = Field(Per(1, timedelta(seconds=1)), description="what an ordinary sender may send")
    calendar: PerPeriod = Field(Per(5, timedelta(seconds=1)), description="half of what Google grants a user")


class Timeouts(Section):
    """How long one call may take."""

    twilio: PositiveDuration = Field(
        timedelta(seconds=10), description="one whole call of Twilio, from the name to the last byte"
    )
    google: PositiveDuration = Field(
        timedelta(seconds=15), description="one whole call of Google Calendar, its token included"
    )
    sql: PositiveDuration = Field(timedelta(seconds=30), description="one statement")
    lock: PositiveDuration = Field(timedelta(seconds=2), description="waiting for a row the application is writing")


class BackoffSettings(Section):
    """Between two tries of one repair: doubling, and jittered down to the half."""

    first: PositiveDuration = Field(
        minutes(1), description="after the first try; also where a provider asks for a pause"
    )
    longest: PositiveDuration = Field(timedelta(hours=1), description="no pause is longer")


class LimitSettings(Section):
    """What one pass may do."""

    per_pass: Whole = Field(
        50, ge=1, alias="pass", description="repairs per pass and effect; the rest are done in the next pass"
    )
    pass_budget: PositiveDuration = Field(minutes(4), description="less than the interval between two passes")
    breaker: BreakerLimits = Field(default_factory=BreakerLimits)
    rate: RateLimits = Field(default_factory=RateLimits)
    per_recipient: PerPeriod = Field(
        Per(3, timedelta(hours=24)), description="texts by E.164 number, the application's own counted"
    )
    attempts: Whole = Field(
        6,
        ge=1,
        description="failures of one repair while others were accepted; then it needs a human. An outage uses up none",
    )
    backoff: BackoffSettings = Field(default_factory=BackoffSettings)
    timeouts: Timeouts = Field(default_factory=Timeouts)
    lease: Duration = Field(
        minutes(5), description="a claim lasts this long; longer than the calls of one repair and two statements"
    )
    settle: Duration = Field(
        minutes(5),
        description="an unknown outcome is settled after this long; at least `lease`, longer than lists lag",
    )
    settle_tries: Whole = Field(
        6, ge=1, description="attempts to settle without a certain answer, at doubling intervals; then it needs a human"
    )
    generations: Whole = Field(
        5, ge=1, description="how often a finished repair may be restarted; then it needs a human"
    )


class CronFile(Section):
    """The whole file. A key that is left out has the default shown."""

    version: Literal[1] = Field(1, description="of this file's shape")
    timezone: Zone = Field(
        parse_zone("Europe/London"), description="the venue's civil time: quiet hours, days, times in texts"
    )
    repairs: Literal[Policy.REPAIR, Policy.REPORT] = Field(
        Policy.REPAIR, description="repair | report (scan and alert only: for a first day)"
    )
    bookings: BookingSettings = Field(default_factory=BookingSettings)
    rules: Rules = Field(default_factory=Rules)
    record: RecordSettings = Field(default_factory=RecordSettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    reporting: Reporting = Field(default_factory=Reporting)
    jobs: dict[str, Annotated[Job | None, NoneFor("off"), OffWord]] = Field(
        default_factory=dict,
        description="job: {every: 10m}, {cron: ..} or off; a job that is left out runs too: "
        + ", ".join(f"{name} {job.when}" for name, job in DEFAULT_JOBS.items()),
    )

    def running(self) -> dict[str, Job]:
        """Job name -> its schedule, for the jobs that are not off."""
        wanted = {**DEFAULT_JOBS, **self.jobs}
        return {name: job for name, job in wanted.items() if job is not None}

    def switches(self) -> frozenset[str]:
        """The names of the environment variables that hold the dead man's switches."""
        return frozenset(job.alive for job in self.running().values() if job.alive)

    def keep(self) -> timedelta:
        """How long finished rows stay in the ledger."""
        job = self.running().get("ledger_retention")
        return (job and job.keep) or KEEP
