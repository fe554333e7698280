"""How many bookings called for an effect lately: what the breaker measures repairs by."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Connection, DateTime, Row, bindparam, func, or_, select

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.breaker import Demand
from reconciler.domain.gaps import GapKind
from reconciler.store.app import due
from reconciler.store.app.app_tables import NOW, AppTables
from reconciler.store.app.conditions import is_eligible, is_looked_after
from reconciler.store.app.counts.parts import read_in_parts
from reconciler.store.app.mapping import one_of


def recent_demand(
    connection: Connection,
    tables: AppTables,
    kind: GapKind,
    values: Mapping[str, object],
    now: datetime,
    days: int,
    seen_due: Collection[BookingId],
    parts: int,
) -> Demand:
    """The demand of the last day, and the busiest of so many ``days``, each of 24 hours until *now*.

    A booking that was cancelled or completed since then has called for its effect as well, so it makes its day busier.
    ``values`` binds what the statements about due moments compare with. ``seen_due``: the bookings that became due in
    these days by what scans saw.
    """
    since, oldest = due.recorded_at(tables, kind), NOW - timedelta(days=days)
    # Compared with moments: a difference in seconds would be a number of any size, which takes far longer.
    days_ago = bindparam("days_ago", type_=ARRAY(DateTime(timezone=True)))
    day = func.width_bucket(since, days_ago)
    statement = (
        select(day.label("day"), func.count().label("number"), func.count().filter(is_eligible(tables)).label("due"))
        .select_from(due.from_clause(tables, kind))
        .where(_may_be_recent(tables, days, seen_due), since > oldest, since <= NOW, is_looked_after(kind, tables))
        .group_by(day)
    )

    bound = {**values, "days_ago": [now - timedelta(days=ago) for ago in range(days, 0, -1)]}

    def read(part: ColumnElement[bool]) -> Sequence[Row[Any]]:
        return connection.execute(statement.where(part), bound).all()

    by_day: Counter[int] = Counter()
    due_today = 0
    for row in chain.from_iterable(read_in_parts(connection, tables, read, parts).found):
        by_day[row.day] += row.number
        due_today += row.due if row.day == days else 0
    return Demand(due=due_today, busiest_day=max(by_day.values(), default=0))


def _may_be_recent(tables: AppTables, days: int, seen_due: Collection[BookingId]) -> ColumnElement[bool]:
    """Follows from a recent due moment, and is there for the indexes on the columns."""
    booking, oldest = tables.booking, NOW - timedelta(days=days)
    made, confirmed = tables.made, tables.confirmed
    recent: list[ColumnElement[bool]] = [made.column > made.of(oldest)]
    recent += [confirmed.column > confirmed.of(oldest)] if confirmed else []
    if seen_due:
        recent += [one_of(booking.c.id, seen_due)]
    return or_(*recent)
