"""The conditions of each rule as SQL over rows and a bound ``now``; never NULL. One definition serves every use.

A scan combines them with AND, counts group by the first one that fails, and a re-read by id returns its name. All
three use ``conditions``.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import (
    BindParameter,
    Boolean,
    ColumnElement,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    null,
    or_,
    true,
)

from reconciler.domain.bookings import MOST_AHEAD
from reconciler.domain.decide.plan import BookingRange
from reconciler.domain.decide.verdicts import Condition
from reconciler.domain.gaps import GapKind
from reconciler.domain.rules.registry import rule_of
from reconciler.store.app import due
from reconciler.store.app.app_tables import (
    NOW,
    SINCE,
    WINDOW,
    AppTables,
    as_start,
    created_at,
    is_filled,
    is_left_out,
    is_marked,
    stored_start,
)
from reconciler.store.app.evidence.shown import shown
from reconciler.store.app.mapping import one_of
from reconciler.store.app.values.filters import column_of

__all__ = ["AppTables", "created_at", "stored_start"]


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
        Condition.PHONE: or_(*(is_filled(phone) for phone in tables.phones())),
    }
    rule = rule_of(kind)
    for condition in set(rule.conditions) - set(everything):
        found = or_(false(), *shown(kind, condition, tables))
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
    return is_marked(tables.booking.c.deleted)


def has_date(tables: AppTables) -> ColumnElement[bool]:
    """Whether the booking has a usable date that is no placeholder."""
    return and_(stored_start(tables).is_not(None), _date_set(tables))


def is_looked_after(kind: GapKind, tables: AppTables) -> ColumnElement[bool]:
    """Whether the booking is in our scope, and in that of the rule."""
    return and_(_true_if(tables.in_scope()), _rule_filter(kind, tables))


def _rule_filter(kind: GapKind, tables: AppTables) -> ColumnElement[bool]:
    wanted = tables.application.rule_filters.get(kind, {})
    return and_(true(), *(_true_if(column_of(tables.booking, theirs) == value) for theirs, value in wanted.items()))


def first_failing(held: Mapping[Condition, ColumnElement[bool]]) -> ColumnElement[str | None]:
    """The name of the first condition that fails, NULL if all hold."""
    return case(*((~holds, literal(str(name))) for name, holds in held.items()), else_=null())


def _true_if(fact: ColumnElement[bool]) -> ColumnElement[bool]:
    return func.coalesce(fact, False, type_=Boolean())


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
