"""Rows of the application's queue: the values of ours, and the application's failed ones."""

from typing import Any

from sqlalchemy import Column, ColumnElement, FromClause, Table, Text, cast, false, func, select, true

from reconciler.ports import TextRecord
from reconciler.store.app.conditions import AppTables
from reconciler.store.app.evidence.queue_conditions import OURS, queue_of
from reconciler.store.app.mapping import one_of

QUEUE_IDS = "queue_ids"
"""The bind parameter for the bookings whose queue rows are read: the queue may spell their ids in another type."""
LONGEST_MESSAGE = 2000
"""How many characters of an application's error message are read."""


def columns_of(queue: Table, row: TextRecord, *, status: str, error: str | None) -> dict[Column[Any], Any]:
    """The values to insert for the row. A column that the application does not have is left out."""
    values = {
        "id": row.id,
        "booking_id": row.booking.id,
        "trigger": row.draft.trigger,
        "template": row.template,
        "scheduled_for": row.at,
        "body": row.draft.body,
        "customer_phone": row.draft.number,
        "recipient_phone": row.draft.number,
        "customer_name": row.booking.name,
        "status": status,
        "error": error,
        "created_at": row.at,
    }
    return {queue.c[name]: value for name, value in values.items() if name in queue.c}


def number_of(queue: Table) -> ColumnElement[str]:
    """The number that a row of ours is for; '' where the queue has no column for it."""
    written = [cast(queue.c[name], Text) for name in ("recipient_phone", "customer_phone") if name in queue.c]
    return func.coalesce(*written, "")


def app_failures(tables: AppTables) -> FromClause:
    """The application's ``failed`` rows as one array for each of the bookings ``QUEUE_IDS``. Our own are excluded.

    One read for all of them: without an index on the column, each would read the whole queue.
    """
    queue = queue_of(tables)
    row = func.json_build_object(
        *("row", cast(queue.c.id, Text)),
        *("provider_id", cast(queue.c.provider_id, Text)),
        *("message", func.left(cast(queue.c.error, Text), LONGEST_MESSAGE)),
    )
    return (
        select(queue.c.booking_id.label("booking"), func.json_agg(row).label("rows"))
        .where(
            one_of(queue.c.booking_id, QUEUE_IDS),
            cast(queue.c.status, Text) == "failed",
            true() if not tables.application.failed_resent else false(),
            ~func.coalesce(queue.c.error.startswith(OURS), False),
        )
        .group_by(queue.c.booking_id)
        .subquery("app_failures")
    )
