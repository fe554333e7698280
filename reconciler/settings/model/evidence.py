"""The sections ``evidence`` and ``record`` of cron.yaml: what else shows an effect, and where our own word goes."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from reconciler.domain.decide.policies import Record
from reconciler.settings.file.values import NoneFor, Table
from reconciler.settings.model.section import Column, Section
from reconciler.settings.model.times import When
from reconciler.settings.model.where import Where


class LinkedRows(Section):
    """Rows of another table that lead to a booking."""

    table: Table = Field(description="schema.table")
    on: dict[Column, Column] = Field(
        min_length=1,
        max_length=1,
        description="its column: the bookings' column that it holds, such as {booking_id: id}",
    )
    where: Where = Field(
        default_factory=dict, description="which of its rows count, as in `bookings.where`; left out: every row"
    )


class TextRows(LinkedRows):
    """A row for each text of a booking."""

    sid: Column | None = Field(None, description="optional: Twilio's SID; one that is there is never sent again")
    trigger: Column | None = Field(
        None, description="optional: what kind of text it is; then `satisfied_by` decides which bookings it counts for"
    )
    number: Column | None = Field(None, description="optional: the recipient; with `at`, for `limits.per_recipient`")
    at: When | None = Field(None, description="optional: when it was sent, in a form of `bookings.starts`")


class TextLog(Section):
    """A log of texts that knows numbers and times, and no bookings."""

    table: Table = Field(description="schema.table")
    number: Column = Field(description="the recipient; it is compared with the booking's numbers by its last digits")
    at: When = Field(
        description="when it was sent, in a form of `bookings.starts`; what was sent since the booking was made counts"
    )
    where: Where = Field(
        default_factory=dict, description="which of its rows are confirmations, as in `bookings.where`"
    )
    sid: Column | None = Field(None, description="optional: Twilio's SID")


class TextEvidence(Section):
    """One thing that shows that a text was sent."""

    column: Column | None = Field(
        None, description="a column of the bookings: filled (a time, a SID, true) once the text was sent"
    )
    rows: TextRows | None = Field(None, description="rows of another table with the booking's id")
    log: TextLog | None = Field(None, description="rows of a table that knows only numbers and times")
    statuses: tuple[str, ...] = Field(
        (), description="the statuses of bookings whose text it shows; left out: of every status"
    )

    @model_validator(mode="after")
    def _is_one(self) -> "TextEvidence":
        if sum(one is not None for one in (self.column, self.rows, self.log)) != 1:
            raise ValueError("one of these belongs here: column, rows, log")
        return self


class EventRows(LinkedRows):
    """A row for each event of a booking."""

    event_id: Column = Field(description="the event's id at Google")


class EventEvidence(Section):
    """One thing that shows that a booking has an event."""

    rows: EventRows = Field(description="rows of another table with the booking's id")


class EvidenceSettings(Section):
    """What shows an effect beside the queue, the column of event ids, and our ledger. Each of them is enough."""

    sms: tuple[TextEvidence, ...] = Field((), description="a list of {column: ..}, {rows: ..} and {log: ..}")
    calendar: tuple[EventEvidence, ...] = Field((), description="a list of {rows: ..}")


class RecordSettings(Section):
    """Where reconciler leaves its word in the application's tables."""

    sms: Annotated[Literal[Record.QUEUE, Record.COLUMN, Record.LEDGER] | None, NoneFor("auto")] = Field(
        None,
        description="queue: a row of the queue | column: the one `column` of `evidence.sms` | ledger: our own tables "
        "alone, and yours are only read | auto: queue, or ledger where `queue` is off",
    )
    calendar: Annotated[Literal[Record.COLUMN, Record.LEDGER] | None, NoneFor("auto")] = Field(
        None,
        description="column: `bookings.columns.event_id` | ledger: our own tables alone | auto: column, or ledger "
        "where `event_id` is null",
    )
    in_flight: Column = Field(
        "failed",
        description="the status of our row in the queue while a text may or may not have left: one that nothing in the "
        "application sends or sends again, such as cancelled",
    )
    beacon: bool = Field(
        True,
        description="a private event in the calendar, in 2099, that shows a copied database and a restored ledger; "
        "no: neither is seen",
    )
