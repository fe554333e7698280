"""A rule over all its bookings, in two statements of one snapshot: counts by condition, then those that break the rule.

The first statement reads the bookings and evaluates the conditions about their own columns. Its result says how many
bookings are left. The second statement joins these with the queue. The planner has no statistics about our expressions
and estimates far too few. Without help it would look up each of a million bookings by an index (see ``hashed``).
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    Text,
    and_,
    case,
    cast,
    column,
    func,
    literal,
    literal_column,
    select,
    text,
    values,
)

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.plan import BookingRange
from reconciler.domain.decide.verdicts import Condition
from reconciler.domain.gaps import GapKind
from reconciler.store.app import due
from reconciler.store.app.app_tables import created_at
from reconciler.store.app.conditions import (
    BY_QUEUE_ROWS,
    AppTables,
    conditions,
    decides_for_booking,
    is_deleted,
    queue_of,
    within,
)
from reconciler.store.app.counts.parts import read_in_parts
from reconciler.store.app.mapping import MappedTable

DELETED = "deleted"
"""The label of a booking that the application marks as deleted, in place of its status."""
LONGEST_LABEL = 100
"""Characters of a status that bookings are counted by."""
ROWS_A_LOOKUP = 25
"""Looking up one booking by an index costs as much as reading so many rows of the queue in order.

Measured on PostgreSQL 18 with 300,000 and 2 million rows in memory: 9 to 17. A lookup that reads a disk costs more.
"""
_ROWS = text("""
    SELECT CAST(c.reltuples AS bigint) AS number, EXISTS (
        SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL AND a.attname = :column) AS indexed
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = :schema AND c.relname = :name
""")
Held = Mapping[Condition, ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Classified:
    """How many bookings there are by their first failing condition, and when each that breaks the rule was made."""

    checked: int
    by_condition: Mapping[tuple[Condition, str], int]
    broken: Mapping[BookingId, datetime]
    parts: int = 1
    """In how many parts the bookings were read (see ``read_in_parts``)."""


def classify(
    connection: Connection,
    tables: AppTables,
    kind: GapKind,
    span: BookingRange,
    bound: Mapping[str, object],
    parts: int = 1,
) -> Classified:
    """Classify the bookings of the span. ``bound`` binds what the conditions compare with."""
    everything = within(kind, tables, span)

    def read(part: ColumnElement[bool]) -> Classified:
        return _classify(connection, tables, kind, and_(part, everything), bound)

    seen = read_in_parts(connection, tables, read, parts)
    counts: Counter[tuple[Condition, str]] = Counter()
    broken: dict[BookingId, datetime] = {}
    for one in seen.found:
        counts.update(one.by_condition)
        broken |= one.broken
    checked = sum(one.checked for one in seen.found)
    return Classified(checked=checked, by_condition=counts, broken=broken, parts=seen.parts)


def _classify(
    connection: Connection, tables: AppTables, kind: GapKind, wanted: ColumnElement[bool], bound: Mapping[str, object]
) -> Classified:
    held = conditions(kind, tables)
    own = {name: holds for name, holds in held.items() if name not in BY_QUEUE_ROWS}
    by_rows = {name: holds for name, holds in held.items() if name in BY_QUEUE_ROWS}
    counts: Counter[tuple[Condition, str]] = Counter()
    checked = left = 0
    names = list(own)
    for status, deleted, place, number in connection.execute(_counted(tables, kind, own, wanted), bound):
        checked += number
        if place == len(names):
            left += number
        else:
            is_status = names[place] is Condition.STATUS
            counts[names[place], (DELETED if deleted else status or "") if is_status else ""] += number
    broken: dict[BookingId, datetime] = {}
    statement = _found(tables, kind, by_rows, and_(wanted, *own.values()))
    with hashed(connection, tables, left) if by_rows and left else nullcontext():
        for key, made, failing in connection.execute(statement, bound) if left else ():
            if failing:
                counts[Condition(failing), ""] += 1
            else:
                broken[BookingId(key)] = made
    if by_rows:
        first, *later = by_rows
        counts[first, ""] = left - len(broken) - sum(counts[name, ""] for name in later)
    return Classified(checked=checked, by_condition=+counts, broken=broken)


def _counted(tables: AppTables, kind: GapKind, own: Held, everything: ColumnElement[bool]) -> Select[Any]:
    """Counts by status and by the place of the first failing condition, or their number.

    The places are joined as rows of their own. The planner knows how many values such a column has, and how many a
    status has. For any other expression it expects as many groups as rows, sorts all of them, and uses one process.
    """
    place = case(*((~holds, _number(place)) for place, holds in enumerate(own.values())), else_=_number(len(own)))
    rows = (
        select(
            func.left(cast(tables.booking.c.status, Text), LONGEST_LABEL).label("status"),
            is_deleted(tables).label("deleted"),
            place.label("place"),
        )
        .select_from(due.from_clause(tables, kind))
        .where(everything)
        .subquery("rows")
    )
    places = values(column("place", Integer), name="places").data([(_number(place),) for place in range(len(own) + 1)])
    keys = (rows.c.status, rows.c.deleted, places.c.place)
    return select(*keys, func.count()).select_from(rows.join(places, places.c.place == rows.c.place)).group_by(*keys)


def _number(place: int) -> ColumnElement[int]:
    # Written out: the planner has to see the values.
    return literal_column(str(place), Integer)


def _found(tables: AppTables, kind: GapKind, by_rows: Held, wanted: ColumnElement[bool]) -> Select[Any]:
    """Id, moment of creation, and NULL for each booking that breaks the rule.

    If the rule has a second condition about the queue's rows, those that fail it are there as well, with its name.
    """
    own, made = cast(tables.booking.c.id, Text).label("id"), created_at(tables).label("made")
    source, names = due.from_clause(tables, kind), list(by_rows)
    if len(names) > 2:
        raise ValueError(f"{kind} has more than two conditions about the queue's rows: {', '.join(names)}")
    if names:
        wanted = and_(wanted, by_rows[names[0]])
    if len(names) < 2:
        return select(own, made, literal(None, Text())).select_from(source).where(wanted)
    # Few bookings are left by now. Each is joined with the rows that decide for it, and comes out once.
    queue = queue_of(tables)
    joined = source.outerjoin(queue, decides_for_booking(kind, names[1], tables))
    failing = case((func.bool_or(queue.c.booking_id.is_not(None)), literal(str(names[1]))))
    found = select(own, made, failing).select_from(joined).where(wanted)
    return found.group_by(tables.booking.c.id, tables.booking.c.created_at)


@contextmanager
def hashed(connection: Connection, tables: AppTables, number: int | None = None) -> Iterator[None]:
    """Within the context, the planner joins with the queue by a hash, unless looking up ``number`` bookings is cheaper.

    ``number``: how many bookings are joined; ``None`` if it is unknown and may be large. Without an index on the queue
    each lookup would read all of it, so even few bookings are hashed. ``SET LOCAL`` ends with the transaction, also
    behind a pooler; after an error the transaction, or its savepoint, is over.
    """
    queue = tables.application.queue
    if queue is None or _is_lookup_cheaper(connection, queue, number):
        yield
        return
    connection.exec_driver_sql("SET LOCAL enable_nestloop = off")
    yield
    connection.exec_driver_sql("SET LOCAL enable_nestloop TO DEFAULT")


def _is_lookup_cheaper(connection: Connection, queue: MappedTable, number: int | None) -> bool:
    if number is None:
        return False
    about = {"schema": queue.schema, "name": queue.name, "column": queue.columns["booking_id"]}
    known = connection.execute(_ROWS, about).one()
    return bool(known.indexed and number * ROWS_A_LOOKUP < known.number)
