"""The conditions of each rule as SQL over rows and a bound ``now``; never NULL. One definition serves every use.

A scan combines them with AND, counts group by the first one that fails, and a re-read by id returns its name. All
three use ``conditions``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    Boolean,
    ColumnClause,
    ColumnElement,
    DateTime,
    FromClause,
    Table,
    Text,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    literal_column,
    null,
    or_,
    true,
)

from reconciler.domain.bookings import MOST_AHEAD
from reconciler.domain.decide.plan import BookingRange
from reconciler.domain.decide.verdicts import Condition
from reconciler.domain.gaps import GapKind
from reconciler.domain.rules.registry import report_of, rule_of
from reconciler.store.app import times
from reconciler.store.app.mapping import AppMapping, AsStored

OURS = "reconciler: "
"""Start of the error text in our own queue rows while nothing was sent. Such a row is not evidence of a text."""

NO_TEXT_STATUSES = ("failed", "cancelled")
"""A queue row in any other status, including NULL and unknown words, counts as queued or sent: in doubt, we send no
text."""


Moment = datetime | BindParameter[datetime]
"""A moment, or the bind parameter for one."""


@dataclass(frozen=True, slots=True, eq=False)
class AppTables:
    """The tables of one statement. Compared by identity, because statements are cached by it."""

    application: AppMapping
    booking: Table
    customer: Table | None
    queue: Table | None

    @classmethod
    def of(cls, application: AppMapping) -> "AppTables":
        return cls(
            application=application,
            booking=application.bookings.table(),
            customer=application.customers.table() if application.customers else None,
            queue=application.queue.table() if application.queue else None,
        )

    def field(self, name: str) -> ColumnElement[Any]:
        """A booking's column by our name; NULL where the application has no such column."""
        return self.booking.c[name] if name in self.booking.c else null()

    def from_clause(self) -> FromClause:
        """Bookings, each with its customer where there is one."""
        if self.customer is None or "customer_id" not in self.booking.c:
            return self.booking
        return self.booking.outerjoin(self.customer, self.customer.c.id == self.booking.c.customer_id)

    def customer_field(self, name: str) -> ColumnElement[Any]:
        if self.customer is None or "customer_id" not in self.booking.c or name not in self.customer.c:
            return null()
        return self.customer.c[name]

    def in_scope(self) -> ColumnElement[bool]:
        """``bookings.only``: the bookings of this installation."""
        columns: list[ColumnElement[bool]] = [
            _column(self.booking, theirs) == value for theirs, value in self.application.only.items()
        ]
        return and_(true(), *columns)


def _column(table: Table, theirs: str) -> ColumnElement[Any]:
    mapped = [column for column in table.c if column.name == theirs]
    return mapped[0] if mapped else ColumnClause(theirs, AsStored(), _selectable=table)


def local_start(tables: AppTables) -> ColumnElement[Any]:
    """The booking start in the venue's civil time, as it stands in the row; NULL without a usable date."""
    return times.local_time(tables.booking.c.date, tables.booking.c.start_time)


def may_be_to_come(tables: AppTables, moment: Moment) -> ColumnElement[bool]:
    """Whether the booking starts after ``moment`` or has no usable date."""
    return or_(
        func.coalesce(local_start(tables) >= times.civil_moment(moment, tables.application), True), ~_date_set(tables)
    )


def created_at(tables: AppTables) -> ColumnElement[Any]:
    """When the booking was made, within Python's range. An unknown time counts as long ago, so that no text is sent."""
    known = func.coalesce(tables.booking.c.created_at, cast(times.EARLIEST, DateTime(timezone=True)))
    earliest, latest = (cast(day, DateTime(timezone=True)) for day in (times.EARLIEST, times.LATEST))
    return func.least(func.greatest(known, earliest), latest)


def within(tables: AppTables, oldest: datetime, span: BookingRange) -> ColumnElement[bool]:
    """The bookings of a scan, in a form that an index on the column can serve.

    A booking without a creation time may be newer than ``span.until``, so a range with an end excludes it.
    """
    made = tables.booking.c.created_at
    bounds = [or_(made >= oldest, made.is_(None))]
    bounds += [made < span.until] if span.until else []
    bounds += [tables.booking.c.id.in_(sorted(span.bookings))] if span.bookings is not None else []
    return and_(*bounds, tables.in_scope())


def local_end(tables: AppTables) -> ColumnElement[Any]:
    """When the booking ends in civil time, on the next day if the booking says so; NULL without an end."""
    if "end_time" not in tables.booking.c:
        return null()
    next_day = tables.booking.c.end_next_day if "end_next_day" in tables.booking.c else false()
    return times.local_end_time(tables.booking.c.date, tables.booking.c.end_time, next_day)


def phones(tables: AppTables) -> list[ColumnElement[Any]]:
    """The columns that may contain a phone number, in order of preference."""
    return [tables.field("phone"), tables.customer_field("mobile_e164"), tables.customer_field("mobile_number")]


def conditions(
    kind: GapKind, tables: AppTables, now: Moment, oldest: Moment
) -> Mapping[Condition, ColumnElement[bool]]:
    """The rule's conditions: each is TRUE or FALSE, never NULL. The first one that fails gives the verdict."""
    made = tables.booking.c.created_at
    everything = {
        Condition.STATUS: is_eligible(tables),
        Condition.ONLY: _rule_filter(kind, tables),
        # A booking without a creation time counts as ours and as old, so that it is reported; so does one ahead.
        Condition.SINCE: func.coalesce(made >= oldest, True),
        Condition.GRACE: func.coalesce(or_(made <= now - tables.application.grace, made > now + MOST_AHEAD), True),
        # A booking without a date is not past: it is scanned, and refused because the date is missing.
        Condition.AHEAD: func.coalesce(local_start(tables) > times.civil_moment(now, tables.application), True),
        Condition.DATE_SET: _date_set(tables),
        Condition.PHONE: or_(*(_filled(phone) for phone in phones(tables))),
        Condition.NO_EVENT: ~_filled(tables.field("event_id")),
    }
    rule = rule_of(kind)
    for condition in set(rule.conditions) - set(everything):
        found = _any_row(kind, condition, tables, now)
        everything[condition] = found if rule.report else ~found
    return {condition: everything[condition] for condition in rule.conditions}


def is_eligible(tables: AppTables) -> ColumnElement[bool]:
    """Whether the rules cover the booking: its status is listed, and it is not marked as deleted."""
    listed = _true_if(cast(tables.booking.c.status, Text).in_(tables.application.statuses))
    return and_(listed, ~is_deleted(tables))


def is_deleted(tables: AppTables) -> ColumnElement[bool]:
    """Whether the mapped column marks the booking as deleted. It holds a time, a truth value or a number."""
    if "deleted" not in tables.booking.c:
        return false()
    return func.coalesce(cast(tables.booking.c.deleted, Text).not_in(("", "false", "f", "0")), False, type_=Boolean())


def has_date(tables: AppTables) -> ColumnElement[bool]:
    """Whether the booking has a usable date that is no placeholder."""
    return and_(local_start(tables).is_not(None), _date_set(tables))


def is_looked_after(kind: GapKind, tables: AppTables) -> ColumnElement[bool]:
    """Whether the booking is in our scope, and in that of the rule."""
    return and_(_true_if(tables.in_scope()), _rule_filter(kind, tables))


def _rule_filter(kind: GapKind, tables: AppTables) -> ColumnElement[bool]:
    wanted = tables.application.rule_filters.get(kind, {})
    return and_(true(), *(_true_if(_column(tables.booking, theirs) == value) for theirs, value in wanted.items()))


def exists_row(*facts: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether a row with these facts exists. SQLAlchemy's own ``SELECT *`` would need SELECT on every column."""
    return exists(literal_column("1")).where(*facts)


def first_failing(held: Mapping[Condition, ColumnElement[bool]]) -> ColumnElement[str | None]:
    """The name of the first condition that fails, NULL if all hold."""
    return case(*((~holds, literal(str(name))) for name, holds in held.items()), else_=null())


def _true_if(fact: ColumnElement[bool]) -> ColumnElement[bool]:
    return func.coalesce(fact, False, type_=Boolean())


def _filled(column: ColumnElement[Any]) -> ColumnElement[bool]:
    return func.coalesce(func.btrim(cast(column, Text)) != "", False, type_=Boolean())


def _date_set(tables: AppTables) -> ColumnElement[bool]:
    return and_(true(), *(~fact for fact in placeholders(tables).values()))


def placeholders(tables: AppTables) -> Mapping[str, ColumnElement[bool]]:
    """Column -> whether that column marks the booking's date as a placeholder."""
    ways: dict[str, ColumnElement[bool]] = {}
    if "date_tbd" in tables.booking.c:
        ways["date_tbd"] = _true_if(tables.booking.c.date_tbd)
    if "notes" in tables.booking.c and tables.application.date_tbd_note:
        note = tables.booking.c.notes.icontains(tables.application.date_tbd_note, autoescape=True)
        ways["notes"] = _true_if(note)
    return ways


def deciding_rows(kind: GapKind, condition: Condition, tables: AppTables, now: Moment) -> ColumnElement[bool]:
    """The queue rows that make a booking fail *no text* or *undecided*, or make it *overdue* or *unproven*."""
    match condition:
        case Condition.NO_TEXT:
            return _is_text(tables)
        case Condition.UNDECIDED:
            return _is_decision(tables)
        case Condition.OVERDUE:
            return _too_long(tables, kind, now, true())
        case Condition.UNPROVEN:
            return _too_long(tables, kind, now, ~_filled(queue_of(tables).c.provider_id))
        case _:
            raise ValueError(f"{condition} is not about the queue")


def _any_row(kind: GapKind, condition: Condition, tables: AppTables, now: Moment) -> ColumnElement[bool]:
    own = queue_of(tables).c.booking_id == tables.booking.c.id
    return exists_row(own, deciding_rows(kind, condition, tables, now))


def _is_text(tables: AppTables) -> ColumnElement[bool]:
    queue = queue_of(tables)
    status = cast(queue.c.status, Text)
    # A row with a Twilio SID was sent, even if it was cancelled later. A failed row is judged by its error message.
    sent_all_the_same = and_(status == "cancelled", _filled(queue.c.provider_id))
    no_text = ("cancelled",) if tables.application.failed_resent else NO_TEXT_STATUSES
    queued_or_sent = or_(func.coalesce(status.not_in(no_text), True), sent_all_the_same)
    # Our own row is no text until it says *sent*, whatever status the application's table has for it.
    queued_or_sent = and_(queued_or_sent, _not_ours_in_flight(tables))
    if tables.application.satisfied_by is None:
        return queued_or_sent
    # A row without a trigger may be the right text.
    right_kind = func.coalesce(cast(queue.c.trigger, Text).in_(tables.application.satisfied_by), True)
    return and_(queued_or_sent, right_kind)


def _is_decision(tables: AppTables) -> ColumnElement[bool]:
    queue = queue_of(tables)
    if "approved_by" not in queue.c:
        return false()
    return and_(cast(queue.c.status, Text) == "cancelled", queue.c.approved_by.is_not(None))


def _too_long(tables: AppTables, kind: GapKind, now: Moment, more: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the row has had one of the rule's statuses for longer than the rule allows."""
    queue = queue_of(tables)
    report, after = report_of(kind), tables.application.report_after[kind]
    times = [queue.c[name] for name in report.times if name in queue.c]
    # A row without a time may be old, so it counts as too long.
    too_long = func.coalesce(func.coalesce(*times) <= now - after, True, type_=Boolean())
    statuses = report.statuses
    if tables.application.failed_resent and report.covers_hand_over:
        statuses = (*statuses, "failed")  # it waits to be sent again, and may wait for ever
    return and_(cast(queue.c.status, Text).in_(statuses), more, too_long)


def _not_ours_in_flight(tables: AppTables) -> ColumnElement[bool]:
    """Our own row is no text until it says *sent*, whatever status the mapping gives it until then."""
    queue = queue_of(tables)
    ours = _true_if(queue.c.error.startswith(OURS))
    return ~and_(ours, _true_if(cast(queue.c.status, Text) == tables.application.in_flight))


def queue_of(tables: AppTables) -> Table:
    if tables.queue is None:
        raise ValueError("this rule needs the text queue, and the mapping has none")
    return tables.queue
