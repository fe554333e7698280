"""New bookings by the reasons why rules do not apply to them, from the rules' own conditions."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    RowMapping,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    null,
    or_,
    select,
)

from reconciler.domain.decide.coverage.drops import AHEAD_OF_NOW, STATUS
from reconciler.domain.decide.verdicts import Condition, VerdictStatus
from reconciler.domain.gaps import GapKind
from reconciler.store.app.app_tables import LEFT_OUT, NOW, as_start, is_civil, is_left_out
from reconciler.store.app.conditions import AppTables, conditions, created_at, is_deleted, is_eligible, stored_start
from reconciler.store.app.counts.by_own_columns import DELETED

Moment = datetime | ColumnElement[Any]
"""A moment, or the bind parameter for one."""
TOLERATED = timedelta(minutes=5)
"""Two clocks may differ by as much without a booking counting as made ahead of now."""
LONGEST_STATUS = 30
EVIDENCE = frozenset({Condition.SINCE, Condition.UNDECIDED})
"""Conditions that say nothing about what kind of booking it is."""


def fall_out_reasons(tables: AppTables, kinds: Sequence[GapKind], now: Moment) -> list[ColumnElement[Any]]:
    """For each rule: why it does not apply to the booking, NULL if it does. Judged as of the booking's creation."""
    return [_reason(tables, kind, now).label(kind) for kind in kinds]


def _reason(tables: AppTables, kind: GapKind, now: Moment) -> ColumnElement[Any]:
    made: Any = created_at(tables)
    held = dict(conditions(kind, tables))
    if Condition.AHEAD in held:  # ahead of its creation, and not of the present
        held[Condition.AHEAD] = func.coalesce(
            stored_start(tables) > (_local(tables, made) if is_civil(tables) else made), True
        )
    deciding = {
        condition: holds
        for condition, holds in held.items()
        if condition.standing_if_failed is VerdictStatus.NOT_APPLICABLE and condition not in EVIDENCE
    }
    branches = [(~holds, _name(tables, condition)) for condition, holds in deciding.items()]
    return case((made > now + TOLERATED, literal(AHEAD_OF_NOW)), *branches, else_=null())


def _name(tables: AppTables, condition: Condition) -> ColumnElement[Any]:
    if condition is not Condition.STATUS:
        return literal(str(condition))
    word = func.left(func.coalesce(cast(tables.booking.c.status, Text), ""), LONGEST_STATUS)
    return literal(STATUS).concat(case((is_deleted(tables), DELETED), (is_left_out(tables), LEFT_OUT), else_=word))


def day(tables: AppTables) -> ColumnElement[Any]:
    """The venue's day on which the booking was made."""
    return cast(_local(tables, created_at(tables)), Date)


def _local(tables: AppTables, moment: Any) -> ColumnElement[Any]:
    """The venue's civil time by PostgreSQL's zone rules: a booking near midnight may count to the next day."""
    return func.timezone(tables.application.zone.key, moment)


@lru_cache(maxsize=16)
def of_booking(tables: AppTables, kinds: tuple[GapKind, ...]) -> Select[Any]:
    """A reason per rule of the booking ``id``. Built once: building it takes longer than running it."""
    own = tables.booking.c.id == bindparam("id")
    return select(*fall_out_reasons(tables, kinds, NOW)).select_from(tables.from_clause(own)).where(own)


def count_by_reason(
    tables: AppTables, kinds: Sequence[GapKind], now: datetime, new_from: datetime, since: datetime
) -> Select[Any]:
    """Rows of day, whether they are new, their number, and a reason per rule.

    A booking that is over and has a status that no rule covers is left out unless it is new: the status may have come
    with its end, and says nothing about how it was made.
    """
    made = tables.made
    is_new = (made.column >= made.of(new_from)).label("is_new")
    is_over = and_(~is_eligible(tables), func.coalesce(stored_start(tables) <= as_start(tables, now), False))
    counted = and_(made.column >= made.of(since), tables.in_scope(), or_(is_new.element, ~is_over))
    rows = (
        select(day(tables).label("day"), is_new, *fall_out_reasons(tables, kinds, now))
        .select_from(tables.from_clause(counted))
        .where(counted)
        .subquery()
    )
    return select(func.count().label("number"), *rows.c).group_by(*rows.c)


def last_bookings(tables: AppTables, kinds: Sequence[GapKind], now: datetime, number: int) -> Select[Any]:
    """The last bookings: day and a reason per rule."""
    made = tables.made.column
    own = tables.booking.c.id
    last = select(own).where(made.is_not(None), tables.in_scope()).order_by(made.desc()).limit(number)
    return (
        select(day(tables).label("day"), *fall_out_reasons(tables, kinds, now))
        .select_from(tables.from_clause(own.in_(last.correlate(None))))
        .where(made.is_not(None), tables.in_scope())
        .order_by(made.desc())
        .limit(number)
    )


def any_in_scope(tables: AppTables) -> Select[Any]:
    return select(literal(1)).select_from(tables.booking).where(tables.in_scope()).limit(1)


def some_rows(tables: AppTables, most: int) -> Select[Any]:
    """How many bookings the table has, up to ``most``."""
    few = select(literal(1).label("one")).select_from(tables.booking).limit(most).subquery()
    return select(func.count()).select_from(few)


def pauses(tables: AppTables, now: datetime, year_ago: datetime) -> Select[Any]:
    """The longest pause between two bookings of the year."""
    stored = tables.made
    made = stored.column
    after = (made - func.lag(made).over(order_by=made)).label("after")
    rows = (
        select(after)
        .select_from(tables.booking)
        .where(made >= stored.of(year_ago), made <= stored.of(now), tables.in_scope())
        .subquery()
    )
    return select(func.max(rows.c.after))


def first_and_last(tables: AppTables, now: datetime) -> Select[Any]:
    made = tables.made
    return select(func.min(made.instant), func.max(made.instant)).where(made.column <= made.of(now), tables.in_scope())


def outs(row: RowMapping, kinds: Sequence[GapKind]) -> tuple[tuple[GapKind, str], ...]:
    """The rules of a row that do not apply, each with its reason."""
    return tuple((kind, row[kind]) for kind in kinds if row[kind] is not None)
