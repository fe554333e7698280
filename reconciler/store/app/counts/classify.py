"""A rule over all its bookings, in statements of one snapshot: counts by condition, then those that break the rule.

The first statement reads the bookings and evaluates the conditions about their own columns. Its result says how many
bookings are left. The second statement joins these with the queue. The planner has no statistics about our expressions
and estimates far too few. Without help it would look up each of a million bookings by an index (see ``hashed``). What
else is to be known about the queue's rows is asked about the few that the second one found.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Numeric,
    Select,
    Text,
    and_,
    case,
    cast,
    func,
    literal_column,
    null,
    select,
    text,
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
    is_deleted,
    is_listed,
    within,
)
from reconciler.store.app.counts.parts import read_in_parts
from reconciler.store.app.mapping import MappedTable, one_of
from reconciler.store.session import hashed_joins

DELETED = "deleted"
"""The label of a booking that the application marks as deleted, in place of its status."""
LONGEST_LABEL = 100
"""Characters of a status that bookings are counted by."""
AT_ONCE = 50_000
"""Bookings that one statement asks the queue about by id."""
MOST = 10**12
"""More bookings than there are."""
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
    for status, deleted, weights in connection.execute(_counted(tables, kind, own, wanted), bound):
        *failing, holding = _decoded(weights, len(own) + 1)
        checked, left = checked + sum(failing) + holding, left + holding
        for name, number in zip(own, failing, strict=True):
            label = (DELETED if deleted else status or "") if name is Condition.STATUS else ""
            counts[name, label] += number
    broken: dict[BookingId, datetime] = {}
    # PostgreSQL evaluates conditions that cost alike in this order. Most bookings fail one of the last.
    others = and_(*reversed(own.values()), wanted)
    first, *later = by_rows or (None,)
    if left:
        statement = _found(tables, kind, others if first is None else and_(others, by_rows[first]))
        with hashed(connection, tables, left) if by_rows else nullcontext():
            broken = {BookingId(key): made for key, made in connection.execute(statement, bound)}
    if first:
        counts[first, ""] = left - len(broken)
    for name in later:
        failing_it = _failing(connection, tables, kind, by_rows[name], list(broken), bound)
        counts[name, ""] = len(failing_it)
        broken = {key: made for key, made in broken.items() if key not in failing_it}
    return Classified(checked=checked, by_condition=+counts, broken=broken)


def _counted(tables: AppTables, kind: GapKind, own: Held, everything: ColumnElement[bool]) -> Select[Any]:
    """Statuses that are not listed, whether they are of deleted bookings, and how many bookings have which place.

    All places are in one number, which ``_decoded`` reads: a sum costs less than groups. And the planner knows how many
    statuses there are. For groups by any other expression it expects as many as rows, sorts them, and uses one process.
    """
    weight = case(*((~holds, _weight(place)) for place, holds in enumerate(own.values())), else_=_weight(len(own)))
    rows = (
        select(
            case((is_listed(tables), null()), else_=cast(tables.booking.c.status, Text)).label("status"),
            is_deleted(tables).label("deleted"),
            weight.label("weight"),
        )
        .select_from(due.from_clause(tables, kind))
        .where(everything)
        .subquery("rows")
    )
    keys = (rows.c.status, rows.c.deleted)
    return select(func.left(rows.c.status, LONGEST_LABEL), rows.c.deleted, func.sum(rows.c.weight)).group_by(*keys)


def _weight(place: int) -> ColumnElement[Decimal]:
    # Written out: it is part of the statement, and the same for all bookings.
    return literal_column(str(MOST**place), Numeric)


def _decoded(weights: Decimal, places: int) -> list[int]:
    """How many bookings each of the places has."""
    return [int(weights) // MOST**place % MOST for place in range(places)]


def _found(tables: AppTables, kind: GapKind, wanted: ColumnElement[bool]) -> Select[Any]:
    """Id and moment of creation of each of these bookings."""
    own, made = cast(tables.booking.c.id, Text).label("id"), created_at(tables).label("made")
    return select(own, made).select_from(due.from_clause(tables, kind)).where(wanted)


def _failing(
    connection: Connection,
    tables: AppTables,
    kind: GapKind,
    holds: ColumnElement[bool],
    bookings: Sequence[BookingId],
    bound: Mapping[str, object],
) -> set[BookingId]:
    """Those of the bookings that fail a further condition about the queue's rows. Few are left by now."""
    statement = select(cast(tables.booking.c.id, Text)).select_from(due.from_clause(tables, kind))
    statement = statement.where(one_of(tables.booking.c.id, "ids"), ~holds)
    found: set[BookingId] = set()
    for some in (bookings[start : start + AT_ONCE] for start in range(0, len(bookings), AT_ONCE)):
        with hashed(connection, tables, len(some)):
            found.update(map(BookingId, connection.scalars(statement, {**bound, "ids": some})))
    return found


@contextmanager
def hashed(connection: Connection, tables: AppTables, number: int | None = None) -> Iterator[None]:
    """Within the context, the planner joins with the queue by a hash, unless looking up ``number`` bookings is cheaper.

    ``number``: how many bookings are joined; ``None`` if it is unknown and may be large. Without an index on the queue
    each lookup would read all of it, so even few bookings are hashed.
    """
    queue = tables.application.queue
    if queue is None or _is_lookup_cheaper(connection, queue, number):
        yield
        return
    with hashed_joins(connection):
        yield


def _is_lookup_cheaper(connection: Connection, queue: MappedTable, number: int | None) -> bool:
    if number is None:
        return False
    about = {"schema": queue.schema, "name": queue.name, "column": queue.columns["booking_id"]}
    known = connection.execute(_ROWS, about).one()
    return bool(known.indexed and number * ROWS_A_LOOKUP < known.number)
