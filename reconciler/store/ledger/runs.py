"""Runs of jobs: one row each, with its result and counts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from reconciler.ports import SCAN_MS, SCAN_PARTS, Runner

SHARE = 100
"""At most one part in so many of the time is spent on full scans."""
_HAD_FULL = text(f"""
    SELECT EXISTS (SELECT FROM reconciler.run
                   WHERE job = :job AND scope = :scope AND settings = :settings AND full_scan
                     AND finished_at IS NOT NULL AND started_at >= :since
                     AND (counts->>'{SCAN_MS}' IS NULL OR
                          started_at + {SHARE} * (counts->>'{SCAN_MS}')::bigint * interval '1 millisecond' >= :now))
""")
_PARTS = text(f"""
    SELECT CAST(counts->>'{SCAN_PARTS}' AS integer) FROM reconciler.run
    WHERE job = :job AND scope = :scope AND full_scan AND finished_at IS NOT NULL ORDER BY started_at DESC LIMIT 1
""")
PLACE = """(' ' || (SELECT oid FROM pg_database WHERE datname = current_database()) || ' ' ||
    (SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'reconciler' AND c.relname = 'due'))"""
"""This database and this table: a ledger that was restored from a dump is somewhere else."""
_START = text(f"""
    INSERT INTO reconciler.run (job, scope, settings, started_at, full_scan, watched)
    VALUES (:job, :scope, :settings, :now, :full, CASE WHEN :full THEN :occasions || {PLACE} ELSE '' END) RETURNING id
""")
_DIFFER = text("""
    SELECT EXISTS (SELECT FROM reconciler.run
                   WHERE scope = :scope AND settings NOT IN ('', :settings) AND started_at >= :since)
""")
_SETTINGS_SINCE = text("""
    SELECT min(started_at) FROM reconciler.run WHERE scope = :scope AND settings = :settings
""")
_FINISH = text("""
    UPDATE reconciler.run SET finished_at = :now, result = :result, counts = CAST(:counts AS jsonb) WHERE id = :run
""")


@dataclass(frozen=True, slots=True)
class PostgresRuns:
    """``ports.Runs`` over one connection in one transaction."""

    connection: Connection

    def had_full_scan(self, job: str, runner: Runner, since: datetime, now: datetime) -> bool:
        values = {"job": job, "scope": runner.scope, "settings": runner.settings, "since": since, "now": now}
        return bool(self.connection.scalar(_HAD_FULL, values))

    def scan_parts(self, job: str, runner: Runner) -> int:
        return self.connection.scalar(_PARTS, {"job": job, "scope": runner.scope}) or 1

    def start(self, job: str, runner: Runner, now: datetime, *, full: bool) -> int:
        values = {"job": job, "scope": runner.scope, "settings": runner.settings, "now": now, "full": full}
        values["occasions"] = runner.occasions
        run: int = self.connection.scalar(_START, values)
        return run

    def settings_differ(self, runner: Runner, since: datetime) -> bool:
        values = {"scope": runner.scope, "settings": runner.settings, "since": since}
        return bool(self.connection.scalar(_DIFFER, values))

    def settings_since(self, runner: Runner) -> datetime | None:
        values = {"scope": runner.scope, "settings": runner.settings}
        since: datetime | None = self.connection.scalar(_SETTINGS_SINCE, values)
        return since

    def finish(self, run: int, now: datetime, result: str, counts: Mapping[str, int]) -> None:
        values = {"run": run, "now": now, "result": result, "counts": json.dumps(counts)}
        self.connection.execute(_FINISH, values)
