"""The section ``rules`` of cron.yaml as types: one section per rule of the registry."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, create_model

from reconciler.domain.decide.policies import DeletedByHand, Deliver, Policy
from reconciler.domain.gaps import Effect, GapKind
from reconciler.domain.rules.registry import AGGREGATE, ALL_RULES, REPORT_ONLY
from reconciler.domain.rules.rule import AggregateRule, Rule
from reconciler.settings.file.text_patterns import PatternText
from reconciler.settings.file.values import (
    Duration,
    NoneFor,
    OffWord,
    PositiveDuration,
    QuietHoursValue,
    Region,
    Some,
    parse_hours,
)
from reconciler.settings.model.bookings import Only, Queue, table_alone
from reconciler.settings.model.section import Column, Section

NOTHING_LEFT = (
    "SMS sending is currently suspended",
    "SMS sending paused by safety guard",
    "SMS blocked by customer safety check",
    "SMS blocked by idempotency safety guard",
    "Failed to schedule message for delivery",
    "This number is not eligible to receive SMS messages",
)
"""What the reference application writes into a row that it did not hand to Twilio. *Failed to send message* is not
among them: it stands for everything else."""
PLACEHOLDER_NAMES = (
    "unknown", "guest", "customer", "client", "visitor", "anonymous", "null", "none", "undefined", "n/a", "no name",
    "name", "first name", "test", "testing", "dummy", "tbc", "tbd", "walk-in", "walk in", "admin",
)  # fmt: skip
"""What forms, imports and staff write where a name belongs. Names that people have (Nil, Na) are not among them."""
PolicyWord = Annotated[Policy, OffWord]
ReportWord = Annotated[Literal[Policy.REPORT, Policy.OFF], OffWord]


class MessageSettings(Section):
    """A text for one status of a booking."""

    trigger: str = Field(min_length=1, description="the queue's word for this kind of text")
    satisfied_by: Annotated[Some | None, NoneFor("any")] = Field(
        None,
        description="the triggers whose queued or sent texts count as this one, its own among them; left out: its own "
        "alone; any: every trigger",
    )
    not_after: Column | None = Field(
        None,
        description="optional: the bookings' column (timestamptz) that says when what the text confirms lapses, such "
        "as hold_expiry; later the text is not sent",
    )
    template: str = Field(min_length=1, description="Jinja2; must contain {{ ref }}, by which a text is found again")


def _messages() -> dict[str, MessageSettings]:
    return {
        "draft": MessageSettings(
            trigger="booking_created",
            satisfied_by=("booking_created", "deposit_received", "booking_confirmed"),
            not_after="hold_expiry",
            template="Hi {{ first_name }}, we have pencilled in your party for {{ date }} at {{ time }}. "
            "We will be in touch about the next steps. Ref {{ ref }}",
        ),
        "confirmed": MessageSettings(
            trigger="booking_confirmed",
            satisfied_by=("booking_confirmed", "deposit_received"),
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
    queue: Annotated[Queue | None, BeforeValidator(table_alone), NoneFor("off"), OffWord] = Field(
        default_factory=Queue, description="schema.table; off: the application has no queue (see `evidence`)"
    )
    queue_failed_resent: bool | None = Field(
        None, description="yes | no: does anything send failed rows again? To be answered before a text is sent"
    )
    satisfied_by: Annotated[Some | None, NoneFor("any")] = Field(
        None, description="until 0.2: of every message that has no `satisfied_by` of its own; write it there"
    )
    deliver: Deliver = Field(
        Deliver.RECONCILER,
        description="reconciler: we post to Twilio | application: we queue, yours sends (no TWILIO_* needed; "
        "with them, Twilio is asked first)",
    )
    region: Region = Field("GB", description="how to read 07700 900123")
    countries: tuple[Region, ...] = Field(
        (),
        description="an allow-list: only numbers of these countries are texted, such as [GB, IE]; an empty list stands "
        "for the country of `region`",
    )
    placeholder_names: tuple[str, ...] = Field(
        PLACEHOLDER_NAMES,
        description="names that are nobody's: whoever is called so, or by several of these, is greeted without a name",
    )
    nameless: str = Field("there", description="what {{ first_name }} says where there is no usable first name")
    quiet_hours: QuietHoursValue = Field(
        parse_hours("21:00-09:00"), description="no text is sent then, or may still wait at Twilio; off: none"
    )
    stale_after: PositiveDuration = Field(
        timedelta(hours=72), description="due longer ago than this: alerted, not sent"
    )
    min_notice: Duration = Field(timedelta(hours=2), description="starts sooner than this: alerted, not sent")
    ignore: tuple[PatternText, ...] = Field(
        (),
        description="texts unrelated to bookings, which do not hold back ours: part of their wording, "
        "such as one-time code, or a regular expression (RE2), such as /code \\d{4}/; case does not matter",
    )
    nothing_left_if: tuple[PatternText, ...] = Field(
        NOTHING_LEFT,
        description="errors of the application's failed rows after which no text can have left: part of their wording, "
        "or a regular expression",
    )
    messages: dict[str, MessageSettings] = Field(
        default_factory=_messages, description="status: {trigger, satisfied_by, template}"
    )

    def satisfying(self, message: MessageSettings) -> tuple[str, ...] | None:
        """The triggers whose texts count as this message; ``None``: every trigger."""
        own = "satisfied_by" in message.model_fields_set
        if "satisfied_by" in self.model_fields_set and not (own and "messages" in self.model_fields_set):
            return self.satisfied_by  # one list for all messages, as until 0.2
        return message.satisfied_by if own else (message.trigger,)


class ReportOnlySection(RuleSection):
    """The section of a report-only rule. The rule's file has the default of ``after`` and its description."""

    policy: ReportWord = Field(Policy.REPORT, description="report | off")
    after: Duration


class AggregateSection(Section):
    """The section of an aggregate rule."""

    policy: ReportWord = Field(Policy.REPORT, description="report | off")


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

    def policy_of(self, rule: Rule | AggregateRule) -> Policy:
        policy: Policy = getattr(self, rule.key).policy
        return policy

    def aggregates(self) -> frozenset[GapKind]:
        """The aggregate rules that are not off."""
        return frozenset(rule.kind for rule in AGGREGATE if self.policy_of(rule) is not Policy.OFF)

    def report_only(self) -> dict[GapKind, ReportOnlySection]:
        """The report-only rules that are not off. They are about rows of the queue: without one there is none."""
        if self.sms_missing.queue is None:
            return {}
        sections = {rule.kind: self.of(rule) for rule in REPORT_ONLY}
        return {
            kind: section
            for kind, section in sections.items()
            if isinstance(section, ReportOnlySection) and section.policy is not Policy.OFF
        }


_SECTIONS: dict[Effect, type[RuleSection]] = {Effect.SMS: SmsMissing, Effect.CALENDAR: CalendarMissing}
"""The sections of the rules that repair. Each of them has settings that no other rule has."""


def _section_of(rule: Rule | AggregateRule) -> type[Section]:
    if isinstance(rule, AggregateRule):
        return create_model(rule.key, __base__=AggregateSection, __doc__=rule.summary)
    if rule.report is None:
        assert rule.effect is not None, "a rule either has an effect or only reports"
        return _SECTIONS[rule.effect]
    after = (Duration, Field(rule.report.after, description=rule.report.after_means))
    return create_model(rule.key, __base__=ReportOnlySection, __doc__=rule.summary, after=after)


def _rules() -> type[RuleSections]:
    fields: dict[str, Any] = {
        rule.key: (section, Field(default_factory=section, alias=str(rule.kind)))
        for rule in ALL_RULES
        for section in [_section_of(rule)]
    }
    return create_model("Rules", __base__=RuleSections, __doc__=RuleSections.__doc__, **fields)


if TYPE_CHECKING:
    Rules = RuleSections
else:
    # One key per rule of the registry; a type checker cannot know them.
    Rules = _rules()
