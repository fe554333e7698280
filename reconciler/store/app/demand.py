"""How many bookings called for an effect lately: what the breaker measures repairs by."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from reconciler.domain.decide.breaker import DEMAND_DAYS, Demand
from reconciler.domain.gaps import GapKind
from reconciler.store.app.conditions import AppTables, created_at, is_eligible, is_looked_after

_DAY = 86_400
"""Seconds."""


def due_since(tables: AppTables) -> ColumnElement[Any]:
    """When a booking began to call for its effect: when it was made."""
    return created_at(tables)


def recent_demand(connection: Connection, tables: AppTables, kind: GapKind, now: datetime) -> Demand:
    """The demand of the last day, and the busiest of the last ``DEMAND_DAYS``, each of 24 hours until ``now``.

    A booking that was cancelled or completed since then has called for its effect as well, so it makes its day busier.
    """
    due, oldest = due_since(tables), now - timedelta(days=DEMAND_DAYS)
    age = func.floor(func.extract("epoch", now - due) / _DAY)
    statement = (
        select(age.label("age"), func.count().label("number"), func.count().filter(is_eligible(tables)).label("due"))
        # The first bound follows from the second, and is there for an index on the column.
        .where(tables.booking.c.created_at > oldest, due > oldest, due <= now, is_looked_after(kind, tables))
        .group_by(age)
    )
    days = {int(row.age): row for row in connection.execute(statement)}
    today = days.get(0)
    return Demand(due=today.due if today else 0, busiest_day=max((row.number for row in days.values()), default=0))
