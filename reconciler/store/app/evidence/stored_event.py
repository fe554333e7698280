"""The event id of a booking: what its column, rows of another table, or our ledger say, in this order."""

from typing import Any

from sqlalchemy import ColumnElement, FromClause, Text, and_, cast, func, null, select

from reconciler.domain.gaps import Effect
from reconciler.store.app.app_tables import AppTables, is_filled
from reconciler.store.app.evidence.shown import INTENTS, done_for_booking, is_in_ledger, linked
from reconciler.store.app.mapping import EvidenceRows


def stored_event_id(tables: AppTables) -> ColumnElement[Any]:
    """NULL without one. The bookings' table has to be in the statement; it binds ``source`` if the ledger is asked."""
    found = _said(tables)
    if not found:
        return null()
    return found[0] if len(found) == 1 else func.coalesce(*found)


def event_rows(tables: AppTables) -> list[tuple[EvidenceRows, FromClause]]:
    """The tables whose rows show events."""
    return [(one, rows) for one, rows in tables.shown.get(Effect.CALENDAR, ()) if isinstance(one, EvidenceRows)]


def _said(tables: AppTables) -> list[ColumnElement[Any]]:
    found: list[ColumnElement[Any]] = []
    if "event_id" in tables.booking.c:
        found.append(func.nullif(func.btrim(cast(tables.booking.c.event_id, Text)), ""))
    for one, rows in event_rows(tables):
        named = cast(rows.c.event_id, Text)
        counts = and_(linked(one, rows, tables), is_filled(rows.c.event_id))
        found.append(_one(select(func.btrim(named)).select_from(rows).where(counts).order_by(named), rows))
    if is_in_ledger(tables, Effect.CALENDAR):
        newest = select(INTENTS.c.provider_id).where(done_for_booking(tables, Effect.CALENDAR))
        found.append(_one(newest.order_by(INTENTS.c.updated_at.desc()), INTENTS))
    return found


def _one(statement: Any, of: FromClause) -> ColumnElement[Any]:
    found: ColumnElement[Any] = statement.limit(1).correlate_except(of).scalar_subquery()
    return found
