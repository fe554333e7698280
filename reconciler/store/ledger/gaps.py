"""Gaps: opened, refreshed, closed and listed."""

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from sys import intern

from sqlalchemy import Connection, RowMapping, TextClause, text

from reconciler.domain.bookings import BookingId
from reconciler.domain.gaps import Cause, Gap, GapKind, IntegrationFault
from reconciler.domain.hashing import digest
from reconciler.domain.rules.registry import closes_with
from reconciler.ports import NewGap
from reconciler.store.ledger.lock_order import BATCH, batches
from reconciler.store.ledger.scopes import looked_after
from reconciler.store.ledger.sources import SourceKey
from reconciler.store.session import hashed_joins

_BETWEEN = {"seen": "; ", "remedy": "; ", "sql": "\n"}
"""Separators that join several faults into one detail; SQL statements stay a script."""

_COLUMNS = "kind, about, cause, reason, opened_at, settings, booking_status"
FEW = 100
"""So many are looked up one by one."""
_OPEN = text(f"""
    SELECT {_COLUMNS} FROM reconciler.gap AS gap
    WHERE source = :source AND {looked_after("gap")} AND kind = :kind AND closed_at IS NULL ORDER BY opened_at, about
""")
_OPEN_ABOUT = text(f"""
    SELECT {_COLUMNS} FROM reconciler.gap
    WHERE source = :source AND kind = ANY(:kinds) AND about = :about AND closed_at IS NULL
""")
_LAST_ENDED = text("""
    SELECT max(closed_at) FROM reconciler.gap
    WHERE scope = :scope AND source = :source AND kind = :kind AND about = :about AND closed_at >= :since
""")
_NAMED = text("""
    SELECT DISTINCT about FROM reconciler.gap
    WHERE source = :source AND kind NOT LIKE 'integration.%' AND kind NOT LIKE 'coverage.%' ORDER BY about
""")
_INTO = """
    INSERT INTO reconciler.gap AS gap
        (scope, source, kind, about, cause, key, reason, detail, opened_at, seen_at, settings, booking_status)
"""
_OR_REFRESH = """
    ON CONFLICT (kind, about, source, tenant) WHERE closed_at IS NULL
    DO UPDATE SET scope = excluded.scope,
                  cause = excluded.cause, key = excluded.key, reason = excluded.reason, detail = excluded.detail,
                  seen_at = excluded.seen_at, settings = excluded.settings,
                  booking_status = coalesce(excluded.booking_status, gap.booking_status),
                  -- Another cause or another fault is new information and raises an alert.
                  noted_at = CASE WHEN (gap.cause, gap.key) = (excluded.cause, excluded.key) THEN gap.noted_at END
"""
_RECORD = text(f"""
    {_INTO} VALUES (:scope, :source, :kind, :about, :cause, :key, :reason, CAST(:detail AS jsonb), :now, :now,
                    :settings, :booking_status)
    {_OR_REFRESH}
""")
_RECORD_ALL = text(f"""
    {_INTO}
    SELECT :scope, :source, :kind, new.about, new.cause, '', new.reason, CAST('{{}}' AS jsonb), :now, :now, :settings,
           new.booking_status
    FROM unnest(CAST(:abouts AS text[]), CAST(:causes AS text[]), CAST(:reasons AS text[]), CAST(:statuses AS text[]))
         WITH ORDINALITY AS new (about, cause, reason, booking_status, place)
    WHERE NOT EXISTS (  -- What is known already is not written again: of many open gaps, few change in a pass.
        SELECT FROM reconciler.gap AS known
        WHERE known.kind = :kind AND known.about = new.about AND known.source = :source AND known.tenant = ''
          AND known.closed_at IS NULL AND known.scope = :scope AND known.cause = new.cause AND known.key = ''
          AND known.reason = new.reason AND known.settings = :settings AND known.detail = CAST('{{}}' AS jsonb)
          AND known.booking_status IS NOT DISTINCT FROM coalesce(new.booking_status, known.booking_status))
    ORDER BY new.place
    {_OR_REFRESH}
""")
_CLOSE_ALL = text("""
    UPDATE reconciler.gap SET closed_at = :now, closed_by = over.by
    FROM (
        SELECT gap.id, new.by
        FROM unnest(CAST(:abouts AS text[]), CAST(:reasons AS text[])) WITH ORDINALITY AS new (about, by, place)
        JOIN reconciler.gap ON gap.about = new.about
        WHERE gap.source = :source AND gap.kind = ANY(:kinds) AND gap.closed_at IS NULL
        ORDER BY new.place, gap.id FOR UPDATE OF gap
    ) AS over
    WHERE gap.id = over.id
""")
_ADOPT = text(f"""
    UPDATE reconciler.gap SET scope = :scope, noted_at = NULL  -- nobody who looks after it has been alerted
    WHERE scope <> :scope AND source = :source AND {looked_after("gap")} AND kind = :kind AND closed_at IS NULL
""")
_CLOSE_KIND = text("""
    UPDATE reconciler.gap SET closed_at = :now, closed_by = :by
    WHERE scope = :scope AND source = :source AND kind = :kind AND closed_at IS NULL
""")


@dataclass(frozen=True, slots=True)
class PostgresGaps:
    """``ports.Gaps`` over one connection in one transaction."""

    connection: Connection
    scope: str
    """Our part of the bookings, if several processes share the table."""
    source_key: SourceKey
    settings: str
    """Digest of the settings that decide which bookings a scan asks about."""

    def open(self, kind: GapKind) -> Sequence[Gap]:
        rows = self.connection.execute(_OPEN, {**self._ours, "kind": kind}).mappings()
        moments: dict[datetime, datetime] = {}  # a pass opens many gaps at one moment
        # In portions: the values of a row take several times as much memory as its gap.
        return [_gap(row, moments) for some in rows.partitions(BATCH) for row in some]

    def open_about(self, about: str, *kinds: GapKind) -> Sequence[Gap]:
        values = {"source": self.source_key.of(self.connection), "kinds": list(kinds), "about": about}
        return [_gap(row, {}) for row in self.connection.execute(_OPEN_ABOUT, values).mappings()]

    def last_ended(self, kind: GapKind, about: str, since: datetime) -> datetime | None:
        values = {**self._ours, "kind": kind, "about": about, "since": since}
        ended: datetime | None = self.connection.scalar(_LAST_ENDED, values)
        return ended

    def named(self) -> Sequence[BookingId]:
        found = self.connection.execute(_NAMED, {"source": self.source_key.of(self.connection)}).scalars()
        return [BookingId(about) for about in found]

    def adopt(self, kind: GapKind) -> None:
        self.connection.execute(_ADOPT, {**self._ours, "kind": kind})

    def record(self, kind: GapKind, about: str, cause: Cause, reason: str, now: datetime) -> None:
        self.record_all(kind, {BookingId(about): NewGap(cause=cause, reason=reason)}, now)

    def record_all(self, kind: GapKind, gaps: Mapping[BookingId, NewGap], now: datetime) -> None:
        for some in batches(gaps):
            columns = {
                "abouts": [about for about, _ in some],
                "causes": [new.cause for _, new in some],
                "reasons": [new.reason for _, new in some],
                "statuses": [new.booking_status for _, new in some],
            }
            shared = {**self._ours, "kind": kind, "now": now, "settings": self.settings}
            self._execute_for(some, _RECORD_ALL, {**shared, **columns})

    def record_faults(self, kind: GapKind, about: str, faults: Sequence[IntegrationFault], now: datetime) -> None:
        said = {name: _joined(faults, name, between) for name, between in _BETWEEN.items()}
        key = "transient" if all(fault.transient for fault in faults) else digest(said["seen"])
        values = {"cause": Cause.BLOCKED, "reason": faults[0].code, "key": key, "detail": json.dumps(said)}
        self.connection.execute(_RECORD, {**self._values(kind, about, now), **values})

    def record_aggregate(
        self, kind: GapKind, about: str, cause: Cause, key: str, detail: Mapping[str, str], now: datetime
    ) -> None:
        values = {"cause": cause, "reason": kind, "key": key, "detail": json.dumps(dict(detail))}
        self.connection.execute(_RECORD, {**self._values(kind, about, now), **values})

    def close(self, kind: GapKind, about: str, by: str, now: datetime) -> None:
        self.close_all(kind, {BookingId(about): by}, now)

    def close_all(self, kind: GapKind, closed: Mapping[BookingId, str], now: datetime) -> None:
        shared = {**self._ours, "kinds": list(closes_with(kind)), "now": now}
        for some in batches(closed):
            columns = {"abouts": [about for about, _ in some], "reasons": [by for _, by in some]}
            self._execute_for(some, _CLOSE_ALL, {**shared, **columns})

    def _execute_for(self, some: Sequence[object], statement: TextClause, values: Mapping[str, object]) -> None:
        """Many are joined with the open gaps by a hash: of a table that grew a moment ago the planner knows nothing."""
        with hashed_joins(self.connection) if len(some) > FEW else nullcontext():
            self.connection.execute(statement, values)

    def close_kind(self, kind: GapKind, by: str, now: datetime) -> None:
        self.connection.execute(_CLOSE_KIND, {**self._ours, "kind": kind, "by": by, "now": now})

    def _values(self, kind: GapKind, about: str, now: datetime) -> dict[str, object]:
        return {**self._ours, "kind": kind, "about": about, "key": "", "detail": "{}", "now": now} | {
            "settings": self.settings,
            "booking_status": None,
        }

    @property
    def _ours(self) -> dict[str, str]:
        return {"scope": self.scope, "source": self.source_key.of(self.connection)}


def _joined(faults: Sequence[IntegrationFault], name: str, between: str) -> str:
    return between.join(dict.fromkeys(getattr(fault, name) for fault in faults if getattr(fault, name)))


def _gap(row: RowMapping, moments: dict[datetime, datetime]) -> Gap:
    # Thousands of gaps have the same reason, settings and status: they share them in memory.
    return Gap(
        kind=GapKind(row["kind"]),
        about=row["about"],
        cause=Cause(row["cause"]),
        reason=intern(row["reason"]),
        opened_at=moments.setdefault(row["opened_at"], row["opened_at"]),
        settings=intern(row["settings"]),
        booking_status=intern(row["booking_status"]) if row["booking_status"] else row["booking_status"],
    )
