"""What one booking's verdict rests on: each condition by itself, and the rows of the queue."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, Text, cast, func, null, select

from reconciler.domain.bookings import BookingId
from reconciler.domain.evidence import QueuedText
from reconciler.domain.gaps import GapKind
from reconciler.domain.verdicts import Condition
from reconciler.store.rules import OURS, Tables, conditions

MOST_ROWS = 20


def held(
    connection: Connection, tables: Tables, kind: GapKind, now: datetime, oldest: datetime, booking: BookingId
) -> Mapping[Condition, bool]:
    """Which of the rule's conditions hold for the booking, in their order; empty if it is gone or not ours."""
    asked = conditions(kind, tables, now, oldest)
    statement = (
        select(*(holds.label(name) for name, holds in asked.items()))
        .select_from(tables.from_clause())
        .where(tables.booking.c.id == booking, tables.mine())
    )
    row = connection.execute(statement).first()
    return dict(zip(asked, row, strict=True)) if row else {}


def queued(connection: Connection, tables: Tables, booking: BookingId) -> Sequence[QueuedText]:
    """The booking's texts in the queue, the newest first; nothing of what they say or to whom."""
    queue = tables.queue
    if queue is None:
        return []
    made = cast(queue.c.created_at, Text) if "created_at" in queue.c else null()
    statement = (
        select(
            cast(queue.c.id, Text),
            cast(queue.c.status, Text),
            cast(queue.c.trigger, Text),
            made,
            func.coalesce(func.btrim(cast(queue.c.provider_id, Text)), ""),
            func.coalesce(queue.c.error.startswith(OURS), False),
        )
        .where(queue.c.booking_id == booking)
        .order_by(made.desc().nulls_last())
        .limit(MOST_ROWS)
    )
    return [
        QueuedText(row=row, status=status or "", trigger=trigger or "", made=at, provider_id=sid or None, ours=ours)
        for row, status, trigger, at, sid, ours in connection.execute(statement)
    ]
