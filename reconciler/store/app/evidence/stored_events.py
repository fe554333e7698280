"""``ports.StoredEvents``: read wherever they are shown, and written into the booking's column, if that is their place.

Where the ledger alone keeps them, nothing is written: the intent says it.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, and_, cast, func, literal, null, or_, select

from reconciler.domain.bookings import BookingId, StoredEvent
from reconciler.domain.decide.policies import Record
from reconciler.domain.gaps import Effect, GapKind
from reconciler.domain.intents import State
from reconciler.store.app import scan, writes
from reconciler.store.app.app_tables import is_filled
from reconciler.store.app.conditions import (
    AppTables,
    created_at,
    has_date,
    is_deleted,
    is_eligible,
    is_looked_after,
    stored_start,
)
from reconciler.store.app.due import SOURCE
from reconciler.store.app.evidence.shown import INTENTS, is_in_ledger
from reconciler.store.app.evidence.stored_event import event_rows, stored_event_id
from reconciler.store.app.mapping import one_of
from reconciler.store.app.values import times
from reconciler.store.app.values.filters import column_of


@dataclass(frozen=True, slots=True)
class PostgresStoredEvents:
    """Over one connection in one transaction."""

    connection: Connection
    with_ledger: Callable[[], tuple[AppTables, Mapping[str, object]]]
    """The tables, with our ledger where our role can read it, and what names our bookings in it."""

    def recent_event_ids(self, limit: int) -> Sequence[str]:
        tables, bound = self.with_ledger()
        return list(dict.fromkeys(islice(chain.from_iterable(self._recent(tables, bound, limit)), limit)))

    def names_event(self, event_id: str, besides: BookingId) -> bool:
        tables, _ = self.with_ledger()
        key, column = cast(tables.booking.c.id, Text), tables.booking.c.get("event_id")
        named = [select(literal(1)).where(column == event_id, key != besides)] if column is not None else []
        for one, rows in event_rows(tables):
            source = tables.booking.join(rows, rows.c.link == column_of(tables.booking, one.booking_column))
            named.append(select(literal(1)).select_from(source).where(rows.c.event_id == event_id, key != besides))
        return any(self.connection.execute(other.limit(1)).first() for other in named)

    def stored_events(self, bookings: Collection[BookingId]) -> Mapping[BookingId, StoredEvent]:
        tables, bound = self.with_ledger()
        row = tables.booking
        status = cast(row.c.status, Text)
        statement = select(
            cast(row.c.id, Text).label("id"),
            stored_event_id(tables).label("event_id"),
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
            for values in self.connection.execute(statement.where(one_of(row.c.id, some)), bound).mappings():
                said = dict(values)
                booking = BookingId(said.pop("id"))
                said["starts_at"] = times.instant(said["starts_at"], tables.application.zone)
                found[booking] = StoredEvent(**said)
        return found

    def try_store_event_id(self, booking: BookingId, seen: str | None, event_id: str, starts_at: datetime) -> None:
        trial = self.connection.begin_nested()
        self.store_event_id(booking, seen, event_id, starts_at)
        trial.rollback()

    def store_event_id(self, booking: BookingId, seen: str | None, event_id: str, starts_at: datetime) -> bool:
        tables, bound = self.with_ledger()
        row, start = tables.booking, stored_start(tables)
        local = self.connection.scalar(select(start).where(row.c.id == booking))
        if times.instant(local, tables.application.zone) != starts_at:
            return False
        only_if = (start == local, is_eligible(tables), tables.in_scope())
        if not _writes(tables):
            as_seen = or_(_is(stored_event_id(tables), seen), _is(stored_event_id(tables), event_id))
            statement = select(literal(1)).where(row.c.id == booking, as_seen, *only_if)
            return self.connection.execute(statement, bound).first() is not None
        stored = func.nullif(func.btrim(cast(row.c.event_id, Text)), "")
        values = {row.c.event_id: event_id}
        return writes.update_row(self.connection, row, booking, values, _is(stored, seen), *only_if) == 1

    def try_clear_event_id(self, booking: BookingId, event_id: str) -> None:
        trial = self.connection.begin_nested()
        self.clear_event_id(booking, event_id)
        trial.rollback()

    def clear_event_id(self, booking: BookingId, event_id: str) -> None:
        tables, _ = self.with_ledger()
        if not _writes(tables):
            return  # the intent whose effect is gone says it
        row = tables.booking
        named = func.btrim(cast(row.c.event_id, Text)) == event_id
        writes.update_row(self.connection, row, booking, {row.c.event_id: None}, named, tables.in_scope())

    def _recent(self, tables: AppTables, bound: Mapping[str, object], limit: int) -> Iterator[Sequence[str]]:
        booking, newest = tables.booking, tables.made.column.desc()
        if "event_id" in booking.c:
            stored = cast(booking.c.event_id, Text)
            own = select(stored).where(func.btrim(stored) != "", tables.in_scope()).order_by(newest)
            yield list(self.connection.scalars(own.limit(limit)))
        for one, rows in event_rows(tables):
            source = booking.join(rows, rows.c.link == column_of(booking, one.booking_column))
            shown = select(cast(rows.c.event_id, Text)).select_from(source)
            shown = shown.where(is_filled(rows.c.event_id), tables.in_scope()).order_by(newest)
            yield list(self.connection.scalars(shown.limit(limit)))
        if is_in_ledger(tables, Effect.CALENDAR):
            intent = INTENTS.c
            about = and_(intent.tenant == "", or_(intent.source == SOURCE, intent.any_source))
            done = and_(intent.effect == Effect.CALENDAR.value, intent.state == State.DONE.value, ~intent.effect_gone)
            made = select(intent.provider_id).where(about, done).order_by(intent.updated_at.desc()).limit(limit)
            yield list(self.connection.scalars(made, bound))


def _writes(tables: AppTables) -> bool:
    return tables.application.records[Effect.CALENDAR] is Record.COLUMN


def _is(stored: ColumnElement[Any], value: str | None) -> ColumnElement[bool]:
    return stored.is_not_distinct_from(value if value else null())
