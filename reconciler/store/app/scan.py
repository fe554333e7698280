"""Statements that find and classify bookings, and the conversion of their rows to ``Booking``."""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from sys import intern
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    DateTime,
    RowMapping,
    Select,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    null,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import array

from reconciler.domain.alerting.public_codes import code_of
from reconciler.domain.bookings import AppFailure, Booking, BookingId, Due, DueBasis
from reconciler.domain.decide.gap_end import BY_SETTINGS
from reconciler.domain.decide.plan import EVERYTHING, BookingRange, ScanRows
from reconciler.domain.decide.verdicts import Condition, Finding
from reconciler.domain.gaps import Effect, GapKind
from reconciler.domain.rules.registry import rule_of
from reconciler.store.app import due
from reconciler.store.app.app_tables import stored_end, stored_length
from reconciler.store.app.conditions import (
    AppTables,
    conditions,
    created_at,
    first_failing,
    may_be_within,
    stored_start,
    within,
)
from reconciler.store.app.counts.classify import classify
from reconciler.store.app.counts.hashed import hashed
from reconciler.store.app.counts.parts import read_in_parts
from reconciler.store.app.evidence.queue_rows import QUEUE_IDS, app_failures
from reconciler.store.app.evidence.stored_event import stored_event_id
from reconciler.store.app.mapping import AppMapping, one_of
from reconciler.store.app.references import code, has_codes, with_codes_of_their_own
from reconciler.store.app.values.filters import column_of
from reconciler.store.app.values.times import EARLIEST, LATEST, instants

MOST = 10**6
"""No booking is for so many people."""
CHUNK = 500
"""Ids per statement: enough to be fast, few enough for PostgreSQL to plan well."""
MANY = 5000
"""The same where the queue may have no index on them, so that each statement reads all of it."""


def scan_rows(
    connection: Connection,
    tables: AppTables,
    kind: GapKind,
    values: Mapping[str, object],
    span: BookingRange,
    parts: int = 1,
) -> ScanRows:
    """Bookings of the span since ``window``: the ids of gaps, all others counted by their first failing condition.

    ``values`` binds what the conditions compare with. ``parts``: of how many statements the last such scan took,
    because one would have outlasted its timeout.
    """
    seen = classify(connection, tables, kind, span, values, parts)
    return ScanRows(
        checked=seen.checked,
        by_condition=seen.by_condition,
        broken=sorted(seen.broken, key=lambda key: (seen.broken[key], key)),
        parts=seen.parts,
    )


def in_full(
    connection: Connection,
    tables: AppTables,
    kind: GapKind,
    values: Mapping[str, object],
    bookings: Sequence[BookingId],
) -> list[Booking]:
    """These bookings in full, in this order. One that no longer exists is absent."""
    statement, found = _in_full(tables, kind), {}
    for some in chunks(bookings, MANY):
        rows = connection.execute(statement, {**values, **named(some)}).mappings()
        seen = with_codes_of_their_own(connection, tables, [booking(row, tables.application) for row in rows])
        found.update({one.id: one for one in seen})
    return [found[key] for key in bookings if key in found]


def past(
    connection: Connection,
    tables: AppTables,
    kind: GapKind,
    values: Mapping[str, object],
    span: BookingRange,
    parts: int,
) -> int:
    """How many bookings of the scan fail *ahead* and no other condition."""
    held = dict(conditions(kind, tables))
    over = ~held.pop(Condition.AHEAD)
    among = may_be_within(kind, tables, span)
    statement = select(func.count()).select_from(due.from_clause(tables, kind, among))
    statement = statement.where(within(kind, tables, span), over, *held.values())

    def read(part: ColumnElement[bool]) -> int:
        with hashed(connection, tables):
            return connection.execute(statement.where(part), values).scalar_one()

    return sum(read_in_parts(connection, tables, read, parts).found)


def findings(
    connection: Connection,
    tables: AppTables,
    kind: GapKind,
    values: Mapping[str, object],
    bookings: Collection[BookingId],
) -> dict[BookingId, Finding]:
    """The classification of these bookings at any age. A booking that no longer exists is absent."""
    statement, found = _classified(tables, kind), {}
    for some in chunks(sorted(bookings)):
        rows = connection.execute(statement, {**values, **named(some)}).mappings().all()
        seen = with_codes_of_their_own(connection, tables, [booking(row, tables.application) for row in rows])
        for row, one in zip(rows, seen, strict=True):
            found[one.id] = Finding(
                booking=one,
                failed=_condition(row["failing"]),
                otherwise=_condition(row["failing_otherwise"]),
                in_scope=row["in_scope"],
                in_window=row["in_window"],
            )
    return found


def _condition(name: str | None) -> Condition | None:
    return Condition(name) if name else None


@lru_cache(maxsize=16)
def _in_full(tables: AppTables, kind: GapKind) -> Select[Any]:
    these = one_of(tables.booking.c.id, "ids")
    return _full(tables, kind, these).where(these)


@lru_cache(maxsize=16)
def _classified(tables: AppTables, kind: GapKind) -> Select[Any]:
    """Built once: each repair runs it twice, and building it takes longer than running it."""
    held = conditions(kind, tables)
    failing = first_failing(held).label("failing")
    of_booking = {name: holds for name, holds in held.items() if name not in BY_SETTINGS}
    otherwise = first_failing(of_booking).label("failing_otherwise")
    in_scope = func.coalesce(tables.in_scope(), False, type_=Boolean()).label("in_scope")
    in_window = func.coalesce(within(kind, tables, EVERYTHING), False, type_=Boolean()).label("in_window")
    return _in_full(tables, kind).add_columns(failing, otherwise, in_scope, in_window)


def named(bookings: Sequence[BookingId]) -> dict[str, Sequence[BookingId]]:
    """What a statement by id is about."""
    return {"ids": bookings, QUEUE_IDS: bookings}


def chunks(ids: Sequence[BookingId], size: int = CHUNK) -> list[Sequence[BookingId]]:
    return [ids[start : start + size] for start in range(0, len(ids), size)]


def _full(tables: AppTables, kind: GapKind, these: ColumnElement[bool]) -> Select[Any]:
    source = due.from_clause(tables, kind, these)
    failures: ColumnElement[Any] = null()
    if rule_of(kind).effect is Effect.SMS and tables.queue is not None:
        failed = app_failures(tables)
        source = source.outerjoin(failed, failed.c.booking == tables.booking.c.id)
        failures = failed.c.rows
    return select(
        cast(tables.booking.c.id, Text).label("id"),
        cast(tables.booking.c.status, Text).label("status"),
        created_at(tables).label("created_at"),
        stored_start(tables).label("stored_start"),
        stored_end(tables).label("stored_end"),
        stored_length(tables).label("length"),
        stored_event_id(tables).label("event_id"),
        cast(tables.first_filled(tables.application.first_name), Text).label("first_name"),
        cast(tables.first_filled(tables.application.name), Text).label("name"),
        array([cast(phone, Text) for phone in tables.phones()]).label("phones"),
        refusing_customer(tables).label("customer_refuses"),
        tables.field("guests").label("guests"),
        cast(tables.field("occasion"), Text).label("occasion"),
        _facts(tables, kind).label("facts"),
        failures.label("failures"),
        (_not_after(tables) if rule_of(kind).effect is Effect.SMS else null()).label("not_after"),
        due.due_at(tables, kind).label("due_at"),
        due.due_basis(tables, kind).label("due_basis"),
        due.occasion_of(tables, kind).label("due_for"),
        *([code(tables).label("code")] if has_codes(tables) else []),
    ).select_from(source)


def _facts(tables: AppTables, kind: GapKind) -> ColumnElement[Any]:
    """The facts in the order of the mapping; NULL where no text is written."""
    facts = tables.application.facts.values()
    if not facts or rule_of(kind).effect is not Effect.SMS:
        return null()
    return array([cast(tables.fact(field), Text) for field in facts])


def _not_after(tables: AppTables) -> Any:
    """When what the booking's text confirms lapses, within Python's range; NULL for never."""
    status = cast(tables.booking.c.status, Text)
    lapses = [
        (status == name, column_of(tables.booking, occasion.not_after))
        for name, occasion in tables.application.occasions.items()
        if occasion.not_after
    ]
    if not lapses:
        return null()
    earliest, latest = (cast(day, DateTime(timezone=True)) for day in (EARLIEST, LATEST))
    at = case(*lapses, else_=null())
    return case((at.is_not(None), func.least(func.greatest(at, earliest), latest)), else_=null())


def refusing_customer(tables: AppTables) -> Any:
    """Whether the joined customer opted out or is not active; FALSE without a customer."""
    if tables.customer is None or "customer_id" not in tables.booking.c:
        return false()
    return and_(tables.customer.c.id.is_not(None), refuses_texts(tables))


def refuses_texts(tables: AppTables) -> Any:
    """Whether a customer row refuses texts. Every row that does not explicitly allow them does: NULL is not consent."""
    return or_(false(), *refusals(tables).values())


def refusals(tables: AppTables) -> Mapping[str, ColumnElement[bool]]:
    """Column -> whether that column of a customer row refuses texts."""
    ways: dict[str, ColumnElement[bool]] = {}
    if tables.customer is None:
        return ways
    if "opt_in" in tables.customer.c:
        ways["opt_in"] = tables.customer.c.opt_in.is_not(True)
    if "status" in tables.customer.c:
        status = cast(tables.customer.c.status, Text)
        ways["status"] = func.coalesce(status != tables.application.active_customer, True)
    return ways


def count(stored: object) -> int | Decimal | str | None:
    """How many, from a column of any type: 40.00 is 40. What is no number a person would write is left out."""
    if stored is None or isinstance(stored, int):
        return stored
    if isinstance(stored, str) and not stored.strip().isascii():
        return stored
    try:
        number = Decimal(str(stored).strip())
    except InvalidOperation:
        return stored if isinstance(stored, str) else None
    if not number.is_finite() or abs(number) >= MOST:
        return None
    return int(number) if number == number.to_integral_value() else number.normalize()


def booking(row: RowMapping, application: AppMapping) -> Booking:
    """The ``Booking`` of a row of ``_full``."""
    starts_at, ends_at = instants(row["stored_start"], row["stored_end"], row["length"], application.zone)
    return Booking(
        id=BookingId(row["id"]),
        status=intern(row["status"] or ""),
        created_at=row["created_at"],
        starts_at=starts_at,
        ends_at=ends_at,
        event_id=(row["event_id"] or "").strip() or None,
        first_name=row["first_name"] or "",
        name=row["name"] or "",
        phones=tuple(phone.strip() for phone in row["phones"] if phone and phone.strip()),
        customer_refuses=row["customer_refuses"],
        guests=count(row["guests"]),
        occasion=row["occasion"],
        facts=tuple((name, value or "") for name, value in zip(application.facts, row["facts"] or (), strict=False)),
        not_after=row["not_after"],
        app_failures=tuple(AppFailure(**failed) for failed in row["failures"] or ()),
        due=Due(at=row["due_at"], basis=DueBasis(row["due_basis"]), occasion=intern(row["due_for"]))
        if row["due_for"]
        else None,
        code=code_of(row["code"], row["name"] or "", row["first_name"] or "") if "code" in row else None,
    )
