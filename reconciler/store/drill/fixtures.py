"""Rows for a fire drill: a booking with one gap and nothing else wrong, in the copies of the application's tables.

Each row obeys the copy's own CHECKs as far as they are about one column: of a column that takes only some words, one
of them is written, or NULL.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from reconciler.domain.bookings import BookingId
from reconciler.domain.drill import DrillFixture, rule_of
from reconciler.domain.gaps import GapKind
from reconciler.store.app.conditions import QUEUED_STATUSES, SENT_STATUSES
from reconciler.store.app.mapping import AppMapping, MappedTable
from reconciler.store.schema import privileges
from reconciler.store.schema.catalog import CatalogTable
from reconciler.store.schema.unused_ids import unused_id

MARGIN = timedelta(minutes=1)
"""Beyond every limit that makes a gap of it."""
NAME, FIRST_NAME = "Fire Drill", "Fire"
ELSEWHERE = "+447700900998"
"""The number of texts that are there already: none of them counts for the one that is missing."""


@dataclass(frozen=True, slots=True)
class FixtureWriter:
    """Plants in ``application``'s tables, which are copies; ``now`` is the drill's."""

    connection: Connection
    application: AppMapping
    now: datetime

    def plant(self, seed: DrillFixture) -> BookingId:
        """Make the booking; its id."""
        customer = self._customer(seed)
        bookings = _Copy.of(self.connection, self.application.bookings)
        booking = bookings.new_id()
        bookings.insert(
            {
                "id": booking,
                "status": self.application.statuses[0],
                "created_at": self.now - self.application.grace - MARGIN,
                "date": self.now.astimezone(self.application.zone).date() + timedelta(days=seed.days),
                "start_time": "19:30",
                "end_time": "23:00",
                "end_next_day": False,
                "name": NAME,
                "first_name": bookings.fitting("first_name", (FIRST_NAME,)),
                "event_id": seed.event_id,
                "customer_id": customer,
                "phone": seed.number,
                "date_tbd": False,
                "guests": bookings.fitting("guests", ("2",)),
                "occasion": bookings.fitting("occasion", (NAME,)),
            },
            {**self.application.only, **self.application.rule_filters.get(rule_of(seed.kind), {})},
        )
        if seed.kind is not GapKind.SMS_MISSING and self.application.queue:
            self._text(seed.kind, booking, self.application.queue)
        return BookingId(booking)

    def _customer(self, seed: DrillFixture) -> str | None:
        mapped = self.application.customers
        if mapped is None or "customer_id" not in self.application.bookings.columns:
            return None
        customers = _Copy.of(self.connection, mapped)
        customer = customers.new_id()
        customers.insert(
            {
                "id": customer,
                "mobile_e164": seed.number,
                "mobile_number": seed.number,
                "opt_in": True,
                "status": self.application.active_customer,
            }
        )
        return customer

    def _text(self, kind: GapKind, booking: str, mapped: MappedTable) -> None:
        queue = _Copy.of(self.connection, mapped)
        watch = self.application.watches.get(kind)
        at = self.now - watch.after - MARGIN if watch else self.now
        statuses = QUEUED_STATUSES if kind is GapKind.SMS_STUCK else SENT_STATUSES
        unproven = "" if queue.wants("provider_id") else None
        queue.insert(
            {
                "id": queue.new_id(),
                "booking_id": booking,
                "trigger": queue.fitting("trigger", self.application.triggers) or NAME,
                "template": NAME,
                "scheduled_for": at,
                "body": NAME,
                "customer_phone": ELSEWHERE,
                "recipient_phone": ELSEWHERE,
                "customer_name": NAME,
                "status": queue.fitting("status", statuses) or statuses[0],
                "sent_at": None if kind is GapKind.SMS_STUCK else at,
                "created_at": at,
                "provider_id": unproven if watch else f"SM{uuid.uuid4().hex}",
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Copy:
    """One copy, by our names."""

    mapped: MappedTable
    seen: CatalogTable

    @classmethod
    def of(cls, connection: Connection, mapped: MappedTable) -> "_Copy":
        seen = CatalogTable.find(connection, mapped)
        assert seen is not None, "copies are looked at before anything is planted"
        return cls(mapped=mapped, seen=seen)

    def new_id(self) -> str:
        """One that no real row is likely to have, and of which no two begin alike."""
        column = self.seen.columns[self.mapped.columns["id"]]
        return str(unused_id(column))

    def wants(self, ours: str) -> bool:
        return self.seen.columns[self.mapped.columns[ours]].required

    def fitting(self, ours: str, words: Iterable[str]) -> str | None:
        """The first of ``words`` that the column takes; ``None``: none of them, or there is no such column."""
        column = self.seen.columns.get(self.mapped.columns.get(ours, ""))
        if column is None:
            return None
        return next((word for word in words if not self.seen.forbids(column.name, [word])), None)

    def insert(self, row: Mapping[str, Any], extra: Mapping[str, Any] | None = None) -> None:
        """``row`` by our names, ``extra`` by theirs; what has no column here is left out."""
        values = {self.mapped.columns[ours]: value for ours, value in row.items() if ours in self.mapped.columns}
        values |= extra or {}
        bound = {f"v{number}": value for number, value in enumerate(values.values())}
        columns = ", ".join(privileges.quoted(name).replace(":", r"\:") for name in values)
        table = self.seen.quoted.replace(":", r"\:")
        places = ", ".join(f":{name}" for name in bound)
        self.seen.connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({places})"), bound)
