"""The application's tables as the engine meets them: read, locked, and written in exactly three places."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Text, cast, select

from reconciler.domain.bookings import Booking, BookingId
from reconciler.domain.decide.breaker import Demand
from reconciler.domain.decide.plan import EVERYTHING, BookingRange, ScanRows
from reconciler.domain.decide.verdicts import Condition, Finding
from reconciler.domain.doctor import CheckResult, Note
from reconciler.domain.explain.remediation import Constraint, RequiredChange
from reconciler.domain.gaps import Effect, GapKind, IntegrationFault
from reconciler.ports import Lock
from reconciler.store.app import booking_lock, conditions, recipients, references, scan
from reconciler.store.app.conditions import AppTables
from reconciler.store.app.counts import demand
from reconciler.store.app.evidence import number_key
from reconciler.store.app.explain import booking_facts, remediation
from reconciler.store.moments import PostgresMoments
from reconciler.store.schema import checks, requirements, warnings, zone_rules
from reconciler.store.schema.catalog import CatalogTable
from reconciler.store.schema.columns.codes import code_faults, code_notes
from reconciler.store.schema.encoding import encoding_faults
from reconciler.store.schema.trials import writes


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
        return writes.TRIAL_WRITES[effect](self.connection, self.tables)

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

    def refusing_numbers(self, tails: frozenset[str]) -> Sequence[tuple[str, str]]:
        statement = recipients.refusing(self.tables)
        if statement is None or not tails:
            return []
        rows = self.connection.execute(statement, number_key.values(tails))
        return [(customer, number) for customer, *numbers in rows for number in numbers if number]

    @property
    def has_codes(self) -> bool:
        return references.has_codes(self.tables)

    def references_of(self, bookings: Collection[BookingId]) -> Mapping[BookingId, str]:
        return references.of_bookings(self.connection, self.tables, bookings)

    def shares_reference(self, booking: BookingId) -> bool:
        return references.is_shared(self.connection, self.tables, booking)

    def lock(self, booking: BookingId, effect: Effect) -> Lock:
        return booking_lock.lock(self.connection, self.tables, booking, effect)

    def with_references(self, written: Collection[str]) -> Sequence[BookingId]:
        return references.with_references(self.connection, self.tables, written, has_uuids=self._has_uuids())

    def oldest(self, limit: int) -> Mapping[BookingId, datetime]:
        booking = self.tables.booking
        made = conditions.created_at(self.tables).label("made")
        statement = select(cast(booking.c.id, Text), made).where(
            self.tables.made.column.is_not(None), self.tables.in_scope()
        )
        rows = self.connection.execute(statement.order_by(self.tables.made.column).limit(limit))
        return {BookingId(key): at for key, at in rows}
