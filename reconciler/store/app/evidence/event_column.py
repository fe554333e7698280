"""``ports.StoredEvents`` over a column of the bookings: read, stored by compare-and-set, and taken out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Text, cast, func, literal, null, select

from reconciler.domain.bookings import BookingId, StoredEvent
from reconciler.domain.gaps import GapKind
from reconciler.store.app import scan, times, writes
from reconciler.store.app.conditions import (
    AppTables,
    created_at,
    has_date,
    is_deleted,
    is_eligible,
    is_looked_after,
    stored_start,
)
from reconciler.store.app.mapping import one_of


@dataclass(frozen=True, slots=True)
class EventColumn:
    """Over one connection in one transaction."""

    connection: Connection
    tables: AppTables

    def recent_event_ids(self, limit: int) -> Sequence[str]:
        booking = self.tables.booking
        stored = cast(booking.c.event_id, Text)
        statement = select(stored).where(func.btrim(stored) != "", self.tables.in_scope())
        return list(self.connection.scalars(statement.order_by(self.tables.made.column.desc()).limit(limit)))

    def names_event(self, event_id: str, besides: BookingId) -> bool:
        booking = self.tables.booking
        other = select(literal(1)).where(booking.c.event_id == event_id, cast(booking.c.id, Text) != besides).limit(1)
        return self.connection.execute(other).first() is not None

    def stored_events(self, bookings: Collection[BookingId]) -> Mapping[BookingId, StoredEvent]:
        row = self.tables.booking
        status = cast(row.c.status, Text)
        statement = select(
            cast(row.c.id, Text).label("id"),
            func.nullif(func.btrim(cast(row.c.event_id, Text)), "").label("event_id"),
            is_eligible(self.tables).label("eligible"),
            stored_start(self.tables).label("starts_at"),
            created_at(self.tables).label("created_at"),
            func.coalesce(status.in_(self.tables.application.cancelled), False).label("cancelled"),
            is_deleted(self.tables).label("deleted"),
            has_date(self.tables).label("has_date"),
            is_looked_after(GapKind.CALENDAR_MISSING, self.tables).label("in_scope"),
        )
        found = {}
        for some in scan.chunks(sorted(bookings)):
            for values in self.connection.execute(statement.where(one_of(row.c.id, some))).mappings():
                said = dict(values)
                booking = BookingId(said.pop("id"))
                said["starts_at"] = times.instant(said["starts_at"], self.tables.application.zone)
                found[booking] = StoredEvent(**said)
        return found

    def try_store_event_id(self, booking: BookingId, seen: str | None, event_id: str, starts_at: datetime) -> None:
        trial = self.connection.begin_nested()
        self.store_event_id(booking, seen, event_id, starts_at)
        trial.rollback()

    def store_event_id(self, booking: BookingId, seen: str | None, event_id: str, starts_at: datetime) -> bool:
        row, start = self.tables.booking, stored_start(self.tables)
        local = self.connection.scalar(select(start).where(row.c.id == booking))
        if times.instant(local, self.tables.application.zone) != starts_at:
            return False
        stored = func.nullif(func.btrim(cast(row.c.event_id, Text)), "")
        is_as_seen = stored.is_not_distinct_from(seen if seen else null())
        only_if = (is_as_seen, start == local, is_eligible(self.tables), self.tables.in_scope())
        return writes.update_row(self.connection, row, booking, {row.c.event_id: event_id}, *only_if) == 1

    def try_clear_event_id(self, booking: BookingId, event_id: str) -> None:
        trial = self.connection.begin_nested()
        self.clear_event_id(booking, event_id)
        trial.rollback()

    def clear_event_id(self, booking: BookingId, event_id: str) -> None:
        row = self.tables.booking
        named = func.btrim(cast(row.c.event_id, Text)) == event_id
        writes.update_row(self.connection, row, booking, {row.c.event_id: None}, named, self.tables.in_scope())
