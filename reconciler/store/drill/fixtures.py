"""Rows for a fire drill: bookings with exactly one gap each, in the copies of the application's tables.

Each row satisfies the CHECKs of the copy that list the values of a single column: one of them is written, or NULL.
Where a column may be NULL and has another CHECK, NULL is written.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.policies import Record
from reconciler.domain.drill import DrillFixture
from reconciler.domain.gaps import Effect, GapKind
from reconciler.domain.rules.registry import rule_of
from reconciler.domain.rules.rule import PlantedText
from reconciler.store.app.mapping import TEXTED, AppMapping, MappedTable
from reconciler.store.drill.planted_rows import (
    NAME,
    PlantedRow,
    PlantedRows,
    fitting_word,
    harmless_word,
    plant_row,
    selected_by,
)
from reconciler.store.schema.catalog import CatalogTable, CatalogTables
from reconciler.store.schema.columns.types import INSTANT
from reconciler.store.schema.trials.unused_ids import unused_id

MARGIN = timedelta(minutes=1)
"""How far a row is past the limit that makes it a gap."""
LENGTH = timedelta(hours=3)
"""How long a planted booking takes."""
ELSEWHERE = "+447700900998"
"""The recipient of texts that exist already, so that none of them counts as the missing one."""


@dataclass(frozen=True, slots=True)
class FixtureWriter:
    """Writes into the tables of ``application``, which are copies. ``now`` is the drill's."""

    connection: Connection
    application: AppMapping
    now: datetime

    def plant(self, seed: DrillFixture) -> BookingId:
        """Insert the booking with its rows, and return its id."""
        customer = self._customer(seed)
        bookings = CopiedTable.of(self.connection, self.application.bookings)
        booking = bookings.new_id()
        own = bookings.named(
            {
                "id": booking,
                "status": self.application.statuses[0],
                **planted_times(self.application.zone, self.now, seed.days, self.now - self.application.grace - MARGIN),
                "event_id": seed.event_id,
                "customer_id": customer.values[customer.mapped.columns["id"]] if customer else None,
                "date_tbd": False,
                "guests": bookings.harmless("guests", "2"),
                "occasion": bookings.harmless("occasion", NAME),
            },
            {
                **selected_by(bookings.seen, self.application.where, self.now),
                **self.application.only,
                **self.application.rule_filters.get(rule_of(seed.gap.kind).kind, {}),
                **(self._mark(bookings) if seed.gap.text and self.application.queue is None else {}),
            },
        )
        rows = PlantedRows(
            PlantedRow(self.application.bookings, own), [customer] if customer else [], CatalogTables(self.connection)
        )
        rows.join(self.application, self.now)
        rows.fill(self.application, seed.number)
        rows.insert(self.connection)
        if seed.gap.text and self.application.queue:
            self._text(seed.gap.kind, seed.gap.text, booking, self.application.queue)
        return BookingId(booking)

    def _mark(self, bookings: "CopiedTable") -> dict[str, Any]:
        """What says in the booking's row that its text was sent."""
        if self.application.records[Effect.SMS] is not Record.COLUMN:
            return {}
        name = self.application.bookings.columns[TEXTED]
        return {name: self.now if bookings.seen.columns[name].type == INSTANT else "1"}

    def _customer(self, seed: DrillFixture) -> PlantedRow | None:
        mapped = self.application.customers
        if mapped is None or "customer_id" not in self.application.bookings.columns:
            return None
        customers = CopiedTable.of(self.connection, mapped)
        row = customers.named(
            {
                "id": customers.new_id(),
                "mobile_e164": seed.number,
                "mobile_number": seed.number,
                "opt_in": True,
                "status": self.application.active_customer,
            }
        )
        return PlantedRow(mapped, row)

    def _triggers(self) -> Iterable[str]:
        """That of the text which a planted booking calls for, then all others that we write."""
        occasion = self.application.occasions.get(self.application.statuses[0])
        return (*([occasion.trigger] if occasion else []), *self.application.triggers)

    def _text(self, kind: GapKind, planted: PlantedText, booking: str, mapped: MappedTable) -> None:
        queue = CopiedTable.of(self.connection, mapped)
        after = self.application.report_after.get(kind)
        at = self.now if after is None else self.now - after - MARGIN
        no_proof = "" if queue.requires("provider_id") else None
        row = queue.named(
            {
                "id": queue.new_id(),
                "booking_id": booking,
                "trigger": queue.fitting("trigger", self._triggers()) or NAME,
                "template": NAME,
                "scheduled_for": at,
                "body": NAME,
                "customer_phone": ELSEWHERE,
                "recipient_phone": ELSEWHERE,
                "customer_name": NAME,
                "status": queue.fitting("status", planted.statuses) or planted.statuses[0],
                "sent_at": at if planted.is_sent else None,
                "created_at": at,
                "provider_id": f"SM{uuid.uuid4().hex}" if planted.has_proof else no_proof,
            }
        )
        plant_row(self.connection, queue.seen, row)


def planted_times(zone: ZoneInfo, now: datetime, days: int, made: datetime) -> dict[str, Any]:
    """The evening of a party in so many days, and when it was booked, in every form that a column may have."""
    day = now.astimezone(zone).date() + timedelta(days=days)
    start = datetime.combine(day, time(19, 30), tzinfo=zone)
    values: dict[str, Any] = {
        "date": day, "start_time": "19:30", "end_date": day, "end_time": "22:30", "end_next_day": False,
        "length_minutes": 180, "length_hours": 3, "length": LENGTH,
    }  # fmt: skip
    for key, at in {"starts": start, "ends": start + LENGTH, "created": made}.items():
        civil = at.astimezone(zone).replace(tzinfo=None)
        values |= {f"{key}_at": at, f"{key}_utc": at.astimezone(UTC).replace(tzinfo=None), f"{key}_local": civil}
        values |= {f"{key}_date": civil.date(), f"{key}_time": civil.time()} if key == "created" else {}
    return values


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedTable:
    """The copy of one table, with our column names."""

    mapped: MappedTable
    seen: CatalogTable

    @classmethod
    def of(cls, connection: Connection, mapped: MappedTable) -> "CopiedTable":
        seen = CatalogTable.find(connection, mapped)
        assert seen is not None, "the copies are checked before anything is planted"
        return cls(mapped=mapped, seen=seen)

    def new_id(self) -> str:
        """An id that no real row is likely to have. No two of them have the same beginning."""
        column = self.seen.columns[self.mapped.columns["id"]]
        return str(unused_id(column))

    def requires(self, ours: str) -> bool:
        return self.seen.columns[self.mapped.columns[ours]].required

    def fitting(self, ours: str, words: Iterable[str]) -> str | None:
        """The first of ``words`` that the column accepts; ``None`` if it accepts none, or does not exist."""
        return fitting_word(self.seen, self.mapped.columns.get(ours, ""), words)

    def harmless(self, ours: str, word: str) -> str | None:
        """The word; ``None`` if the column may be NULL and has a CHECK that lists no values: it may reject the word."""
        return harmless_word(self.seen, self.mapped.columns.get(ours, ""), (word,))

    def named(self, row: Mapping[str, Any], extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The row by their names, with ``extra``, which has them already. Values without a column are left out."""
        values = {self.mapped.columns[ours]: value for ours, value in row.items() if ours in self.mapped.columns}
        return values | dict(extra or {})
