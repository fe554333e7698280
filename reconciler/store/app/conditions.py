"""The conditions of each rule as SQL over rows and a bound ``now``; never NULL. One definition serves every use.

A scan combines them with AND, counts group by the first one that fails, and a re-read by id returns its name. All
three use ``conditions``.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    Boolean,
    ColumnElement,
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
from reconciler.store.app import due
from reconciler.store.app.app_tables import (
    NOW,
    SINCE,
    WINDOW,
    AppTables,
    as_start,
    column_of,
    created_at,
    is_left_out,
    stored_start,
)
from reconciler.store.app.mapping import one_of

__all__ = ["AppTables", "created_at", "stored_start"]

OURS = "reconciler: "
"""Start of the error text in our own queue rows while nothing was sent. Such a row is not evidence of a text."""

BY_QUEUE_ROWS = frozenset({Condition.NO_TEXT, Condition.UNDECIDED, Condition.OVERDUE, Condition.UNPROVEN})
"""Conditions about rows of the queue. A rule lists them last: only bookings that pass the others need the queue."""

NO_TEXT_STATUSES = ("failed", "cancelled")
"""A queue row in any other status, including NULL and unknown words, counts as queued or sent: in doubt, we send no
text."""


def may_be_to_come(tables: AppTables, moment: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """Whether the booking starts after ``moment`` or has no usable date."""
    return or_(func.coalesce(stored_start(tables) >= as_start(tables, moment), True), ~_date_set(tables))


def within(kind: GapKind, tables: AppTables, span: BookingRange) -> ColumnElement[bool]:
    """The bookings of a scan, in a form that an index on the column can serve.

    A booking without a creation time may be newer than ``span.until``, so a range with an end excludes it.
    """
    return _selected(kind, tables, span, due.due_at(tables, kind) >= SINCE)


def may_be_within(kind: GapKind, tables: AppTables, span: BookingRange) -> ColumnElement[bool]:
    """The same and some more, without the due moments: no other table has to be joined."""
    return _selected(kind, tables, span, true())


def _selected(
    kind: GapKind, tables: AppTables, span: BookingRange, newly_due: ColumnElement[bool]
) -> ColumnElement[bool]:
    made, confirmed = tables.made, tables.confirmed
    recent: list[ColumnElement[bool]] = [made.column >= made.of(WINDOW), made.column.is_(None)]
    if span.since is None:
        # However old a booking is, it may have become due lately.
        recent += [confirmed.column >= confirmed.of(WINDOW)] if confirmed else []
        recent += [tables.booking.c.updated >= WINDOW] if "updated" in tables.booking.c else []
        # A full scan: no index has to serve it. PostgreSQL knows both moments when it plans.
        calls = and_(is_eligible(tables), _rule_filter(kind, tables), due.is_to_come(tables))
        recent += [and_(WINDOW <= SINCE, calls, newly_due)]
    bounds = [or_(*recent)]
    bounds += [made.column < made.of(span.until)] if span.until else []
    bounds += [one_of(tables.booking.c.id, span.bookings)] if span.bookings is not None else []
    bounds += [may_be_to_come(tables, NOW)] if span.ahead else []
    return and_(*bounds, tables.in_scope())


def conditions(kind: GapKind, tables: AppTables) -> Mapping[Condition, ColumnElement[bool]]:
    """The rule's conditions: each is TRUE or FALSE, never NULL. The first one that fails gives the verdict.

    They need ``due.from_clause``.
    """
    due_at = due.due_at(tables, kind)
    everything = {
        Condition.STATUS: is_eligible(tables),
        Condition.ONLY: _rule_filter(kind, tables),
        # A booking without a creation time counts as ours and as old, so that it is reported; so does one ahead.
        Condition.SINCE: or_(tables.made.column.is_(None), due_at >= SINCE),
        Condition.GRACE: or_(due_at <= NOW - tables.application.grace, due_at > NOW + MOST_AHEAD),
        # A booking without a date is not past: it is scanned, and refused because the date is missing.
        Condition.AHEAD: due.is_to_come(tables),
        Condition.DATE_SET: _date_set(tables),
        Condition.PHONE: or_(*(_filled(phone) for phone in tables.phones())),
        Condition.NO_EVENT: ~_filled(tables.field("event_id")),
    }
    rule = rule_of(kind)
    for condition in set(rule.conditions) - set(everything):
        found = _any_row(kind, condition, tables)
        everything[condition] = found if rule.report else ~found
    return {condition: everything[condition] for condition in rule.conditions}


def is_eligible(tables: AppTables) -> ColumnElement[bool]:
    """Whether the rules cover the booking: its status is listed, it is not deleted, and ``where`` allows it."""
    return and_(is_listed(tables), ~is_deleted(tables), ~is_left_out(tables))


def selects_eligible(tables: AppTables) -> ColumnElement[bool]:
    """The same as a filter. It may be NULL where that is false, and the planner knows how many rows it leaves."""
    listed = cast(tables.booking.c.status, Text).in_(tables.application.statuses)
    return and_(listed, ~is_deleted(tables), ~is_left_out(tables))


def is_listed(tables: AppTables) -> ColumnElement[bool]:
    """Whether ``bookings.statuses`` lists the booking's status."""
    return _true_if(cast(tables.booking.c.status, Text).in_(tables.application.statuses))


def is_deleted(tables: AppTables) -> ColumnElement[bool]:
    """Whether the mapped column marks the booking as deleted. It holds a time, a truth value or a number."""
    if "deleted" not in tables.booking.c:
        return false()
    return func.coalesce(cast(tables.booking.c.deleted, Text).not_in(("", "false", "f", "0")), False, type_=Boolean())


def has_date(tables: AppTables) -> ColumnElement[bool]:
    """Whether the booking has a usable date that is no placeholder."""
    return and_(stored_start(tables).is_not(None), _date_set(tables))


def is_looked_after(kind: GapKind, tables: AppTables) -> ColumnElement[bool]:
    """Whether the booking is in our scope, and in that of the rule."""
    return and_(_true_if(tables.in_scope()), _rule_filter(kind, tables))


def _rule_filter(kind: GapKind, tables: AppTables) -> ColumnElement[bool]:
    wanted = tables.application.rule_filters.get(kind, {})
    return and_(true(), *(_true_if(column_of(tables.booking, theirs) == value) for theirs, value in wanted.items()))


def exists_row(*facts: ColumnElement[bool], of: Table | None = None) -> ColumnElement[bool]:
    """Whether a row with these facts exists. SQLAlchemy's own ``SELECT *`` would need SELECT on every column.

    ``of``: the table of that row, where the statement around it may name the same table.
    """
    found = exists(literal_column("1")).where(*facts)
    return found if of is None else found.correlate_except(of)


def first_failing(held: Mapping[Condition, ColumnElement[bool]]) -> ColumnElement[str | None]:
    """The name of the first condition that fails, NULL if all hold."""
    return case(*((~holds, literal(str(name))) for name, holds in held.items()), else_=null())


def _true_if(fact: ColumnElement[bool]) -> ColumnElement[bool]:
    return func.coalesce(fact, False, type_=Boolean())


def _filled(column: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether there is more than spaces in it."""
    said = cast(column, Text)
    # What begins with a character after the space is not trimmed: that is nearly every value, a million times a scan.
    begins = said.collate("C") >= literal_column("'!'")
    return func.coalesce(or_(begins, func.btrim(said) != ""), False, type_=Boolean())


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


def deciding_rows(kind: GapKind, condition: Condition, tables: AppTables) -> ColumnElement[bool]:
    """The queue rows that make a booking fail *no text* or *undecided*, or make it *overdue* or *unproven*.

    The bookings' table has to be in the statement: which triggers count depends on the booking.
    """
    match condition:
        case Condition.NO_TEXT:
            return _is_text(tables)
        case Condition.UNDECIDED:
            return _is_decision(tables)
        case Condition.OVERDUE:
            return _too_long(tables, kind, true())
        case Condition.UNPROVEN:
            return _too_long(tables, kind, ~_filled(queue_of(tables).c.provider_id))
        case _:
            raise ValueError(f"{condition} is not about the queue")


def _decides_for_booking(kind: GapKind, condition: Condition, tables: AppTables) -> ColumnElement[bool]:
    """Whether the queue row is the booking's own, and one of ``deciding_rows``."""
    own = queue_of(tables).c.booking_id == tables.booking.c.id
    return and_(own, deciding_rows(kind, condition, tables))


def has_no_row(
    kind: GapKind, condition: Condition, tables: AppTables, of_booking: ColumnElement[bool]
) -> ColumnElement[bool]:
    """Whether the booking lacks a row that decides the condition. ``of_booking``: else no row counts for it."""
    return ~_any_row(kind, condition, tables, of_booking)


def _any_row(kind: GapKind, condition: Condition, tables: AppTables, *more: ColumnElement[bool]) -> ColumnElement[bool]:
    # The statement around it may join the queue as well, and means other rows of it.
    return exists_row(_decides_for_booking(kind, condition, tables), *more, of=queue_of(tables))


def _is_text(tables: AppTables) -> ColumnElement[bool]:
    queue = queue_of(tables)
    status = cast(queue.c.status, Text)
    # A row with a Twilio SID was sent, even if it was cancelled later. A failed row is judged by its error message.
    sent_all_the_same = and_(status == "cancelled", _filled(queue.c.provider_id))
    no_text = ("cancelled",) if tables.application.failed_resent else NO_TEXT_STATUSES
    queued_or_sent = or_(func.coalesce(status.not_in(no_text), True), sent_all_the_same)
    # Our own row is no text until it says *sent*, whatever status the application's table has for it.
    return and_(queued_or_sent, _not_ours_in_flight(tables), _is_of_occasion(tables))


def _is_of_occasion(tables: AppTables) -> ColumnElement[bool]:
    """Whether the row's trigger satisfies what the booking calls for now. A row without a trigger may be the text."""
    status, trigger = cast(tables.booking.c.status, Text), cast(queue_of(tables).c.trigger, Text)
    satisfying = [
        (status == name, trigger.in_(text.satisfied_by))
        for name, text in tables.application.occasions.items()
        if text.satisfied_by is not None
    ]
    return func.coalesce(case(*satisfying, else_=true()) if satisfying else true(), True, type_=Boolean())


def _is_decision(tables: AppTables) -> ColumnElement[bool]:
    queue = queue_of(tables)
    if "approved_by" not in queue.c:
        return false()
    rejected = and_(cast(queue.c.status, Text) == "cancelled", queue.c.approved_by.is_not(None))
    return and_(rejected, _is_of_occasion(tables))


def _too_long(tables: AppTables, kind: GapKind, more: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the row has had one of the rule's statuses for longer than the rule allows."""
    queue = queue_of(tables)
    report, after = report_of(kind), tables.application.report_after[kind]
    times = [queue.c[name] for name in report.times if name in queue.c]
    # A row without a time may be old, so it counts as too long.
    too_long = func.coalesce(func.coalesce(*times) <= NOW - after, True, type_=Boolean())
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
