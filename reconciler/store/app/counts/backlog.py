"""Bookings that became due before the rules applied and break one of them: the scan's conditions, *since* reversed."""

from typing import Any

from sqlalchemy import ColumnElement, Select, Text, and_, cast, select

from reconciler.domain.decide.verdicts import Condition
from reconciler.domain.gaps import GapKind
from reconciler.store.app import due
from reconciler.store.app.app_tables import SINCE
from reconciler.store.app.conditions import AppTables, conditions


def broken_before(tables: AppTables, kind: GapKind) -> Select[Any]:
    """Their ids, as text. It binds what the conditions compare with."""
    key = cast(tables.booking.c.id, Text).label("id")
    return select(key).select_from(due.from_clause(tables, kind)).where(_before(tables, kind))


def _before(tables: AppTables, kind: GapKind) -> ColumnElement[bool]:
    held = dict(conditions(kind, tables))
    # The comparisons themselves, and not the negated condition: an index on the column can serve the first.
    del held[Condition.SINCE]
    made = tables.made
    before = (made.column < made.of(SINCE), due.due_at(tables, kind) < SINCE)
    return and_(*before, tables.in_scope(), *held.values())
