"""The rest of the ledger: the installation, gaps, runs, and the rates that all processes share."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import Connection, RowMapping, text

from reconciler.domain.bookings import BookingId
from reconciler.domain.gaps import CLOSES_WITH, Cause, Gap, GapKind, IntegrationFault
from reconciler.domain.hashing import digest
from reconciler.ports import Installation, Runner

T = TypeVar("T")

_BETWEEN = {"seen": "; ", "remedy": "; ", "sql": "\n"}
"""What is said of several faults at once; SQL stays a script."""

# A role that may not see it looks as if there were none: to_regclass would raise instead.
_EXISTS = text("""
    SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                   WHERE n.nspname = 'reconciler' AND c.relname = 'intent'
                     AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'))
""")
_WRITABLE = text("""
    SELECT has_table_privilege(c.oid, 'INSERT') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'reconciler' AND c.relname = 'intent'
""")
_OPEN = text("""
    SELECT kind, about, cause, reason, opened_at FROM reconciler.gap
    WHERE scope = :scope AND kind = :kind AND closed_at IS NULL ORDER BY opened_at, about
""")
_OPEN_ONE = text("""
    SELECT kind, about, cause, reason, opened_at FROM reconciler.gap
    WHERE scope = :scope AND kind = :kind AND about = :about AND closed_at IS NULL
""")
_RECORD = text("""
    INSERT INTO reconciler.gap AS gap (scope, kind, about, cause, key, reason, detail, opened_at, seen_at)
    VALUES (:scope, :kind, :about, :cause, :key, :reason, CAST(:detail AS jsonb), :now, :now)
    ON CONFLICT (kind, about) WHERE closed_at IS NULL
    DO UPDATE SET cause = excluded.cause, key = excluded.key, reason = excluded.reason, detail = excluded.detail,
                  seen_at = excluded.seen_at,
                  -- Another cause, or another fault, is news: somebody is told of it.
                  noted_at = CASE WHEN (gap.cause, gap.key) = (excluded.cause, excluded.key) THEN gap.noted_at END
""")
_CLOSE = text("""
    UPDATE reconciler.gap SET closed_at = :now, closed_by = :by
    WHERE kind = ANY(:kinds) AND about = :about AND closed_at IS NULL
""")
_CLOSE_KIND = text("""
    UPDATE reconciler.gap SET closed_at = :now, closed_by = :by
    WHERE scope = :scope AND kind = :kind AND closed_at IS NULL
""")
_HAD_FULL = text("""
    SELECT EXISTS (SELECT FROM reconciler.run
                   WHERE job = :job AND scope = :scope AND full_scan
                     AND finished_at IS NOT NULL AND started_at >= :since)
""")
_START = text("""
    INSERT INTO reconciler.run (job, scope, settings, started_at, full_scan)
    VALUES (:job, :scope, :settings, :now, :full) RETURNING id
""")
_DIFFER = text("""
    SELECT EXISTS (SELECT FROM reconciler.run
                   WHERE scope = :scope AND settings NOT IN ('', :settings) AND started_at >= :since)
""")
_FINISH = text("""
    UPDATE reconciler.run SET finished_at = :now, result = :result, counts = CAST(:counts AS jsonb) WHERE id = :run
""")
# One statement for all processes: the slot after the last one reserved, or the present moment if that is past.
_SLOT = text("""
    INSERT INTO reconciler.rate AS rate (name, next_at) VALUES (:name, clock_timestamp() + CAST(:interval AS interval))
    ON CONFLICT (name) DO UPDATE
    SET next_at = greatest(rate.next_at, clock_timestamp()) + CAST(:interval AS interval)
    RETURNING next_at - CAST(:interval AS interval) - clock_timestamp()
""")


_TOO_LONG = text("""
    SELECT next_at - clock_timestamp() FROM reconciler.rate
    WHERE name = :name AND next_at > clock_timestamp() + CAST(:longest AS interval)
""")
_PAUSE = text("""
    INSERT INTO reconciler.rate AS rate (name, next_at) VALUES (:name, clock_timestamp() + CAST(:wait AS interval))
    ON CONFLICT (name) DO UPDATE SET next_at = greatest(rate.next_at, excluded.next_at)
""")


def in_lock_order(rows: Mapping[BookingId, T]) -> list[tuple[BookingId, T]]:
    """Two passes at once must lock rows in the same order, or one of them is a deadlock's victim."""
    return sorted(rows.items(), key=lambda row: row[0])


def _joined(faults: Sequence[IntegrationFault], name: str, between: str) -> str:
    return between.join(dict.fromkeys(getattr(fault, name) for fault in faults if getattr(fault, name)))


def _gap(row: RowMapping) -> Gap:
    return Gap(
        kind=GapKind(row["kind"]),
        about=row["about"],
        cause=Cause(row["cause"]),
        reason=row["reason"],
        opened_at=row["opened_at"],
    )


def _closing(kind: GapKind) -> list[str]:
    return list(CLOSES_WITH.get(kind, (kind,)))


@dataclass(frozen=True, slots=True)
class Journal:
    """The part of ``ports.Ledger`` that is not about intents."""

    connection: Connection
    scope: str
    """Whose gaps and intents these are, where several share the database; '' for all."""

    def exists(self) -> bool:
        return bool(self.connection.scalar(_EXISTS))

    def is_ours_to_write(self) -> bool:
        return bool(self.connection.scalar(_WRITABLE))

    def installation(self) -> Installation:
        row = self.connection.execute(text("SELECT id::text, since FROM reconciler.installation")).one()
        return Installation(id=row[0], since=row[1])

    def now(self) -> datetime:
        now: datetime = self.connection.scalar(text("SELECT clock_timestamp()"))
        return now

    def open_gaps(self, kind: GapKind) -> Sequence[Gap]:
        rows = self.connection.execute(_OPEN, {"scope": self.scope, "kind": kind}).mappings()
        return [_gap(row) for row in rows]

    def open_gap(self, kind: GapKind, about: str) -> Gap | None:
        values = {"scope": self.scope, "kind": kind, "about": about}
        row = self.connection.execute(_OPEN_ONE, values).mappings().first()
        return _gap(row) if row else None

    def record_gap(self, kind: GapKind, about: str, cause: Cause, reason: str, now: datetime) -> None:
        self.record_gaps(kind, {BookingId(about): (cause, reason)}, now)

    def record_gaps(self, kind: GapKind, gaps: Mapping[BookingId, tuple[Cause, str]], now: datetime) -> None:
        many = [
            {**self._gap(kind, about, now), "cause": cause, "reason": reason}
            for about, (cause, reason) in in_lock_order(gaps)
        ]
        if many:
            self.connection.execute(_RECORD, many)

    def record_faults(self, kind: GapKind, about: str, faults: Sequence[IntegrationFault], now: datetime) -> None:
        said = {name: _joined(faults, name, between) for name, between in _BETWEEN.items()}
        key = "transient" if all(fault.transient for fault in faults) else digest(said["seen"])
        values = {"cause": Cause.BLOCKED, "reason": faults[0].code, "key": key, "detail": json.dumps(said)}
        self.connection.execute(_RECORD, {**self._gap(kind, about, now), **values})

    def _gap(self, kind: GapKind, about: str, now: datetime) -> dict[str, object]:
        return {"scope": self.scope, "kind": kind, "about": about, "key": "", "detail": "{}", "now": now}

    def close_gap(self, kind: GapKind, about: str, by: str, now: datetime) -> None:
        self.connection.execute(_CLOSE, {"kinds": _closing(kind), "about": about, "by": by, "now": now})

    def close_gaps(self, kind: GapKind, closed: Mapping[BookingId, str], now: datetime) -> None:
        kinds = _closing(kind)
        many = [{"kinds": kinds, "about": about, "by": by, "now": now} for about, by in in_lock_order(closed)]
        if many:
            self.connection.execute(_CLOSE, many)

    def close_all_gaps(self, kind: GapKind, by: str, now: datetime) -> None:
        self.connection.execute(_CLOSE_KIND, {"scope": self.scope, "kind": kind, "by": by, "now": now})

    def reserve_slot(self, name: str, interval: timedelta, longest: timedelta) -> timedelta:
        too_long: timedelta | None = self.connection.scalar(_TOO_LONG, {"name": name, "longest": longest})
        if too_long is not None:
            return too_long
        wait: timedelta = self.connection.scalar(_SLOT, {"name": name, "interval": interval})
        return max(wait, timedelta(0))

    def pause(self, name: str, wait: timedelta) -> None:
        self.connection.execute(_PAUSE, {"name": name, "wait": wait})

    def had_full_scan(self, job: str, scope: str, since: datetime) -> bool:
        return bool(self.connection.scalar(_HAD_FULL, {"job": job, "scope": scope, "since": since}))

    def start_run(self, job: str, runner: Runner, now: datetime, *, full: bool) -> int:
        values = {"job": job, "scope": runner.scope, "settings": runner.settings, "now": now, "full": full}
        run: int = self.connection.scalar(_START, values)
        return run

    def settings_differ(self, runner: Runner, since: datetime) -> bool:
        values = {"scope": runner.scope, "settings": runner.settings, "since": since}
        return bool(self.connection.scalar(_DIFFER, values))

    def finish_run(self, run: int, now: datetime, result: str, counts: Mapping[str, int]) -> None:
        values = {"run": run, "now": now, "result": result, "counts": json.dumps(counts)}
        self.connection.execute(_FINISH, values)
