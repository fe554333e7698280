"""The changes to the application's tables that would change a verdict."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Text, cast, func, null, or_, select

from reconciler.domain.bookings import BookingId, DueBasis
from reconciler.domain.decide.policies import ColumnFilter
from reconciler.domain.decide.verdicts import Condition
from reconciler.domain.explain.remediation import Constraint, Location, RequiredChange
from reconciler.domain.gaps import GapKind
from reconciler.store.app import due, recipients
from reconciler.store.app.app_tables import where_holds
from reconciler.store.app.conditions import AppTables, is_listed, placeholders
from reconciler.store.app.evidence.queue_conditions import deciding_rows
from reconciler.store.app.mapping import one_of
from reconciler.store.app.scan import refusals

MOST_ROWS = 20
_ROWS_WANTED = {
    Condition.UNDECIDED: ("approved_by", Constraint.EMPTY, None),
    Condition.OVERDUE: ("status", Constraint.ONE_OF, ("sent", "cancelled")),
    Condition.UNPROVEN: ("provider_id", Constraint.FILLED, None),
}


def of_condition(
    connection: Connection,
    tables: AppTables,
    kind: GapKind,
    condition: Condition,
    values: Mapping[str, Any],
    booking: BookingId,
) -> Sequence[RequiredChange]:
    """The changes that would flip the condition for the booking. Conditions whose failure means *ok* have none."""
    application = tables.application
    match condition:
        case Condition.STATUS:
            return _covered(connection, tables, booking)
        case Condition.ONLY:
            ours = {column.name: ours for ours, column in tables.booking.c.items()}
            wanted = application.rule_filters.get(kind, {})
            return [_own(ours.get(name, name), Constraint.ONE_OF, (value,)) for name, value in wanted.items()]
        case Condition.SINCE:
            return _due_since(connection, tables, kind, values, booking)
        case Condition.GRACE:
            return _grace_over(connection, tables, kind, values, booking)
        case Condition.AHEAD:
            return [_own("date", Constraint.AFTER, values["now"])]
        case Condition.DATE_SET:
            return _date_set(connection, tables, booking)
        case Condition.PHONE:
            return [_own("phone", Constraint.FILLED)] if application.phone else []
        case _:
            return _rows(connection, tables, kind, condition, values, booking)


def _covered(connection: Connection, tables: AppTables, booking: BookingId) -> Sequence[RequiredChange]:
    """What ``where`` misses, and another status if that is not listed either, or if nothing else says why."""
    wanted = where_holds(tables)
    statement = select(is_listed(tables), *wanted.values()).where(tables.booking.c.id == booking)
    listed, *holds = connection.execute(statement).one()
    ours = {column.name: ours for ours, column in tables.booking.c.items()}
    missed = [name for name, held in zip(wanted, holds, strict=True) if not held]
    changes = [_matched(ours.get(name, name), tables.application.where[name]) for name in missed]
    status = _own("status", Constraint.ONE_OF, tables.application.statuses)
    return changes if listed and changes else [status, *changes]


def _matched(name: str, wanted: ColumnFilter) -> RequiredChange:
    is_any = bool(wanted.any_of or wanted.like)
    if wanted.is_not:
        return _own(name, Constraint.OTHER if is_any else Constraint.FILLED)
    if wanted.any_of:
        return _own(name, Constraint.ONE_OF, wanted.any_of)
    return _own(name, Constraint.OTHER if is_any else Constraint.EMPTY)


def of_number(
    connection: Connection, tables: AppTables, booking: BookingId, wanted: Constraint
) -> Sequence[RequiredChange]:
    """The change to the column whose number counts for the booking: the first filled one. Empty if none is filled."""
    filled = (func.btrim(func.coalesce(cast(phone, Text), "")) != "" for phone in tables.phones())
    customer = tables.booking.c.customer_id if "customer_id" in tables.booking.c else null()
    own = tables.booking.c.id == booking
    statement = select(cast(customer, Text), *filled).select_from(tables.from_clause(own)).where(own)
    row = connection.execute(statement).first()
    if row is None or True not in row[1:]:
        return []
    return [_phone(tables, row[1:].index(True), wanted, row[0])]


def of_consent(
    connection: Connection, tables: AppTables, booking: BookingId, customers: Collection[str]
) -> Sequence[RequiredChange]:
    """The changes to customers who refuse the booking's text: the booking's own, and those of ``customers``."""
    customer = tables.customer
    if customer is None:
        return []
    own = (
        select(cast(tables.booking.c.customer_id, Text)).where(tables.booking.c.id == booking).scalar_subquery()
        if "customer_id" in tables.booking.c
        else null()
    )
    key = cast(customer.c.id, Text)
    whose = or_(key == own, one_of(customer.c.id, customers))
    allowing: dict[str, str | bool] = {"opt_in": True, "status": tables.application.active_customer}
    required_changes = []
    for name, refuses in refusals(tables).items():
        statement = select(key).where(refuses, whose).order_by(key).limit(MOST_ROWS)
        rows, value = tuple(connection.scalars(statement)), (allowing[name],)
        if rows:
            required_changes.append(
                RequiredChange(place=Location.CUSTOMER, name=name, wanted=Constraint.ONE_OF, value=value, rows=rows)
            )
    return required_changes


def _own(name: str, wanted: Constraint, value: Any = None) -> RequiredChange:
    return RequiredChange(place=Location.BOOKING, name=name, wanted=wanted, value=value)


def _phone(tables: AppTables, place: int, wanted: Constraint, customer: str | None) -> RequiredChange:
    """``place``: its number in ``AppTables.phones``."""
    fields = tables.application.phone
    if place < len(fields):
        return _own("phone" if "phone" in tables.booking.c else fields[place].written, wanted)
    name = recipients.NUMBER_COLUMNS[place - len(fields)]
    rows = (customer,) if customer else ()
    return RequiredChange(place=Location.CUSTOMER, name=name, wanted=wanted, rows=rows)


def _due(
    connection: Connection, tables: AppTables, kind: GapKind, values: Mapping[str, Any], booking: BookingId
) -> tuple[datetime, DueBasis]:
    statement = select(due.due_at(tables, kind), due.due_basis(tables, kind))
    statement = statement.select_from(due.from_clause(tables, kind)).where(tables.booking.c.id == booking)
    at, basis = connection.execute(statement, values).one()
    return at, DueBasis(basis)


def _due_since(
    connection: Connection, tables: AppTables, kind: GapKind, values: Mapping[str, Any], booking: BookingId
) -> Sequence[RequiredChange]:
    _, basis = _due(connection, tables, kind, values, booking)
    if basis is DueBasis.STORED:
        return []  # no row of the application's says since when it is due
    return [_own("due" if basis is DueBasis.MAPPED else "created_at", Constraint.FROM, values["since"])]


def _grace_over(
    connection: Connection, tables: AppTables, kind: GapKind, values: Mapping[str, Any], booking: BookingId
) -> Sequence[RequiredChange]:
    over = _due(connection, tables, kind, values, booking)[0] + tables.application.grace
    return [RequiredChange(place=Location.CLOCK, name="bookings.grace", wanted=Constraint.FROM, value=over)]


def _date_set(connection: Connection, tables: AppTables, booking: BookingId) -> Sequence[RequiredChange]:
    ways = placeholders(tables)
    statement = select(*(fact.label(name) for name, fact in ways.items())).where(tables.booking.c.id == booking)
    said = connection.execute(statement).mappings().one()
    required_changes = {
        "date_tbd": _own("date_tbd", Constraint.ONE_OF, (False,)),
        "notes": _own("notes", Constraint.WITHOUT, tables.application.date_tbd_note),
    }
    return [required_changes[name] for name in ways if said[name]]


def _rows(
    connection: Connection,
    tables: AppTables,
    kind: GapKind,
    condition: Condition,
    values: Mapping[str, Any],
    booking: BookingId,
) -> Sequence[RequiredChange]:
    queue = tables.queue
    if queue is None:
        return []
    key = cast(queue.c.id, Text)
    rows = queue.join(tables.booking, queue.c.booking_id == tables.booking.c.id)
    decides = deciding_rows(kind, condition, tables)
    statement = select(key).select_from(rows).where(tables.booking.c.id == booking, decides)
    found = connection.scalars(statement.order_by(key).limit(MOST_ROWS), values)
    name, wanted, value = _ROWS_WANTED[condition]
    return [RequiredChange(place=Location.QUEUE, name=name, wanted=wanted, value=value, rows=tuple(found))]
