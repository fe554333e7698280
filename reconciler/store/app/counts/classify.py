"""A rule over all its bookings, in statements of one snapshot: counts by condition, then those that break the rule.

The first statement reads the bookings and evaluates the conditions about their own columns. Its result says how many
bookings are left. The second statement joins these with the other tables, and with the queue by a hash where there are
many. What else is to be known about the queue's rows is asked about the few that the second one found.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Text,
    and_,
    cast,
    select,
)

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.plan import BookingRange
from reconciler.domain.decide.verdicts import Condition
from reconciler.domain.gaps import GapKind
from reconciler.store.app import due
from reconciler.store.app.app_tables import created_at
from reconciler.store.app.conditions import AppTables, conditions, may_be_within, selects_eligible, within
from reconciler.store.app.counts.by_joined_tables import Left, join_left
from reconciler.store.app.counts.by_own_columns import count_by_own
from reconciler.store.app.counts.hashed import hashed
from reconciler.store.app.counts.parts import read_in_parts
from reconciler.store.app.evidence.shown import by_rows
from reconciler.store.app.mapping import one_of

_MOST_FAIL = (Condition.NO_EVENT, Condition.AHEAD)
AT_ONCE = 50_000
"""Bookings that one statement asks the queue about by id."""


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

    def read(part: ColumnElement[bool]) -> Classified:
        return _classify(connection, tables, kind, span, part, bound)

    seen = read_in_parts(connection, tables, read, parts)
    counts: Counter[tuple[Condition, str]] = Counter()
    broken: dict[BookingId, datetime] = {}
    for one in seen.found:
        counts.update(one.by_condition)
        broken |= one.broken
    checked = sum(one.checked for one in seen.found)
    return Classified(checked=checked, by_condition=counts, broken=broken, parts=seen.parts)


def _classify(
    connection: Connection,
    tables: AppTables,
    kind: GapKind,
    span: BookingRange,
    part: ColumnElement[bool],
    bound: Mapping[str, object],
) -> Classified:
    held = conditions(kind, tables)
    with_rows = by_rows(tables)
    own = {name: holds for name, holds in held.items() if name not in with_rows}
    about_rows = {name: holds for name, holds in held.items() if name in with_rows}
    alone = dict(takewhile(lambda one: not _needs_join(kind, one[0], tables), own.items()))
    rest = {name: holds for name, holds in own.items() if name not in alone}
    covered = within(kind, tables, span)
    wanted = and_(part, may_be_within(kind, tables, span) if rest else covered)
    counted = count_by_own(connection, tables, alone, wanted, bound)
    counts, left, outside = counted.failing, counted.left, 0
    first, *later = about_rows or (None,)
    # PostgreSQL evaluates conditions that cost alike in this order. Most bookings have an event, or are over.
    by_cost = {name: alone[name] for name in sorted(alone, key=lambda name: name not in _MOST_FAIL)}
    selected = and_(*(by_cost | {Condition.STATUS: selects_eligible(tables)}).values(), wanted)
    broken: Mapping[BookingId, datetime] = {}
    if left and rest:
        asked = Left(wanted=selected, covered=covered, rest=rest, by_rows=first, number=left)
        joined = join_left(connection, tables, kind, asked, bound)
        counts, outside, broken = counts + joined.failing, joined.outside, joined.broken
        left -= outside + joined.failing.total()
    elif left:
        statement = _found(tables, kind, selected if first is None else and_(selected, about_rows[first]))
        with hashed(connection, tables, left) if about_rows else nullcontext():
            broken = {BookingId(key): made for key, made in connection.execute(statement, bound)}
    checked = counts.total() + left
    if first:
        counts[first, ""] = left - len(broken)
    for name in later:
        failing_it = _failing(connection, tables, kind, about_rows[name], list(broken), bound)
        counts[name, ""] = len(failing_it)
        broken = {key: made for key, made in broken.items() if key not in failing_it}
    return Classified(checked=checked, by_condition=+counts, broken=broken)


def _needs_join(kind: GapKind, condition: Condition, tables: AppTables) -> bool:
    """Whether the condition is about more than the booking's own row."""
    match condition:
        case Condition.PHONE:
            return tables.joins_for_phone
        case Condition.SINCE | Condition.GRACE:
            return tables.moments is not None and due.is_stored(tables, kind)
        case _:
            return condition in by_rows(tables)


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
