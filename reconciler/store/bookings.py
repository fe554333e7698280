"""The application's tables as the engine meets them: read, locked, and written in exactly three places."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.errors import LockNotAvailable
from sqlalchemy import Column, Connection, Text, cast, exists, func, literal, null, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.exc import OperationalError

from reconciler.domain.bookings import BookingId, reference
from reconciler.domain.gaps import Effect, GapKind, IntegrationFault
from reconciler.domain.intents import Result
from reconciler.domain.plan import Look
from reconciler.domain.verdicts import Finding
from reconciler.ports import Lock, QueueRow, StoredEvent
from reconciler.store import checks, look
from reconciler.store.rules import OURS, Tables


@dataclass(frozen=True, slots=True)
class PostgresBookings:
    """``ports.Bookings`` over one connection in one transaction."""

    connection: Connection
    tables: Tables

    def faults(self, effect: Effect, *, writing: bool) -> Sequence[IntegrationFault]:
        return checks.faults(self.connection, self.tables.application, effect, writing=writing)

    def look(self, kind: GapKind, now: datetime, oldest: datetime) -> Look:
        return look.look(self.connection, self.tables, kind, now, oldest)

    def findings(
        self, kind: GapKind, now: datetime, oldest: datetime, bookings: Collection[BookingId]
    ) -> Mapping[BookingId, Finding]:
        return look.findings(self.connection, self.tables, kind, now, oldest, bookings)

    def opted_out(self, significant: Collection[str]) -> frozenset[str]:
        customer = self.tables.customer
        written = [
            customer.c[name] for name in ("mobile_e164", "mobile_number") if customer is not None and name in customer.c
        ]
        if customer is None or not significant or not written:
            return frozenset()
        asked = func.unnest(literal(sorted(significant), ARRAY(Text))).column_valued("asked")
        # Anywhere in what stands there: two numbers in one field, an extension, any prefix. When in doubt, no text.
        stands = or_(*(func.strpos(_digits(column), asked) > 0 for column in written))
        refusing = exists().where(look.refuses_texts(self.tables), stands)
        return frozenset(self.connection.scalars(select(asked).where(refusing)))

    def texts_since(self, spellings: Collection[str], since: datetime) -> Mapping[str, int]:
        queue = self.tables.queue
        if queue is None or not spellings:
            return {}
        when = [queue.c[name] for name in ("sent_at", "created_at") if name in queue.c]
        to = [queue.c[name] for name in ("recipient_phone", "customer_phone") if name in queue.c]
        if not when or not to:
            return {}
        filled = [func.nullif(func.btrim(cast(column, Text)), "") for column in to]
        sent = (
            select(_stripped(func.coalesce(*filled)).label("number"))
            .where(
                or_(cast(queue.c.status, Text) == "sent", queue.c.error.startswith(f"{OURS}{Result.UNKNOWN}")),
                func.coalesce(*when) >= since,
            )
            .subquery()
        )
        counted = select(sent.c.number, func.count()).where(sent.c.number.in_(sorted(spellings)))
        rows = self.connection.execute(counted.group_by(sent.c.number))
        return {row[0]: row[1] for row in rows}

    def recent_event_ids(self, limit: int) -> Sequence[str]:
        booking = self.tables.booking
        stored = cast(booking.c.event_id, Text)
        statement = select(stored).where(func.btrim(stored) != "", self.tables.mine())
        return list(self.connection.scalars(statement.order_by(booking.c.created_at.desc()).limit(limit)))

    def shares_reference(self, booking: BookingId) -> bool:
        key = cast(self.tables.booking.c.id, Text)
        other = select(literal(1)).where(key.startswith(reference(booking), autoescape=True), key != booking).limit(1)
        return self.connection.execute(other).first() is not None

    def names_event(self, event_id: str, besides: BookingId) -> bool:
        booking = self.tables.booking
        other = select(literal(1)).where(booking.c.event_id == event_id, cast(booking.c.id, Text) != besides).limit(1)
        return self.connection.execute(other).first() is not None

    def lock(self, booking: BookingId) -> Lock:
        row = self.tables.booking
        try:
            with self.connection.begin_nested():
                statement = select(row.c.id).where(row.c.id == booking).with_for_update(nowait=True)
                return Lock.HELD if self.connection.execute(statement).first() else Lock.GONE
        except OperationalError as error:
            if isinstance(error.orig, LockNotAvailable):
                return Lock.BUSY
            raise

    def insert_queue_row(self, row: QueueRow) -> None:
        queue = self._queue()
        values = {
            "id": row.id,
            "booking_id": row.booking.id,
            "trigger": row.draft.trigger,
            "template": row.template,
            "scheduled_for": row.at,
            "body": row.draft.body,
            "customer_phone": row.draft.number,
            "recipient_phone": row.draft.number,
            "customer_name": row.booking.name,
            "status": "failed",
            "error": f"{OURS}in flight {row.intent}",
            "created_at": row.at,
        }
        known: dict[Column[Any], Any] = {queue.c[name]: value for name, value in values.items() if name in queue.c}
        self.connection.execute(insert(queue).values(known).on_conflict_do_nothing(index_elements=[queue.c.id]))

    def rehearse_sent(self, row_id: str, at: datetime) -> None:
        trial = self.connection.begin_nested()
        self.mark_queue_row(row_id, status="sent", error=None, provider_id=f"SM{'0' * 32}", at=at)
        trial.rollback()

    def mark_queue_row(
        self, row_id: str, *, status: str, error: str | None, provider_id: str | None, at: datetime
    ) -> bool:
        queue = self._queue()
        written = {"status": status, "error": f"{OURS}{error}" if error else None}
        if provider_id:
            written["provider_id"] = provider_id
        values: dict[Any, Any] = {queue.c[name]: value for name, value in written.items()}
        if status == "sent" and "sent_at" in queue.c:
            values[queue.c.sent_at] = at
        ours = queue.c.error.startswith(OURS)
        statement = update(queue).values(values).where(queue.c.id == row_id, ours, _changes(values))
        return self.connection.execute(statement).rowcount == 1

    def stored_events(self, bookings: Collection[BookingId]) -> Mapping[BookingId, StoredEvent]:
        row = self.tables.booking
        eligible = func.coalesce(cast(row.c.status, Text).in_(self.tables.application.statuses), False)
        stored = func.nullif(func.btrim(cast(row.c.event_id, Text)), "")
        statement = select(cast(row.c.id, Text), stored, eligible)
        found = {}
        for some in look.chunks(sorted(bookings)):
            for key, event_id, is_eligible in self.connection.execute(statement.where(row.c.id.in_(some))):
                found[BookingId(key)] = StoredEvent(event_id=event_id, eligible=is_eligible)
        return found

    def rehearse_event_id(self, booking: BookingId, seen: str | None, event_id: str) -> None:
        trial = self.connection.begin_nested()
        self.store_event_id(booking, seen, event_id)
        trial.rollback()

    def store_event_id(self, booking: BookingId, seen: str | None, event_id: str) -> bool:
        row = self.tables.booking
        stored = func.nullif(func.btrim(cast(row.c.event_id, Text)), "")
        statement = (
            update(row)
            .values({row.c.event_id: event_id})
            .where(
                row.c.id == booking,
                stored.is_not_distinct_from(seen if seen else null()),
                cast(row.c.status, Text).in_(self.tables.application.statuses),
                self.tables.mine(),
            )
        )
        return self.connection.execute(statement).rowcount == 1

    def _queue(self) -> Any:
        if self.tables.queue is None:
            raise ValueError("texts need the queue, and the mapping has none")
        return self.tables.queue


def _changes(values: Mapping[Any, Any]) -> Any:
    """A row that says all this already is left alone: a second pass writes nothing."""
    return or_(*(column.is_distinct_from(value) for column, value in values.items() if column.key != "sent_at"))


def _digits(column: Any) -> Any:
    return func.regexp_replace(cast(column, Text), "[^0-9]", "", "g")


def _stripped(column: Any) -> Any:
    """Digits and plus signs only, as ``PhoneNumbers.spellings`` promises."""
    return func.regexp_replace(cast(column, Text), "[^0-9+]", "", "g")
