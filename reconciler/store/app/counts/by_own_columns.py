"""How many bookings fail which condition about their own columns, in one sum without groups.

A group per row costs as much as all conditions together. So every place (a condition, or a status that is not listed)
has its own digits in one number, and the sum of all bookings' numbers says how many there are of each. A sample knows
nearly every status. Those that it does not know are counted by a second statement, if there are any.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    select,
    tablesample,
)

from reconciler.domain.decide.verdicts import Condition
from reconciler.store.app.app_tables import LEFT_OUT, is_left_out
from reconciler.store.app.conditions import AppTables, is_deleted, is_listed
from reconciler.store.app.counts.parts import about_rows

DELETED = "deleted"
"""The label of a booking that the application marks as deleted, in place of its status."""
LONGEST_LABEL = 100
"""Characters of a status that bookings are counted by."""
MOST_KNOWN = 20
"""Statuses that have a place of their own."""
SAMPLE = 10_000
"""Bookings whose statuses are looked at beforehand. Of fewer, the second statement takes no time."""
MOST = 10**12
"""More bookings than there are."""
Held = Mapping[Condition, ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class CountedByOwn:
    """The bookings of a scan by the first condition about their own columns that they fail."""

    failing: Counter[tuple[Condition, str]]
    """By the condition and a label, which is the status where that failed."""
    left: int
    """How many fail none."""


def count_by_own(
    connection: Connection,
    tables: AppTables,
    own: Held,
    wanted: ColumnElement[bool],
    bound: Mapping[str, object],
) -> CountedByOwn:
    """Count the ``wanted`` bookings by ``own``, in this order, *status* the first. Nothing here needs a join."""
    known = _known_statuses(connection, tables)
    # The statuses come last: a weight with many digits costs more, and few bookings have one of theirs.
    places: list[tuple[Condition, str]] = [(condition, "") for condition in own if condition is not Condition.STATUS]
    places += [(Condition.STATUS, label) for label in (DELETED, LEFT_OUT, *known, "")]
    weights = connection.execute(_weighed(tables, own, known, wanted), bound).scalar_one()
    left, *failing = _decoded(weights or Decimal(0), len(places) + 1)
    counts: Counter[tuple[Condition, str]] = Counter()
    for place, number in zip(places, failing, strict=True):
        counts[place] += number  # a status may be called deleted, as the place of those that are marked so
    if counts.pop((Condition.STATUS, ""), 0):
        for label, number in connection.execute(_others(tables, known, wanted), bound):
            counts[Condition.STATUS, label or ""] += number
    return CountedByOwn(failing=+counts, left=left)


def _known_statuses(connection: Connection, tables: AppTables) -> Sequence[str]:
    """Statuses that are not listed and that many bookings have.

    They come from a sample, because a table with row-level security hides its statistics.
    """
    rows, unlisted = about_rows(connection, tables.application.bookings), list(tables.application.cancelled)
    if rows and rows > SAMPLE:
        sample = tablesample(tables.booking, func.system(100 * SAMPLE / rows), name="sample")
        label = func.left(cast(sample.c.status, Text), LONGEST_LABEL + 1)
        unlisted += filter(None, connection.scalars(select(label).distinct().limit(MOST_KNOWN)))
    known = dict.fromkeys(label for label in unlisted if label not in tables.application.statuses)
    return [label for label in known if len(label) <= LONGEST_LABEL][:MOST_KNOWN]


def _weighed(tables: AppTables, own: Held, known: Sequence[str], wanted: ColumnElement[bool]) -> Select[Any]:
    others = [holds for condition, holds in own.items() if condition is not Condition.STATUS]
    status, deleted = cast(tables.booking.c.status, Text), len(others) + 1
    by_status = [(status == name, _weight(place)) for place, name in enumerate(known, start=deleted + 2)]
    not_covered = case(
        (is_deleted(tables), _weight(deleted)),
        (is_left_out(tables), _weight(deleted + 1)),
        *by_status,
        else_=_weight(deleted + len(known) + 2),
    )
    weight = case(
        (~own[Condition.STATUS], not_covered),
        *((~holds, _weight(place)) for place, holds in enumerate(others, start=1)),
        else_=_weight(0),
    )
    return select(func.sum(weight).label("weights")).select_from(tables.booking).where(wanted)


def _others(tables: AppTables, known: Sequence[str], wanted: ColumnElement[bool]) -> Select[Any]:
    """Statuses that have no place, and how many bookings have each."""
    status = cast(tables.booking.c.status, Text)
    label = func.left(func.coalesce(status, ""), LONGEST_LABEL)
    unknown = func.coalesce(status.not_in(known), True)
    return (
        select(label, func.count())
        .select_from(tables.booking)
        .where(and_(wanted, ~is_listed(tables), ~is_deleted(tables), ~is_left_out(tables), unknown))
        .group_by(label)
    )


def _weight(place: int) -> ColumnElement[Decimal]:
    # Written out: it is part of the statement, and the same for all bookings.
    return literal_column(str(MOST**place), Numeric)


def _decoded(weights: Decimal, places: int) -> list[int]:
    """How many bookings each of the places has."""
    return [int(weights) // MOST**place % MOST for place in range(places)]
