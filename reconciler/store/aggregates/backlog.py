"""``ports.BacklogBookings``: old bookings without those that the ledger has repaired or a person wrote off."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, column, func, select, text
from sqlalchemy import table as sql_table

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.backlog import BacklogCount, WrittenOff
from reconciler.domain.gaps import GapKind
from reconciler.domain.intents import State
from reconciler.domain.rules.registry import RULES, rule_of
from reconciler.store.app import scan
from reconciler.store.app.app_tables import exists_row
from reconciler.store.app.counts.backlog import broken_before
from reconciler.store.app.counts.hashed import hashed
from reconciler.store.app.counts.parts import read_in_parts
from reconciler.store.app.mapping import one_of
from reconciler.store.ledger.sources import SourceKey
from reconciler.store.moments import PostgresMoments

_WRITE_OFF = sql_table(
    "write_off", column("source"), column("kind"), column("booking"), column("undone_at"), schema="reconciler"
)
_INTENT = sql_table(
    "intent", column("source"), column("effect"), column("booking"), column("state"), schema="reconciler"
)
_STORED = text(
    "SELECT kind, number, since, counted_at FROM reconciler.backlog WHERE scope = :scope AND source = :source"
)
_FORGET = text("DELETE FROM reconciler.backlog WHERE scope = :scope AND source = :source")
_STORE = text("""
    INSERT INTO reconciler.backlog (scope, source, kind, number, since, counted_at)
    VALUES (:scope, :source, :kind, :number, :since, clock_timestamp())
    ON CONFLICT (scope, source, kind) DO UPDATE
    SET number = excluded.number, since = excluded.since, counted_at = excluded.counted_at
""")
_ADD = text("""
    INSERT INTO reconciler.write_off (scope, source, kind, booking, reason, written_by, written_at)
    SELECT :scope, :source, :kind, booking, :reason, :by, transaction_timestamp()
    FROM unnest(CAST(:bookings AS text[])) AS booking
    ON CONFLICT (booking, kind, source) WHERE undone_at IS NULL DO NOTHING
""")
_UNDO = text("""
    UPDATE reconciler.write_off
    SET undone_at = transaction_timestamp(), undone_by = :by, undone_reason = :reason
    WHERE scope = :scope AND source = :source AND undone_at IS NULL
      AND (CAST(:bookings AS text[]) IS NULL OR booking = ANY(CAST(:bookings AS text[])))
""")
_LIST = text("""
    SELECT kind, count(*) AS number, written_by AS by, reason, written_at AS at FROM reconciler.write_off
    WHERE scope = :scope AND source = :source AND undone_at IS NULL
    GROUP BY kind, written_by, reason, written_at ORDER BY written_at DESC, kind LIMIT :most
""")


@dataclass(frozen=True, slots=True)
class PostgresBacklog:
    """``ports.BacklogBookings`` over one connection in one transaction."""

    connection: Connection
    scope: str
    source_key: SourceKey
    moments: PostgresMoments

    def count(self, kinds: Collection[GapKind], now: datetime, since: datetime) -> Mapping[GapKind, int]:
        counts = {}
        for kind in kinds:
            rows, values = self._open(kind), self.moments.values(kind, now, since)

            def read(part: ColumnElement[bool], rows: Select[Any] = rows, values: Mapping[str, object] = values) -> int:
                number = select(func.count()).select_from(rows.where(part).subquery())
                with hashed(self.connection, self.moments.tables):
                    return self.connection.execute(number, values).scalar_one()

            counts[kind] = sum(read_in_parts(self.connection, self.moments.tables, read).found)
        return counts

    def bookings(
        self, kind: GapKind, now: datetime, since: datetime, wanted: Collection[BookingId] | None = None
    ) -> Sequence[BookingId]:
        tables = self.moments.tables
        bookings, values = tables.booking.c, self.moments.values(kind, now, since)
        statement = self._open(kind).order_by(tables.made.column, bookings.id)
        if wanted is None:
            with hashed(self.connection, self.moments.tables):
                return [BookingId(found) for found in self.connection.scalars(statement, values)]
        return [
            BookingId(found)
            for some in scan.chunks(sorted(wanted))
            for found in self.connection.scalars(statement.where(one_of(bookings.id, some)), values)
        ]

    def _open(self, kind: GapKind) -> Select[Any]:
        statement = broken_before(self.moments.tables, kind)
        key, source = statement.selected_columns.id, self.source_key.of(self.connection)
        done = _INTENT.c
        written = _WRITE_OFF.c
        statement = statement.where(
            ~exists_row(
                written.booking == key, written.kind == str(kind), written.source == source, written.undone_at.is_(None)
            )
        )
        effect = rule_of(kind).effect
        if effect is None:
            return statement
        # What the ledger proves is in place is no gap, although the application's tables do not show it.
        repaired = (done.booking == key, done.effect == str(effect), done.source == source)
        return statement.where(~exists_row(*repaired, done.state == str(State.DONE)))

    def stored(self) -> BacklogCount | None:
        rows = self.connection.execute(_STORED, self._ours).all()
        if not rows:
            return None
        return BacklogCount(
            counts={GapKind(row.kind): row.number for row in rows},
            since=max(row.since for row in rows),
            at=min(row.counted_at for row in rows),
        )

    def store(self, counts: Mapping[GapKind, int], since: datetime) -> None:
        self.connection.execute(_FORGET, self._ours)
        known = [rule.kind for rule in RULES if rule.kind in counts]
        many = [{**self._ours, "kind": kind, "number": counts[kind], "since": since} for kind in known]
        if many:
            self.connection.execute(_STORE, many)

    def write_off(self, kind: GapKind, bookings: Collection[BookingId], by: str, reason: str) -> int:
        values = {**self._ours, "kind": kind, "bookings": sorted(bookings), "by": by, "reason": reason}
        return self.connection.execute(_ADD, values).rowcount

    def take_back(self, bookings: Collection[BookingId] | None, by: str, reason: str) -> int:
        named = None if bookings is None else sorted(bookings)
        return self.connection.execute(_UNDO, {**self._ours, "bookings": named, "by": by, "reason": reason}).rowcount

    def written_off(self, limit: int) -> Sequence[WrittenOff]:
        rows = self.connection.execute(_LIST, {**self._ours, "most": limit}).mappings()
        return [WrittenOff(**{**row, "kind": GapKind(row["kind"])}) for row in rows]

    @property
    def _ours(self) -> dict[str, Any]:
        return {"scope": self.scope, "source": self.source_key.of(self.connection)}
