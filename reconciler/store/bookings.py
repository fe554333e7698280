"""The application's tables as the engine meets them: read, locked, and written in exactly three places."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Text, cast, func, or_, select

from reconciler.domain.bookings import Booking, BookingId, StoredEvent
from reconciler.domain.decide.breaker import Demand
from reconciler.domain.decide.plan import EVERYTHING, BookingRange, ScanRows
from reconciler.domain.decide.verdicts import Condition, Finding
from reconciler.domain.doctor import CheckResult, Note
from reconciler.domain.explain.queued_text import QueuedText
from reconciler.domain.explain.remediation import Constraint, RequiredChange
from reconciler.domain.gaps import Effect, GapKind, IntegrationFault
from reconciler.domain.own_rows import MAY_HAVE_LEFT, error_in_flight, intent_named
from reconciler.ports import Lock, OwnQueueRow, QueueRow
from reconciler.store.app import booking_lock, conditions, event_ids, recipients, references, scan, writes
from reconciler.store.app.conditions import OURS, AppTables
from reconciler.store.app.counts import demand
from reconciler.store.app.explain import booking_facts, remediation
from reconciler.store.app.mapping import one_of
from reconciler.store.app.queue_rows import columns_of, number_of
from reconciler.store.moments import PostgresMoments
from reconciler.store.schema import checks, requirements, trial_writes, warnings, zone_rules
from reconciler.store.schema.booking_codes import code_faults, code_notes
from reconciler.store.schema.catalog import CatalogTable
from reconciler.store.schema.encoding import encoding_faults


@dataclass(frozen=True, slots=True)
class PostgresBookings:
    """``ports.Bookings`` over one connection in one transaction."""

    connection: Connection
    tables: AppTables
    moments: PostgresMoments

    def effect_faults(self, effect: Effect, *, writing: bool) -> Sequence[IntegrationFault]:
        found = checks.faults(self.connection, requirements.of_effect(self.tables.application, effect), writing=writing)
        if not any(fault.blinds for fault in found):
            found = [*found, *code_faults(self.connection, self.tables)]
        if effect is not Effect.SMS or not writing:
            return found
        return [*found, *encoding_faults(self.connection, self.tables.application.wording)]

    def read_faults(self, kind: GapKind) -> Sequence[IntegrationFault]:
        return checks.faults(self.connection, requirements.of_report_only(self.tables.application, kind), writing=False)

    def try_writes(self, effect: Effect) -> CheckResult:
        return trial_writes.TRIAL_WRITES[effect](self.connection, self.tables)

    def zone_faults(self, now: datetime) -> Sequence[IntegrationFault]:
        return zone_rules.zone_faults(self.connection, self.tables.application.zone, now)

    def notes(self) -> Sequence[Note]:
        found = warnings.schema_notes(self.connection, self.tables.application)
        return [*found, *code_notes(self.connection, self.tables)]

    def scan(
        self,
        kind: GapKind,
        now: datetime,
        since: datetime,
        span: BookingRange = EVERYTHING,
        window: datetime | None = None,
        parts: int = 1,
    ) -> ScanRows:
        values = self.moments.values(kind, now, since, window)
        return scan.scan_rows(self.connection, self.moments.tables, kind, values, span, parts)

    def in_full(self, kind: GapKind, now: datetime, bookings: Sequence[BookingId]) -> Sequence[Booking]:
        values = self.moments.values(kind, now, now)
        return scan.in_full(self.connection, self.moments.tables, kind, values, bookings)

    def demand(self, kind: GapKind, now: datetime, days: int, parts: int = 1) -> Demand:
        values = self.moments.values(kind, now, now)
        seen_due = self.moments.recent(kind, now - timedelta(days=days))
        return demand.recent_demand(self.connection, self.moments.tables, kind, values, now, days, seen_due, parts)

    def past(self, kind: GapKind, now: datetime, since: datetime, span: BookingRange, parts: int = 1) -> int:
        values = self.moments.values(kind, now, since)
        return scan.past(self.connection, self.moments.tables, kind, values, span, parts)

    def beginning_with(self, prefix: str, limit: int) -> Sequence[BookingId]:
        uuids = self._has_uuids()
        return references.beginning_with(self.connection, self.tables, prefix, limit, has_uuids=uuids)

    def _has_uuids(self) -> bool:
        mapped = self.tables.application.bookings
        table = CatalogTable.find(self.connection, mapped)
        own = table.columns.get(mapped.columns["id"]) if table else None
        return own is not None and own.type == "uuid"

    def findings(
        self,
        kind: GapKind,
        now: datetime,
        since: datetime,
        bookings: Collection[BookingId],
        window: datetime | None = None,
    ) -> Mapping[BookingId, Finding]:
        values = self.moments.values(kind, now, since, window)
        return scan.findings(self.connection, self.moments.tables, kind, values, bookings)

    def conditions(self, kind: GapKind, now: datetime, since: datetime, booking: BookingId) -> Mapping[Condition, bool]:
        values = self.moments.values(kind, now, since)
        return booking_facts.condition_results(self.connection, self.moments.tables, kind, values, booking)

    def required_changes(
        self, kind: GapKind, condition: Condition, now: datetime, since: datetime, booking: BookingId
    ) -> Sequence[RequiredChange]:
        values = self.moments.values(kind, now, since)
        return remediation.of_condition(self.connection, self.moments.tables, kind, condition, values, booking)

    def number_changes(self, booking: BookingId, wanted: Constraint) -> Sequence[RequiredChange]:
        return remediation.of_number(self.connection, self.tables, booking, wanted)

    def consent_changes(self, booking: BookingId, customers: Collection[str]) -> Sequence[RequiredChange]:
        return remediation.of_consent(self.connection, self.tables, booking, customers)

    def queued(self, booking: BookingId) -> Sequence[QueuedText]:
        return booking_facts.queued(self.connection, self.tables, booking)

    def refusing_numbers(self, tails: frozenset[str]) -> Sequence[tuple[str, str]]:
        statement = recipients.refusing(self.tables)
        if statement is None or not tails:
            return []
        rows = self.connection.execute(statement, recipients.values(tails))
        return [(customer, number) for customer, *numbers in rows for number in numbers if number]

    def texts_to(self, tails: frozenset[str], since: datetime) -> Sequence[tuple[str, datetime]]:
        statement = recipients.texted(self.tables)
        if statement is None or not tails:
            return []
        rows = self.connection.execute(statement, {**recipients.values(tails), "since": since})
        return [(number, at) for number, at in rows]

    def recent_event_ids(self, limit: int) -> Sequence[str]:
        return event_ids.recent_event_ids(self.connection, self.tables, limit)

    @property
    def has_codes(self) -> bool:
        return references.has_codes(self.tables)

    def references_of(self, bookings: Collection[BookingId]) -> Mapping[BookingId, str]:
        return references.of_bookings(self.connection, self.tables, bookings)

    def shares_reference(self, booking: BookingId) -> bool:
        return references.is_shared(self.connection, self.tables, booking)

    def names_event(self, event_id: str, besides: BookingId) -> bool:
        return event_ids.is_named(self.connection, self.tables, event_id, besides)

    def lock(self, booking: BookingId) -> Lock:
        return booking_lock.lock(self.connection, self.tables, booking)

    def queue_row(self, row_id: str) -> OwnQueueRow | None:
        queue = self._queue()
        body = func.coalesce(cast(queue.c.body, Text), "")
        statement = select(cast(queue.c.provider_id, Text), number_of(queue), body)
        found = self.connection.execute(statement.where(queue.c.id == row_id)).first()
        return OwnQueueRow(provider_id=found[0] or None, number=found[1], body=found[2]) if found else None

    def queue_names(self, provider_ids: Collection[str], besides: str) -> Mapping[str, frozenset[BookingId]]:
        if not provider_ids:
            return {}
        queue = self._queue()
        named, booking = cast(queue.c.provider_id, Text), cast(queue.c.booking_id, Text)
        statement = select(named, func.array_remove(func.array_agg(booking), None)).group_by(named)
        rows = self.connection.execute(statement.where(one_of(named, provider_ids), queue.c.id != besides))
        return {name: frozenset(bookings) for name, bookings in rows}

    def messages_sent(self, bookings: Collection[BookingId]) -> Mapping[tuple[BookingId, str], frozenset[str]]:
        queue = self._queue()
        booking, trigger, sid = (cast(queue.c[name], Text) for name in ("booking_id", "trigger", "provider_id"))
        leaves = func.coalesce(cast(queue.c.status, Text).not_in(conditions.NO_TEXT_STATUSES), True)
        statement = select(booking, trigger, func.array_agg(sid)).group_by(booking, trigger)
        found = {}
        for some in scan.chunks(sorted(bookings)):
            of_these = statement.where(one_of(queue.c.booking_id, some), leaves, func.btrim(sid) != "")
            found.update(
                {(BookingId(own), word): frozenset(sids) for own, word, sids in self.connection.execute(of_these)}
            )
        return found

    def own_rows_in_doubt(self, booking: BookingId) -> Mapping[str, str]:
        queue = self._queue()
        may_have_left = or_(*(queue.c.error.startswith(f"{OURS}{word} ") for word in MAY_HAVE_LEFT))
        statement = select(cast(queue.c.error, Text), number_of(queue))
        rows = self.connection.execute(statement.where(queue.c.booking_id == booking, may_have_left))
        named = [(intent_named(said), number) for said, number in rows]
        return {intent: number for intent, number in named if intent}

    def with_references(self, written: Collection[str]) -> Sequence[BookingId]:
        return references.with_references(self.connection, self.tables, written, has_uuids=self._has_uuids())

    def insert_queue_row(self, row: QueueRow) -> None:
        queue = self._queue()
        error = f"{OURS}{error_in_flight(row.intent)}"
        values = columns_of(queue, row, status=self.tables.application.in_flight, error=error)
        if writes.insert_row(self.connection, queue, values, or_nothing=True):
            writes.require_kept(self.connection, queue, row.id, values)
            return
        again = {queue.c[name]: values[queue.c[name]] for name in ("status", "error")}
        ours = queue.c.error.startswith(OURS)
        if not writes.update_row(self.connection, queue, row.id, again, ours, _changes(again)):
            writes.require_kept(self.connection, queue, row.id, {})

    def hand_over(self, row: QueueRow) -> None:
        queue = self._queue()
        values = columns_of(queue, row, status="approved", error=None)
        writes.insert_row(self.connection, queue, values)
        writes.require_kept(self.connection, queue, row.id, values)

    def try_mark_sent(self, row_id: str, at: datetime) -> None:
        trial = self.connection.begin_nested()
        self.mark_queue_row(row_id, status="sent", error=None, provider_id=f"SM{'0' * 32}", at=at)
        trial.rollback()

    def mark_queue_row(
        self, row_id: str, *, status: str | None, error: str | None, provider_id: str | None, at: datetime
    ) -> bool:
        queue = self._queue()
        written = {"status": status or self.tables.application.in_flight, "error": f"{OURS}{error}" if error else None}
        if provider_id:
            written["provider_id"] = provider_id
        values: dict[Any, Any] = {queue.c[name]: value for name, value in written.items()}
        if status == "sent" and "sent_at" in queue.c:
            values[queue.c.sent_at] = at
        ours = queue.c.error.startswith(OURS)
        return writes.update_row(self.connection, queue, row_id, values, ours, _changes(values)) == 1

    def stored_events(self, bookings: Collection[BookingId]) -> Mapping[BookingId, StoredEvent]:
        return event_ids.stored_events(self.connection, self.tables, bookings)

    def oldest(self, limit: int) -> Mapping[BookingId, datetime]:
        booking = self.tables.booking
        made = conditions.created_at(self.tables).label("made")
        statement = select(cast(booking.c.id, Text), made).where(
            self.tables.made.column.is_not(None), self.tables.in_scope()
        )
        rows = self.connection.execute(statement.order_by(self.tables.made.column).limit(limit))
        return {BookingId(key): at for key, at in rows}

    def try_clear_event_id(self, booking: BookingId, event_id: str) -> None:
        trial = self.connection.begin_nested()
        self.clear_event_id(booking, event_id)
        trial.rollback()

    def clear_event_id(self, booking: BookingId, event_id: str) -> None:
        event_ids.clear(self.connection, self.tables, booking, event_id)

    def try_store_event_id(self, booking: BookingId, seen: str | None, event_id: str, starts_at: datetime) -> None:
        trial = self.connection.begin_nested()
        self.store_event_id(booking, seen, event_id, starts_at)
        trial.rollback()

    def store_event_id(self, booking: BookingId, seen: str | None, event_id: str, starts_at: datetime) -> bool:
        return event_ids.store(self.connection, self.tables, booking, seen, event_id, starts_at)

    def _queue(self) -> Any:
        if self.tables.queue is None:
            raise ValueError("texts need the queue, and the mapping has none")
        return self.tables.queue


def _changes(values: Mapping[Any, Any]) -> Any:
    """True for a row that differs from ``values``: a second pass then writes nothing."""
    return or_(*(column.is_distinct_from(value) for column, value in values.items() if column.key != "sent_at"))
