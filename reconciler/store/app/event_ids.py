"""The ids of calendar events in the bookings' rows: read, stored by compare-and-set, and taken out."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, Text, cast, func, literal, null, select

from reconciler.domain.bookings import BookingId, StoredEvent
from reconciler.domain.gaps import GapKind
from reconciler.store.app import scan, writes
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
from reconciler.store.app.values import times


def stored_events(
    connection: Connection, tables: AppTables, bookings: Collection[BookingId]
) -> Mapping[BookingId, StoredEvent]:
    """What the rows of these bookings say about their events. A booking that no longer exists is absent."""
    row = tables.booking
    status = cast(row.c.status, Text)
    statement = select(
        cast(row.c.id, Text).label("id"),
        func.nullif(func.btrim(cast(row.c.event_id, Text)), "").label("event_id"),
        is_eligible(tables).label("eligible"),
        stored_start(tables).label("starts_at"),
        created_at(tables).label("created_at"),
        func.coalesce(status.in_(tables.application.cancelled), False).label("cancelled"),
        is_deleted(tables).label("deleted"),
        has_date(tables).label("has_date"),
        is_looked_after(GapKind.CALENDAR_MISSING, tables).label("in_scope"),
    )
    found = {}
    for some in scan.chunks(sorted(bookings)):
        for values in connection.execute(statement.where(one_of(row.c.id, some))).mappings():
            said = dict(values)
            booking = BookingId(said.pop("id"))
            said["starts_at"] = times.instant(said["starts_at"], tables.application.zone)
            found[booking] = StoredEvent(**said)
    return found


def recent_event_ids(connection: Connection, tables: AppTables, limit: int) -> Sequence[str]:
    booking = tables.booking
    stored = cast(booking.c.event_id, Text)
    statement = select(stored).where(func.btrim(stored) != "", tables.in_scope())
    return list(connection.scalars(statement.order_by(tables.made.column.desc()).limit(limit)))


def is_named(connection: Connection, tables: AppTables, event_id: str, besides: BookingId) -> bool:
    """Whether another booking names the event."""
    booking = tables.booking
    other = select(literal(1)).where(booking.c.event_id == event_id, cast(booking.c.id, Text) != besides).limit(1)
    return connection.execute(other).first() is not None


def clear(connection: Connection, tables: AppTables, booking: BookingId, event_id: str) -> None:
    row = tables.booking
    named = func.btrim(cast(row.c.event_id, Text)) == event_id
    writes.update_row(connection, row, booking, {row.c.event_id: None}, named, tables.in_scope())


def store(
    connection: Connection,
    tables: AppTables,
    booking: BookingId,
    seen: str | None,
    event_id: str,
    starts_at: datetime,
) -> bool:
    """Store the id if the row still says what was seen, and the booking still starts then."""
    row, start = tables.booking, stored_start(tables)
    local = connection.scalar(select(start).where(row.c.id == booking))
    if times.instant(local, tables.application.zone) != starts_at:
        return False
    stored = func.nullif(func.btrim(cast(row.c.event_id, Text)), "")
    is_as_seen = stored.is_not_distinct_from(seen if seen else null())
    only_if = (is_as_seen, start == local, is_eligible(tables), tables.in_scope())
    return writes.update_row(connection, row, booking, {row.c.event_id: event_id}, *only_if) == 1
