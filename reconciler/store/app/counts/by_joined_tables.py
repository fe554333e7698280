"""What is left of a scan once the bookings' own columns have been asked: the customers, the due moments, the queue.

Most bookings of a full scan are over, so only the others are joined with anything. Those that have their text are not
returned: their number follows from all the others.
"""

from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Connection, Select, Text, and_, case, cast, func, literal, select, true

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.verdicts import Condition
from reconciler.domain.gaps import GapKind
from reconciler.store.app import due
from reconciler.store.app.app_tables import AppTables, created_at
from reconciler.store.app.counts.by_own_columns import Held
from reconciler.store.app.counts.hashed import hashed
from reconciler.store.app.evidence.shown import shown

_OUTSIDE, _BROKEN = "outside", "broken"


@dataclass(frozen=True, slots=True)
class Joined:
    """Of the bookings that are left."""

    outside: int
    """How many the scan does not cover: they became due before the rule applied."""
    failing: Counter[tuple[Condition, str]]
    broken: Mapping[BookingId, datetime]
    """When each booking was made that fails nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """Which bookings are joined, and what they are asked."""

    wanted: ColumnElement[bool]
    """Selects them by their own columns; ``covered`` says which of them the scan covers."""
    covered: ColumnElement[bool]
    rest: Held
    by_rows: Condition | None
    """The first condition about the queue's rows."""
    number: int


def join_left(
    connection: Connection, tables: AppTables, kind: GapKind, left: Left, bound: Mapping[str, object]
) -> Joined:
    failing: Counter[tuple[Condition, str]] = Counter()
    broken: dict[BookingId, datetime] = {}
    outside = 0
    with hashed(connection, tables, left.number) if left.by_rows else nullcontext():
        rows = connection.execute(_statement(tables, kind, left), bound).all()
    for place, number, ids, made in rows:
        if place == _BROKEN:
            broken = dict(zip(map(BookingId, ids), made, strict=True))
        elif place == _OUTSIDE:
            outside = number
        else:
            failing[Condition(place), ""] = number
    return Joined(outside=outside, failing=failing, broken=broken)


def _statement(tables: AppTables, kind: GapKind, left: Left) -> Select[Any]:
    # A column that a booking has left empty makes neither of both.
    covered = func.coalesce(left.covered, False, type_=Boolean())
    fails = [(~covered, literal(_OUTSIDE)), *((~holds, literal(str(name))) for name, holds in left.rest.items())]
    rows = (
        select(
            case(*fails, else_=literal(_BROKEN)).label("place"),
            cast(tables.booking.c.id, Text).label("id"),
            created_at(tables).label("made"),
        )
        .select_from(due.from_clause(tables, kind, left.wanted))
        .where(left.wanted)
    )
    if left.by_rows:
        # A row of the queue counts for a booking that fails nothing else. This way it is one join, and no OR.
        ways = shown(kind, left.by_rows, tables, and_(covered, *left.rest.values()))
        rows = rows.where(and_(true(), *(~way for way in ways)))
    found = rows.subquery("made")
    is_broken = found.c.place == _BROKEN
    ids, made = (func.array_agg(column).filter(is_broken) for column in (found.c.id, found.c.made))
    return select(found.c.place, func.count(), ids, made).group_by(found.c.place)
