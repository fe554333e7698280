"""What an earlier installation left in the application's tables: queue rows and events of ours."""

from typing import Any

from sqlalchemy import Connection, Select, Text, cast, or_, select
from sqlalchemy.exc import DBAPIError

from reconciler.domain.decide.calendar_event import ID_PREFIX
from reconciler.domain.own_rows import TEMPLATE
from reconciler.store.app.conditions import AppTables
from reconciler.store.app.evidence.queue_conditions import OURS


def has_traces(connection: Connection, tables: AppTables) -> bool:
    """Whether a new ledger is not the first one here. Tables that cannot be read may hide it: then it is not either."""
    try:
        with connection.begin_nested():
            return any(connection.scalar(select(one.exists())) for one in _statements(tables))
    except DBAPIError:
        return True


def _statements(tables: AppTables) -> list[Select[Any]]:
    found = []
    if "event_id" in tables.booking.c:
        event = cast(tables.booking.c.event_id, Text)
        found.append(select(tables.booking.c.id).where(event.startswith(ID_PREFIX)))
    if tables.queue is not None:
        queue = tables.queue.c
        ours = [cast(queue.error, Text).startswith(OURS)] if "error" in queue else []
        ours += [cast(queue.template, Text) == TEMPLATE] if "template" in queue else []
        if ours:
            found.append(select(queue.id).where(or_(*ours)))
    return found
