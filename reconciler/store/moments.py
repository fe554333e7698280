"""``ports.DueMoments`` over PostgreSQL: since when each booking calls for what a rule is about."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from sqlalchemy import ColumnElement, Connection, Table, Text, and_, cast, delete, func, literal, or_, select, text
from sqlalchemy.dialects.postgresql import insert

from reconciler.domain.bookings import Booking, BookingId, DueBasis
from reconciler.domain.decide.plan import EVERYTHING
from reconciler.domain.gaps import Effect, GapKind
from reconciler.domain.intents import EVENT_TRIGGER
from reconciler.domain.rules.registry import rule_of
from reconciler.ports import Runner
from reconciler.store.app import due
from reconciler.store.app.app_tables import NOW, AppTables, exists_row
from reconciler.store.app.conditions import is_eligible, may_be_to_come, within
from reconciler.store.app.counts.parts import read_in_parts
from reconciler.store.app.evidence.shown import is_in_ledger
from reconciler.store.app.values.times import LOCAL_NOW, civil
from reconciler.store.ledger.runs import PLACE
from reconciler.store.ledger.sources import SourceKey

# Without the privilege to see the schema, our role treats it as absent.
_READABLE = text("""
    SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                   WHERE n.nspname = 'reconciler' AND c.relname = 'due'
                     AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'))
""")
_WATCHED = text(f"""
    SELECT EXISTS (SELECT FROM reconciler.run
                   WHERE job = :job AND scope = :scope AND full_scan AND finished_at IS NOT NULL
                     AND watched = :occasions || {PLACE}
                     AND started_at >= coalesce((SELECT caution_since FROM reconciler.installation), '-infinity'))
""")
_FULL_SCAN_BEFORE = text(f"""
    SELECT max(started_at) FROM reconciler.run
    WHERE job = :job AND scope = :scope AND full_scan AND finished_at < :due_at AND watched = :occasions || {PLACE}
""")
_RECENT = text("""
    SELECT booking FROM reconciler.due
    WHERE tenant = '' AND source = :source AND occasion = ANY(:occasions) AND due_at >= :since
""")


_ANALYZE = text("ANALYZE reconciler.due")
MANY = 100
"""New moments at once that make the planner's statistics wrong."""
ABSENT_KEPT = timedelta(days=400)
"""How long the moments of a booking stay whose row is absent."""


@lru_cache(maxsize=16)
def _with_moments(tables: AppTables) -> AppTables:
    """Built once: SQLAlchemy caches a statement's SQL per table object."""
    return replace(tables, moments=due.MOMENTS)


_LONG_AGO = datetime(1900, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class PostgresMoments:
    """``ports.DueMoments`` over one connection in one transaction."""

    connection: Connection
    mapped: AppTables
    runner: Runner
    source_key: SourceKey
    _readable: bool | None = field(default=None, init=False)
    _watched: dict[GapKind, bool] = field(default_factory=dict, init=False)

    @property
    def tables(self) -> AppTables:
        """The application's tables, with our moments where our role can read them."""
        if self._readable is None:
            self._readable = bool(self.connection.scalar(_READABLE))
        return _with_moments(self.mapped) if self._readable else self.mapped

    def values(
        self, kind: GapKind, now: datetime, since: datetime, window: datetime | None = None
    ) -> dict[str, object]:
        """What the conditions of a rule compare with."""
        local_now = civil(now, self.mapped.application.zone)
        values: dict[str, object] = {"now": now, LOCAL_NOW: local_now, "since": since, "window": window or since}
        if self.tables.moments is not None and due.is_stored(self.tables, kind):
            values |= {"watched": self.is_watched(kind)} | self._named()
        return values | self._named() if self._asks_ledger() else values

    def with_ledger(self) -> tuple[AppTables, Mapping[str, object]]:
        """The tables, and what names our bookings in our ledger where they are asked about it."""
        return self.tables, self._named() if self._asks_ledger() else {}

    def _named(self) -> dict[str, object]:
        return {"source": self.source_key.of(self.connection)}

    def _asks_ledger(self) -> bool:
        return any(is_in_ledger(self.tables, effect) for effect in Effect)

    def is_watched(self, kind: GapKind) -> bool:
        if not due.is_stored(self.tables, kind):
            return True
        if self.tables.moments is None:
            return False
        if kind not in self._watched:
            asked = {"job": rule_of(kind).job, "scope": self.runner.scope, "occasions": self.runner.occasions}
            self._watched[kind] = bool(self.connection.scalar(_WATCHED, asked))
        return self._watched[kind]

    def recent(self, kind: GapKind, since: datetime) -> Collection[BookingId]:
        if self.tables.moments is None or not due.is_stored(self.tables, kind):
            return ()
        asked = {"source": self.source_key.of(self.connection), "occasions": self._occasions(kind), "since": since}
        return [BookingId(found) for found in self.connection.scalars(_RECENT, asked)]

    def not_yet_due(self, kind: GapKind, booking: Booking) -> datetime:
        basis = booking.due.basis if booking.due else DueBasis.CREATED
        if basis in (DueBasis.CREATED, DueBasis.MAPPED):
            return booking.due_at
        asked = {"job": rule_of(kind).job, "scope": self.runner.scope, "occasions": self.runner.occasions}
        scanned = self.connection.scalar(_FULL_SCAN_BEFORE, asked | {"due_at": booking.due_at})
        return max(booking.created_at, scanned) if scanned else booking.created_at

    def note(self, kind: GapKind, now: datetime, window: datetime | None, parts: int = 1) -> None:
        tables = self.tables
        if tables.moments is None or not due.is_stored(tables, kind):
            return
        moments, values = tables.moments, self.values(kind, now, _LONG_AGO, window)
        calling = [is_eligible(tables), may_be_to_come(tables, NOW), tables.in_scope()]
        calling += [~due.begins_with_booking(tables, kind)]
        calling += [] if window is None else [within(kind, tables, EVERYTHING)]
        wanted = (
            select(
                literal("").label("tenant"),
                due.SOURCE.label("source"),
                cast(tables.booking.c.id, Text).label("booking"),
                due.occasion_of(tables, kind).label("occasion"),
                due.due_at(tables, kind).label("due_at"),
            )
            .select_from(due.from_clause(tables, kind))
            .where(*calling, due.occasion_of(tables, kind).is_not(None))
        )
        invalid = delete(moments).where(due.is_stored_for(tables, kind), *calling, due.is_invalid(tables))
        # In one order, so that two processes never wait for each other.
        new = wanted.where(moments.c.due_at.is_(None)).order_by(cast(tables.booking.c.id, Text))
        names = [column.name for column in moments.c]
        wrong = or_(moments.c.due_at.is_(None), due.is_invalid(tables))
        incomplete = wanted.where(wrong).with_only_columns(func.count())

        def correct(part: ColumnElement[bool]) -> int:
            # In most passes nothing is to be written: one read says so, in place of two.
            if window is not None and not self.connection.scalar(incomplete.where(part), values):
                return 0
            self.connection.execute(invalid.where(part), values)
            adding = insert(moments).from_select(names, new.where(part)).on_conflict_do_nothing()
            return self.connection.execute(adding, values, execution_options={"preserve_rowcount": True}).rowcount

        added = sum(read_in_parts(self.connection, tables, correct, parts).found)
        if added > MANY:
            # Until autovacuum comes, the planner takes the table for empty, and the next pass reads all of it for each
            # booking. A role that does not own the table gets a warning from PostgreSQL and waits for autovacuum.
            self.connection.execute(_ANALYZE)
        if window is None:
            self._forget(tables, moments, now, values, parts)

    def _forget(
        self, tables: AppTables, moments: Table, now: datetime, values: Mapping[str, object], parts: int
    ) -> None:
        """Delete the moments of bookings that are over, and those of rows that have been absent for long.

        A row that is absent may come back: an emptied table is restored.
        """
        own = and_(moments.c.tenant == "", moments.c.source == due.SOURCE)
        same = moments.c.booking == cast(tables.booking.c.id, Text)
        over = and_(same, tables.in_scope(), ~may_be_to_come(tables, NOW))

        def forget(part: ColumnElement[bool]) -> None:
            self.connection.execute(delete(moments).where(own, over, part), values)

        read_in_parts(self.connection, tables, forget, parts)
        absent = ~exists_row(same)
        self.connection.execute(delete(moments).where(own, moments.c.due_at < now - ABSENT_KEPT, absent), values)

    def _occasions(self, kind: GapKind) -> list[str]:
        texts = {text.trigger for text in self.mapped.application.occasions.values()}
        return [EVENT_TRIGGER] if rule_of(kind).effect is Effect.CALENDAR else sorted(texts)
