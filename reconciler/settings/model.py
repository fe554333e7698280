"""cron.yaml as types: every key, its meaning, its unit, its default, and why that default. Nowhere else."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from reconciler.domain.policies import DeletedByHand, Policy
from reconciler.settings.values import (
    Duration,
    NoneFor,
    OffWord,
    Per,
    PerPeriod,
    QuietHoursValue,
    Since,
    Table,
    TableName,
    Zone,
    parse_hours,
    parse_zone,
)

PolicyWord = Annotated[Policy, OffWord]


class Section(BaseModel):
    """A part of the file; a key it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, arbitrary_types_allowed=True)


def _minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


class BookingColumns(Section):
    """What the application calls the columns; the optional ones may be null: there is no such column."""

    id: str = "id"
    status: str = "status"
    created_at: str = "created_at"
    date: str = "event_date"
    start_time: str = "start_time"
    name: str = "customer_name"
    event_id: str = "calendar_event_id"
    end_time: str | None = "end_time"
    end_next_day: str | None = "end_time_next_day"
    customer_id: str | None = "customer_id"
    first_name: str | None = "customer_first_name"
    phone: str | None = "contact_phone"
    date_tbd: str | None = "date_tbd"
    notes: str | None = "internal_notes"
    guests: str | None = "guest_count"
    occasion: str | None = "event_type"


class CustomerColumns(Section):
    """Columns of the customers' table."""

    id: str = "id"
    mobile_e164: str | None = "mobile_e164"
    mobile_number: str | None = "mobile_number"
    opt_in: str | None = "sms_opt_in"
    status: str | None = "sms_status"


class QueueColumns(Section):
    """Columns of the queue of texts."""

    id: str = "id"
    booking_id: str = "booking_id"
    trigger: str = "trigger_type"
    body: str = "message_body"
    status: str = "status"
    provider_id: str = "twilio_message_sid"
    error: str = "error_message"
    template: str | None = "template_key"
    scheduled_for: str | None = "scheduled_for"
    customer_phone: str | None = "customer_phone"
    customer_name: str | None = "customer_name"
    recipient_phone: str | None = "recipient_phone"
    approved_by: str | None = "approved_by"
    sent_at: str | None = "sent_at"
    created_at: str | None = "created_at"


def _table_alone(value: Any) -> Any:
    """A table may be given by its name alone."""
    return {"table": value} if isinstance(value, str | TableName) else value


def _table_or_off(value: Any) -> Any:
    return None if value in (False, "off") else _table_alone(value)


class Customers(Section):
    """The customers' table: the number to fall back to, and consent. Its name alone will do."""

    table: Table = TableName("public", "customers")
    columns: CustomerColumns = Field(default_factory=CustomerColumns, description="only what differs")
    active: str = Field("active", description="the one value of `status` that allows texts")


class Queue(Section):
    """The application's queue of texts. Its name alone will do."""

    table: Table = TableName("public", "private_booking_sms_queue")
    columns: QueueColumns = Field(default_factory=QueueColumns, description="only what differs")


class Bookings(Section):
    """The application's bookings, and which of them we look after."""

    table: Table = Field(TableName("public", "private_bookings"), description="schema.table")
    columns: BookingColumns = Field(default_factory=BookingColumns, description="only what differs")
    customers: Annotated[Customers | None, BeforeValidator(_table_or_off)] = Field(
        default_factory=Customers, description="fallback phone and consent; off: there is no such table"
    )
    statuses: tuple[str, ...] = Field(
        ("draft", "confirmed"), min_length=1, description="an allow-list: any other status is not asked for"
    )
    only: dict[str, str | int] = Field(
        default_factory=dict, description="column: value, e.g. {venue_id: 7}: one file and one container per venue"
    )
    since: Since = Field(None, description="the first `reconciler migrate`, or a date; what is older is for a backfill")
    grace: Duration = Field(_minutes(10), description="the application's own time to do it, its retries included")
    lookback: Duration = Field(
        timedelta(days=14), description="each pass; the first of each day goes back to `since` instead"
    )
    date_tbd_note: str = Field(
        "Event date/time to be confirmed",
        description="an older way to say that the date is a placeholder, found within the notes; '' for none",
    )


class Message(Section):
    """A text for one status of a booking."""

    trigger: str = Field(min_length=1, description="the queue's word for this kind of text")
    template: str = Field(min_length=1, description="Jinja2; must contain {{ ref }}, by which a text is found again")


def _messages() -> dict[str, Message]:
    return {
        "draft": Message(
            trigger="booking_created",
            template="Hi {{ first_name }}, we have pencilled in your party for {{ date }} at {{ time }}. "
            "We will be in touch about the next steps. Ref {{ ref }}",
        ),
        "confirmed": Message(
            trigger="booking_confirmed",
            template="Hi {{ first_name }}, your party on {{ date }} at {{ time }} is confirmed. "
            "We look forward to seeing you! Ref {{ ref }}",
        ),
    }


class SmsMissing(Section):
    """A booking has no text queued or sent."""

    policy: PolicyWord = Field(Policy.REPAIR, description="repair | report | off (off: TWILIO_* not wanted)")
    queue: Annotated[Queue, BeforeValidator(_table_alone)] = Field(default_factory=Queue, description="schema.table")
    satisfied_by: Annotated[tuple[str, ...] | None, NoneFor("any")] = Field(
        None, description="any queued or sent row, or a list of triggers that count"
    )
    deliver: Literal["reconciler"] = Field("reconciler", description="reconciler: we post to Twilio")
    region: str = Field("GB", pattern="^[A-Z]{2}$", description="how to read 07700 900123")
    quiet_hours: QuietHoursValue = Field(
        parse_hours("21:00-09:00"), description="nothing leaves, and nothing may still wait at Twilio; off: never"
    )
    stale_after: Duration = Field(timedelta(hours=72), description="made longer ago: told, not sent")
    min_notice: Duration = Field(timedelta(hours=2), description="party sooner than this: told, not sent")
    messages: dict[str, Message] = Field(default_factory=_messages, description="status: {trigger, template}")


class SmsReport(Section):
    """A rule that only reports; it takes effect with the reporting that comes later."""

    policy: Annotated[Literal["report", "off"], OffWord] = Field("report", description="report | off")
    after: Duration = Field(timedelta(hours=1), description="this long: a gap")


class CalendarMissing(Section):
    """A booking names no calendar event."""

    policy: PolicyWord = Field(Policy.REPAIR, description="repair | report | off (off: GOOGLE_* not wanted)")
    deleted_by_hand: DeletedByHand = Field(
        DeletedByHand.REPORT, description="report | restore: a person deleted the event of a live booking"
    )
    default_length: Duration = Field(timedelta(hours=3), description="where the booking has no end")


class Rules(Section):
    sms_missing: SmsMissing = Field(default_factory=SmsMissing, alias="sms.missing")
    sms_stuck: SmsReport = Field(default_factory=SmsReport, alias="sms.stuck")
    sms_unproven: SmsReport = Field(default_factory=lambda: SmsReport(after=timedelta(hours=2)), alias="sms.unproven")
    calendar_missing: CalendarMissing = Field(default_factory=CalendarMissing, alias="calendar.missing")


class BreakerLimits(Section):
    """A plan beyond a floor and beyond the ratio is refused: so many gaps at once are rather a mistake of ours."""

    texts: int = Field(25, ge=0, description="new texts that never trip it: a person reads that many replies")
    events: int = Field(200, ge=0, description="new events that never trip it: they disturb nobody")
    ratio: float = Field(0.5, ge=0, le=1, description="of the bookings looked at")
    ratio_from: int = Field(5, ge=1, description="the ratio says nothing about fewer bookings than this")


class Rates(Section):
    """Calls per time, over all processes."""

    texts: PerPeriod = Field(Per(1, timedelta(seconds=1)), description="what a usual sender may send")
    events: PerPeriod = Field(Per(5, timedelta(seconds=1)), description="half of what Google grants a user")


class Timeouts(Section):
    """How long one call may take."""

    twilio: Duration = timedelta(seconds=10)
    google: Duration = timedelta(seconds=15)
    sql: Duration = timedelta(seconds=30)
    lock: Duration = timedelta(seconds=2)


class LimitSettings(Section):
    """How far one pass may go."""

    per_pass: int = Field(50, ge=1, alias="pass", description="repairs per pass and effect; the rest wait for the next")
    pass_budget: Duration = Field(_minutes(4), description="less than the interval between two passes")
    breaker: BreakerLimits = Field(default_factory=BreakerLimits)
    rate: Rates = Field(default_factory=Rates)
    per_recipient: PerPeriod = Field(
        Per(3, timedelta(hours=24)), description="texts by E.164 number, the application's own counted"
    )
    attempts: int = Field(6, ge=1, description="takes effect with the settling of unknown outcomes that comes later")
    timeouts: Timeouts = Field(default_factory=Timeouts)
    lease: Duration = Field(_minutes(5), description="a claim lasts this long; longer than two provider timeouts")
    settle: Duration = Field(_minutes(5), description="takes effect later; at least `lease`")
    settle_tries: int = Field(6, ge=1, description="takes effect later")
    generations: int = Field(5, ge=1, description="one effect of one booking is begun anew at most so often")


class Reporting(Section):
    """Takes effect with the reporting to Sentry that comes later."""

    deadline: Duration = timedelta(hours=1)
    page_after: Duration = timedelta(hours=4)
    remind_every: Duration = timedelta(hours=24)
    settled_after: Duration = timedelta(hours=1)
    monitors: Annotated[Literal["one", "each", "off"], OffWord] = "one"
    fallback_after: Duration = _minutes(15)
    oncall: tuple[str, ...] = ()


class Job(Section):
    """When a job runs; takes effect with the scheduler that comes later."""

    every: Duration | None = None
    cron: str | None = None
    at_start: bool = True
    keep: Duration | None = None


class CronFile(Section):
    """The whole file. A key that is left out has the default shown."""

    version: Literal[1] = Field(1, description="of this file's shape")
    timezone: Zone = Field(
        parse_zone("Europe/London"), description="the venue's civil time: quiet hours, wording, days"
    )
    repairs: Literal[Policy.REPAIR, Policy.REPORT] = Field(
        Policy.REPAIR, description="repair | report (look and tell only: for a first day)"
    )
    bookings: Bookings = Field(default_factory=Bookings)
    rules: Rules = Field(default_factory=Rules)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    reporting: Reporting = Field(default_factory=Reporting)
    jobs: dict[str, Job] = Field(default_factory=dict, description="job: {every: 10m} or {cron: ..}")
