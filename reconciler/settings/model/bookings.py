"""The section ``bookings`` of cron.yaml, and the tables it and the rules name."""

from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from reconciler.settings.file.values import (
    Duration,
    NoneFor,
    OffWord,
    PositiveDuration,
    Since,
    Some,
    Table,
    TableName,
)
from reconciler.settings.model.fields import Facts, FieldPlaces, FieldSource, Joins, NamedField, named_fields
from reconciler.settings.model.section import Column, Section
from reconciler.settings.model.times import REPLACED, End, TimeForm, When, named_by
from reconciler.settings.model.where import Where


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


class BookingColumns(Section):
    """What the application calls the columns, where that differs. An optional one may be null: there is none."""

    id: Column = Field(
        "id", description="the booking's id; texts and titles carry its first eight characters, or `reference`"
    )
    status: Column = Field("status", description="compared with `bookings.statuses`")
    created_at: Column = Field("created_at", description="when it was booked")
    date: Column = Field("event_date", description="the day it starts, in the venue's time")
    start_time: Column = Field("start_time", description="when it starts, in the venue's time")
    name: Column = Field("customer_name", description="the customer's whole name")
    event_id: Column | None = Field(
        "calendar_event_id", description="optional: the id of its calendar event; we write it (`record.calendar`)"
    )
    end_time: Column | None = Field("end_time", description="optional: when it ends")
    end_next_day: Column | None = Field("end_time_next_day", description="optional: true where it ends after midnight")
    customer_id: Column | None = Field("customer_id", description="optional: leads to the customers' table")
    first_name: Column | None = Field("customer_first_name", description="optional: how the text greets")
    phone: Column | None = Field("contact_phone", description="optional: the booking's own number")
    date_tbd: Column | None = Field("date_tbd", description="optional: true where the date is only a placeholder")
    notes: Column | None = Field("internal_notes", description="optional: where `bookings.date_tbd_note` may stand")
    guests: Column | None = Field("guest_count", description="optional: for texts and events")
    occasion: Column | None = Field("event_type", description="optional: for texts and events")
    due: Column | None = Field(
        None,
        description="optional: when it was confirmed, such as confirmed_at: what it calls for is due since then; if "
        "there is none, the ledger keeps when a scan first saw it",
    )
    updated: Column | None = Field(
        None,
        description="optional: when its row last changed, with an index: then an old booking that is confirmed or gets "
        "a date is seen by the next pass, and not only by the next full scan",
    )
    deleted: Column | None = Field(
        None, description="optional: set (a time, or true) where the booking was deleted: no rule applies to it"
    )


class CustomerColumns(Section):
    """The columns of the customers' table, where their names differ."""

    id: Column = Field("id", description="what `bookings.columns.customer_id` holds")
    mobile_e164: Column | None = Field("mobile_e164", description="optional: a number to fall back to")
    mobile_number: Column | None = Field("mobile_number", description="optional: the next number to fall back to")
    opt_in: Column | None = Field("sms_opt_in", description="optional: texts only where it is true")
    status: Column | None = Field("sms_status", description="optional: texts only where it holds what `active` names")


class QueueColumns(Section):
    """The columns of the text queue, where their names differ."""

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
    created_at: Column | None = Field("created_at", description="optional: shows which failed row is the newest")


def table_alone(value: Any) -> Any:
    """A table may be given by its name alone."""
    return {"table": value} if isinstance(value, str | TableName) else value


def text_or_number(value: Any) -> Any:
    """The value as it is.

    Raises:
        ValueError: it is neither a text nor a whole number.
    """
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


Only = dict[Column, Annotated[str | int, BeforeValidator(text_or_number)]]
"""Columns of the bookings' table and the one value that is meant."""


class BookingSettings(Section):
    """The application's bookings, and which of them we look after."""

    table: Table = Field(TableName("public", "private_bookings"), description="schema.table")
    columns: BookingColumns = Field(default_factory=BookingColumns, description="only what differs")
    reference: Column | None = Field(
        None,
        description="the column of the code by which customers and staff call a booking, such as B-2026-0042: texts "
        "and titles carry it, and they are found again by it; without it, the first eight characters of the id",
    )
    starts: When | None = Field(
        None,
        description="when it starts, where that is no day and time: a timestamptz column's name, `{utc: column}`, "
        "`{local: column}`, `{date: column, time: column}`; it takes the place of `columns.date` and the like",
    )
    ends: End | None = Field(
        None,
        description="when it ends, in the same forms, `{time: column, next_day: column}`, or how long it takes: "
        "`{minutes: column}`, `{hours: column}`, `{length: column}` (an interval); off: there is no end",
    )
    created: When | None = Field(
        None, description="when it was booked, in the same forms; in the place of `columns.created_at`"
    )
    due: When | None = Field(
        None, description="when it was confirmed, in the same forms; in the place of `columns.due`"
    )
    join: Joins = Field(
        default_factory=dict,
        description="other tables that names, numbers or facts are read from, by names of your own, e.g. {customer: "
        "{table: people, on: {id: person_id}}}",
    )
    name: FieldPlaces | None = Field(
        None,
        description="the customer's whole name, where that is no column of the bookings: `customer.full_name`, "
        "`meta->>name`, or a list of which the first that is filled counts; in the place of `columns.name`",
    )
    first_name: FieldPlaces | None = Field(
        None, description="how the text greets, in the same forms; in the place of `columns.first_name`"
    )
    phone: FieldPlaces | None = Field(
        None,
        description="the number, in the same forms: of a list in order of preference, the customers' numbers after "
        "them; in the place of `columns.phone`",
    )
    facts: Facts = Field(
        default_factory=dict,
        description="further values for templates, by names of your own, in the same forms but a list, e.g. {barber: "
        "barber.name} for {{ facts.barber }}",
    )
    customers: Annotated[Customers | None, BeforeValidator(table_alone), NoneFor("off"), OffWord] = Field(
        default_factory=Customers, description="fallback phone and consent; off: there is no such table"
    )
    statuses: Some = Field(
        ("draft", "confirmed"), description="an allow-list: the rules do not apply to any other status"
    )
    made_as: tuple[str, ...] = Field(
        ("draft",), description="statuses that a booking is made with: what these call for is due when it is made"
    )
    cancelled: tuple[str, ...] = Field(
        ("cancelled",), description="statuses that say the booking is off: our event for it is removed"
    )
    only: Only = Field(
        default_factory=dict, description="column: value, e.g. {venue_id: 7}: one file and one container per venue"
    )
    where: Where = Field(
        default_factory=dict,
        description="which rows are bookings: column: value, null, a list, {not: ..} or {like: pattern}, e.g. "
        "{deleted_at: null, kind: {not: internal}}; no rule applies to the others",
    )
    since: Since = Field(
        None, description="the first `reconciler migrate`, or a date; what was due before needs a backfill"
    )
    grace: Duration = Field(
        minutes(10), description="the application's own time to do it, its retries included; from when it is due"
    )
    scan_window: PositiveDuration = Field(
        timedelta(days=14), description="each pass: what was made, became due or changed within it"
    )
    full_scan: PositiveDuration = Field(
        timedelta(hours=1),
        description="the longest time between two scans of everything, however old; more often while they are cheap",
    )
    date_tbd_note: str = Field(
        "Event date/time to be confirmed",
        description="text in the notes that also marks the date as a placeholder; '' for none",
    )

    @model_validator(mode="after")
    def _has_one_place_for_each_time(self) -> "BookingSettings":
        for key, replaced in self._replaced().items():
            twice = sorted(self.columns.model_fields_set & replaced)
            if twice:
                raise ValueError(f"`{key}` takes the place of columns.{twice[0]}: one of them is too many")
        if self.ends and self.ends.time and not self.ends.date and self.starts and not self.starts.date:
            raise ValueError("`ends` has a time without a day, and `starts` has no day either: name its `date`")
        return self

    def _forms(self) -> dict[str, TimeForm]:
        """The times that are written in a form of their own."""
        written = {"starts": self.starts, "ends": self.ends, "created": self.created, "due": self.due}
        return {key: form for key, form in written.items() if form is not None}

    def _field_lists(self) -> dict[str, tuple[FieldSource, ...] | None]:
        return {"name": self.name, "first_name": self.first_name, "phone": self.phone}

    def _replaced(self) -> dict[str, frozenset[str]]:
        """Key that is written -> the keys of ``columns`` that it takes the place of."""
        times = {key: REPLACED[key] for key in self._forms()}
        return times | {key: frozenset({key}) for key, written in self._field_lists().items() if written}

    def fields(self) -> dict[str, tuple[NamedField, ...]]:
        """Key -> the places of a name, a number or facts, also those that ``columns`` says."""
        found: dict[str, tuple[NamedField, ...]] = {}
        for key, written in self._field_lists().items():
            own = getattr(self.columns, key)
            plain = (NamedField(("columns", key), FieldSource(None, own)),) if own else ()
            found[key] = tuple(named_fields({key: written}, {})) if written else plain
        return found | {"facts": tuple(named_fields({}, self.facts))}

    def places(self) -> dict[tuple[str | int, ...], str]:
        """Where each column of the bookings is named, below ``bookings`` -> the application's name of it."""
        forms = self._forms()
        replaced = frozenset[str]().union(*self._replaced().values())
        named: dict[tuple[str | int, ...], str | None] = {
            ("columns", ours): theirs for ours, theirs in self.columns.model_dump().items() if ours not in replaced
        }
        named["reference",] = self.reference
        for key, form in forms.items():
            named |= {((key,) if name == "at" else (key, name)): column for name, column in form}
        for key, written in self._field_lists().items():
            of_key = named_fields({key: written}, {})
            named |= {one.place: one.source.column for one in of_key if not one.source.join and not one.source.path}
        return {place: column for place, column in named.items() if column is not None}

    def named_times(self) -> dict[str, str]:
        """What stands for a time that has another form than the reference's: our name -> the application's column."""
        stands_for = {"starts": "date", "ends": "end_time", "created": "created_at", "due": "due"}
        return {stands_for[key]: next(iter(named_by(key, form).values()), "") for key, form in self._forms().items()}

    def named_columns(self) -> dict[str, str]:
        """Our name of each column -> the application's."""
        named = {ours: theirs for ours, theirs in self.columns.model_dump().items() if theirs is not None}
        named |= {"reference": self.reference} if self.reference else {}
        for replaced in self._replaced().values():
            named = {ours: theirs for ours, theirs in named.items() if ours not in replaced}
        for key, form in self._forms().items():
            named |= named_by(key, form)
        return named
