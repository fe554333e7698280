"""Trial rows for the application's queue: like ours, but for a booking that does not exist."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Table

from reconciler.domain.bookings import Booking, BookingId
from reconciler.domain.decide.sms import Draft
from reconciler.domain.intents import IntentId
from reconciler.ports import TextRecord
from reconciler.store.app.evidence.queue_conditions import OURS
from reconciler.store.app.evidence.queue_rows import columns_of
from reconciler.store.app.mapping import MappedTable
from reconciler.store.schema.catalog import CatalogTable
from reconciler.store.schema.trials.unused_ids import unused_id

_NUMBER = "+15550100000"
"""Reserved for fiction; it belongs to no subscriber."""
_BODY = "trial row, rolled back ".ljust(160, ".")
"""One full segment: a column too short for it is too short for most texts."""
_FILLED_BY_UPDATE = ("provider_id", "sent_at")
"""Columns that an update fills once Twilio has accepted the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRows:
    """Builds the trial rows of one check."""

    queue: Table
    table: CatalogTable
    mapped: MappedTable
    update_only: Sequence[str]
    """The table's columns that our role may only update, not insert: a trial row omits them."""

    @classmethod
    def of(cls, queue: Table, table: CatalogTable, mapped: MappedTable) -> "TrialRows":
        added = [mapped.columns[ours] for ours in _FILLED_BY_UPDATE if ours in mapped.columns]
        return cls(queue=queue, table=table, mapped=mapped, update_only=table.lacks("INSERT", added))

    def is_filled_by_trigger(self, column: str) -> bool:
        """Whether a BEFORE INSERT trigger may fill the column: it is not mapped, and the table has such a trigger."""
        return column not in self.mapped.columns.values() and self.table.has_row_trigger()

    def values(self, trigger: str, status: str) -> Mapping[Any, Any]:
        """The row in its final state: what a later update fills is set at once where our role may insert it."""
        row = self._row(trigger)
        error = None if status in ("sent", "approved") else f"{OURS}trial run {row.intent}"
        values: dict[Any, Any] = {**columns_of(self.queue, row, status=status, error=error)}
        added = {"provider_id": f"SM{'0' * 32}", "sent_at": row.at} if status == "sent" else {}
        for ours, value in added.items():
            if ours in self.queue.c and self.mapped.columns[ours] not in self.update_only:
                values[self.queue.c[ours]] = value
        return values

    def _row(self, trigger: str) -> TextRecord:
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
        return TextRecord(
            id=str(uuid.uuid4()),
            intent=IntentId(str(uuid.uuid4())),
            booking=nonexistent,
            draft=Draft(number=_NUMBER, body=_BODY, trigger=trigger, segments=1),
            template="reconciler",
            at=at,
        )
