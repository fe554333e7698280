"""Bookings from before the rules applied that break one of them: the scan's conditions, with *since* reversed."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, and_, cast, select

from reconciler.domain.decide.verdicts import Condition
from reconciler.domain.gaps import GapKind
from reconciler.store.app.conditions import AppTables, conditions


def broken_before(tables: AppTables, kind: GapKind, now: datetime, since: datetime) -> Select[Any]:
    """Their ids, as text."""
    key = cast(tables.booking.c.id, Text).label("id")
    return select(key).select_from(tables.from_clause()).where(_before(tables, kind, now, since))


def _before(tables: AppTables, kind: GapKind, now: datetime, since: datetime) -> ColumnElement[bool]:
    held = dict(conditions(kind, tables, now, since))
    # The comparison itself, and not the negated condition: an index on the column can serve it.
    del held[Condition.SINCE]
    return and_(tables.booking.c.created_at < since, tables.in_scope(), *held.values())
