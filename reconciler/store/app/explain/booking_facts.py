"""The facts behind one booking's verdict: the result of each condition, and the rows of the queue."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Text, bindparam, cast, func, null, select

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.verdicts import Condition
from reconciler.domain.explain.queued_text import QueuedText
from reconciler.domain.gaps import GapKind
from reconciler.domain.rules.registry import rule_of
from reconciler.store.app import due
from reconciler.store.app.conditions import AppTables, conditions
from reconciler.store.app.evidence.queue_conditions import OURS, deciding_rows

MOST_ROWS = 20


def condition_results(
    connection: Connection, tables: AppTables, kind: GapKind, values: Mapping[str, object], booking: BookingId
) -> Mapping[Condition, bool]:
    """Which of the rule's conditions hold for the booking, in their order; empty if it is gone or not ours."""
    statement = _asking(tables, kind)
    row = connection.execute(statement, {**values, "id": booking}).first()
    return dict(zip(rule_of(kind).conditions, row, strict=True)) if row else {}


@lru_cache(maxsize=16)
def _asking(tables: AppTables, kind: GapKind) -> Select[Any]:
    asked: list[ColumnElement[Any]] = [holds.label(name) for name, holds in conditions(kind, tables).items()]
    own = tables.booking.c.id == bindparam("id")
    return select(*asked).select_from(due.from_clause(tables, kind, own)).where(own, tables.in_scope())


def queued(connection: Connection, tables: AppTables, booking: BookingId) -> Sequence[QueuedText]:
    """The booking's texts in the queue, the newest first, without their content and recipients."""
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
            deciding_rows(GapKind.SMS_MISSING, Condition.NO_TEXT, tables),
        )
        .select_from(queue.join(tables.booking, queue.c.booking_id == tables.booking.c.id))
        .where(queue.c.booking_id == booking)
        .order_by(made.desc().nulls_last())
        .limit(MOST_ROWS)
    )
    return [
        QueuedText(
            row=row,
            status=status or "",
            trigger=trigger or "",
            made=at,
            provider_id=sid or None,
            ours=ours,
            is_evidence=counts,
        )
        for row, status, trigger, at, sid, ours, counts in connection.execute(statement)
    ]
