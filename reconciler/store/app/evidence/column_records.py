"""``ports.TextRecords`` where the ledger keeps what was sent: nothing is written, or one column of the booking."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Text, cast, func, select

from reconciler.domain.bookings import BookingId
from reconciler.ports import StoredRecord, TextRecord, TextState
from reconciler.store.app import writes
from reconciler.store.app.app_tables import AppTables, is_marked
from reconciler.store.app.mapping import TEXTED


class LedgerRecords:
    """Our word goes into the ledger alone."""

    shows_texts = False

    def own_record(self, record: str) -> StoredRecord | None:
        return None

    def own_records_in_doubt(self, booking: BookingId) -> Mapping[str, str]:
        return {}

    def insert_record(self, record: TextRecord) -> None:
        """Nothing: the intent says that the text is about to be sent."""

    def hand_over(self, record: TextRecord) -> None:
        """Raises:
        ValueError: always. Only a queue can take a text over; the settings see to it.
        """
        raise ValueError("a text is handed over by a row of the queue")

    def try_mark_sent(self, record: str, booking: BookingId, at: datetime) -> None:
        """Nothing is to be written."""

    def mark_record(self, record: str, booking: BookingId, said: TextState) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class ColumnRecords(LedgerRecords):
    """Over one connection in one transaction: a column of the booking says that its text was sent."""

    connection: Connection
    tables: AppTables

    def try_mark_sent(self, record: str, booking: BookingId, at: datetime) -> None:
        trial = self.connection.begin_nested()
        self.mark_record(record, booking, TextState(status="sent", provider_id=f"SM{'0' * 32}", at=at))
        trial.rollback()

    def mark_record(self, record: str, booking: BookingId, said: TextState) -> bool:
        if said.status != "sent":
            return False
        row = self.tables.booking
        column = row.c[TEXTED]
        kind = self.connection.scalar(select(cast(func.pg_typeof(column), Text)).where(row.c.id == booking))
        value = _VALUES.get(kind or "", said.provider_id)
        value = said.at if value is _MOMENT else value
        only_if = (~is_marked(column), self.tables.in_scope())
        return writes.update_row(self.connection, row, booking, {column: value}, *only_if) == 1


_MOMENT: Any = object()
_VALUES: Mapping[str, Any] = {
    "timestamp with time zone": _MOMENT,
    "boolean": True,
    "integer": 1,
    "smallint": 1,
    "bigint": 1,
    "numeric": 1,
}
"""The column's type -> what says that a text was sent; in a column of text it is Twilio's SID."""
