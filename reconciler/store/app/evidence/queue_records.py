"""``ports.TextRecords`` as rows of the application's text queue."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, Text, cast, func, or_, select

from reconciler.domain.bookings import BookingId
from reconciler.domain.own_rows import MAY_HAVE_LEFT, error_in_flight, intent_named
from reconciler.ports import StoredRecord, TextRecord, TextState
from reconciler.store.app import writes
from reconciler.store.app.conditions import AppTables
from reconciler.store.app.evidence.queue_conditions import OURS, queue_of
from reconciler.store.app.evidence.queue_rows import columns_of, number_of


@dataclass(frozen=True, slots=True)
class QueueRecords:
    """Over one connection in one transaction."""

    connection: Connection
    tables: AppTables
    shows_texts = True

    def own_record(self, record: str) -> StoredRecord | None:
        queue = self._queue
        body = func.coalesce(cast(queue.c.body, Text), "")
        statement = select(cast(queue.c.provider_id, Text), number_of(queue), body)
        found = self.connection.execute(statement.where(queue.c.id == record)).first()
        return StoredRecord(provider_id=found[0] or None, number=found[1], body=found[2]) if found else None

    def own_records_in_doubt(self, booking: BookingId) -> Mapping[str, str]:
        queue = self._queue
        may_have_left = or_(*(queue.c.error.startswith(f"{OURS}{word} ") for word in MAY_HAVE_LEFT))
        statement = select(cast(queue.c.error, Text), number_of(queue))
        rows = self.connection.execute(statement.where(queue.c.booking_id == booking, may_have_left))
        named = [(intent_named(said), number) for said, number in rows]
        return {intent: number for intent, number in named if intent}

    def insert_record(self, record: TextRecord) -> None:
        queue = self._queue
        error = f"{OURS}{error_in_flight(record.intent)}"
        values = columns_of(queue, record, status=self.tables.application.in_flight, error=error)
        if writes.insert_row(self.connection, queue, values, or_nothing=True):
            writes.require_kept(self.connection, queue, record.id, values)
            return
        again = {queue.c[name]: values[queue.c[name]] for name in ("status", "error")}
        ours = queue.c.error.startswith(OURS)
        if not writes.update_row(self.connection, queue, record.id, again, ours, _changes(again)):
            writes.require_kept(self.connection, queue, record.id, {})

    def hand_over(self, record: TextRecord) -> None:
        queue = self._queue
        values = columns_of(queue, record, status="approved", error=None)
        writes.insert_row(self.connection, queue, values)
        writes.require_kept(self.connection, queue, record.id, values)

    def try_mark_sent(self, record: str, booking: BookingId, at: datetime) -> None:
        trial = self.connection.begin_nested()
        self.mark_record(record, booking, TextState(status="sent", provider_id=f"SM{'0' * 32}", at=at))
        trial.rollback()

    def mark_record(self, record: str, booking: BookingId, said: TextState) -> bool:
        queue = self._queue
        status = said.status or self.tables.application.in_flight
        written = {"status": status, "error": f"{OURS}{said.error}" if said.error else None}
        if said.provider_id:
            written["provider_id"] = said.provider_id
        values: dict[Any, Any] = {queue.c[name]: value for name, value in written.items()}
        if said.status == "sent" and "sent_at" in queue.c:
            values[queue.c.sent_at] = said.at
        ours = queue.c.error.startswith(OURS)
        return writes.update_row(self.connection, queue, record, values, ours, _changes(values)) == 1

    @property
    def _queue(self) -> Table:
        return queue_of(self.tables)


def _changes(values: Mapping[Any, Any]) -> Any:
    """True for a row that differs from ``values``: a second pass then writes nothing."""
    return or_(*(column.is_distinct_from(value) for column, value in values.items() if column.key != "sent_at"))
