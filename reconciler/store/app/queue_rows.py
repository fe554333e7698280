"""The column values of our rows in the application's queue."""

from typing import Any

from sqlalchemy import Column, Table

from reconciler.ports import QueueRow


def columns_of(queue: Table, row: QueueRow, *, status: str, error: str | None) -> dict[Column[Any], Any]:
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
