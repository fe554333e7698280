"""What a trial writes into the application's queue: a row like ours, of a booking that does not exist."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Table

from reconciler.domain.bookings import Booking, BookingId
from reconciler.domain.decide.sms import Draft
from reconciler.domain.intents import IntentId
from reconciler.ports import QueueRow
from reconciler.store.app.conditions import OURS
from reconciler.store.app.mapping import MappedTable
from reconciler.store.app.queue_rows import columns_of
from reconciler.store.schema.catalog import CatalogTable
from reconciler.store.schema.unused_ids import unused_id

_NUMBER = "+15550100000"
"""Nobody's: kept free for fiction."""
_BODY = "trial row, rolled back ".ljust(160, ".")
"""As long as one segment: a column too short for it is too short for most texts."""
_ADDED = ("provider_id", "sent_at")
"""By an update, once Twilio has taken the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRows:
    """The rows that one check tries."""

    queue: Table
    table: CatalogTable
    mapped: MappedTable
    update_only: Sequence[str]
    """Their names of columns that our role may not fill while it inserts: a trial row lacks them."""

    @classmethod
    def of(cls, queue: Table, table: CatalogTable, mapped: MappedTable) -> "TrialRows":
        added = [mapped.columns[ours] for ours in _ADDED if ours in mapped.columns]
        return cls(queue=queue, table=table, mapped=mapped, update_only=table.lacks("INSERT", added))

    def is_filled_by_trigger(self, column: str) -> bool:
        """Whether a trigger may fill it: it is none of ours, and one looks at each row before it is inserted."""
        return column not in self.mapped.columns.values() and self.table.has_row_trigger()

    def values(self, trigger: str, status: str) -> Mapping[Any, Any]:
        """As it stands in the end: what we add by an update is there at once, where our role may insert it."""
        row = self._row(trigger)
        error = None if status in ("sent", "approved") else f"{OURS}trial run {row.intent}"
        values: dict[Any, Any] = {**columns_of(self.queue, row, status=status, error=error)}
        added = {"provider_id": f"SM{'0' * 32}", "sent_at": row.at} if status == "sent" else {}
        for ours, value in added.items():
            if ours in self.queue.c and self.mapped.columns[ours] not in self.update_only:
                values[self.queue.c[ours]] = value
        return values

    def _row(self, trigger: str) -> QueueRow:
        at = datetime.now(UTC)
        key = self.table.columns[self.mapped.columns["booking_id"]]
        nonexistent = Booking(
            id=BookingId(unused_id(key)),  # type: ignore[arg-type]  # bound as it is: AsStored
            status="",
            created_at=at,
            starts_at=None,
            ends_at=None,
            event_id=None,
            first_name="",
            name="trial",
            phones=(),
        )
        return QueueRow(
            id=str(uuid.uuid4()),
            intent=IntentId(str(uuid.uuid4())),
            booking=nonexistent,
            draft=Draft(number=_NUMBER, body=_BODY, trigger=trigger, segments=1),
            template="reconciler",
            at=at,
        )
