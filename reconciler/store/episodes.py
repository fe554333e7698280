"""Episodes: from the first gap of a kind and cause until there has been none for a while; each is told once.

A report is written down with its event id before it is sent, so that a repeat is the same event.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from reconciler.domain.bookings import REFERENCE_LENGTH
from reconciler.domain.gaps import Cause, GapKind
from reconciler.domain.reports import MOST_REFERENCES, Group, Level, Report

_GROUPS = text(f"""
    SELECT kind, cause, count(*) FILTER (WHERE closed_at IS NULL) AS open,
           count(*) FILTER (WHERE closed_at IS NOT NULL) AS repaired, min(opened_at) AS oldest_at,
           (array_agg(CASE WHEN kind LIKE 'integration.%' THEN about ELSE left(about, {REFERENCE_LENGTH}) END
                      ORDER BY opened_at, about))[1:{MOST_REFERENCES}] AS "references",
           (array_agg(reason ORDER BY closed_at IS NOT NULL, opened_at, about))[1] AS code
    FROM reconciler.gap
    WHERE kind = ANY(:kinds) AND (closed_at IS NULL OR (closed_by = 'repaired' AND closed_at >= :since))
    GROUP BY kind, cause ORDER BY kind, cause
""")
_OPEN = text("""
    INSERT INTO reconciler.episode (id, kind, cause, opened_at, seen_at, report)
    VALUES (CAST(:id AS uuid), :kind, :cause, :now, :now, CAST(:report AS jsonb))
    ON CONFLICT (kind, cause) WHERE ended_at IS NULL DO UPDATE SET seen_at = excluded.seen_at
""")
_END = text("""
    UPDATE reconciler.episode SET ended_at = :now
    WHERE kind = ANY(:kinds) AND ended_at IS NULL AND seen_at <= :quiet_since
""")
_UNTOLD = text("""
    UPDATE reconciler.episode SET telling_until = clock_timestamp() + :lease
    WHERE id IN (SELECT id FROM reconciler.episode
                 WHERE told_at IS NULL AND (telling_until IS NULL OR telling_until < clock_timestamp())
                 ORDER BY opened_at, kind, cause FOR UPDATE SKIP LOCKED)
    RETURNING replace(id::text, '-', '') AS id, report, opened_at
""")
_TOLD = text("UPDATE reconciler.episode SET told_at = :now, telling_until = NULL WHERE id = CAST(:id AS uuid)")
_KEPT = text("UPDATE reconciler.episode SET telling_until = NULL WHERE id = CAST(:id AS uuid) AND told_at IS NULL")


@dataclass(frozen=True, slots=True)
class PostgresEpisodes:
    """``ports.Episodes`` over one connection in one transaction."""

    connection: Connection

    def groups(self, kinds: Collection[GapKind], since: datetime) -> Sequence[Group]:
        rows = self.connection.execute(_GROUPS, {"kinds": list(kinds), "since": since}).mappings()
        return [
            Group(
                kind=GapKind(row["kind"]),
                cause=Cause(row["cause"]),
                open=row["open"],
                repaired=row["repaired"],
                oldest_at=row["oldest_at"],
                references=tuple(row["references"]),
                code=row["code"],
            )
            for row in rows
        ]

    def note(self, reports: Sequence[Report], now: datetime) -> None:
        for report in sorted(reports, key=lambda report: (report.kind, report.cause)):
            values = {"id": report.id, "kind": report.kind, "cause": report.cause, "now": now}
            self.connection.execute(_OPEN, {**values, "report": _written(report)})

    def end(self, kinds: Collection[GapKind], quiet_since: datetime, now: datetime) -> None:
        self.connection.execute(_END, {"kinds": list(kinds), "quiet_since": quiet_since, "now": now})

    def claim_untold(self, lease: timedelta) -> Sequence[Report]:
        rows = self.connection.execute(_UNTOLD, {"lease": lease}).mappings().all()
        return [_read(row["id"], row["report"]) for row in sorted(rows, key=lambda row: row["opened_at"])]

    def told(self, report: Report, now: datetime) -> None:
        self.connection.execute(_TOLD, {"id": report.id, "now": now})

    def kept(self, report: Report) -> None:
        self.connection.execute(_KEPT, {"id": report.id})


def _written(report: Report) -> str:
    return json.dumps({**asdict(report), "oldest_at": report.oldest_at.isoformat()})


def _read(id_: str, stored: dict[str, Any]) -> Report:
    return Report(
        **{
            **stored,
            "id": id_,
            "kind": GapKind(stored["kind"]),
            "cause": Cause(stored["cause"]),
            "level": Level(stored["level"]),
            "oldest_at": datetime.fromisoformat(stored["oldest_at"]),
            "references": tuple(stored["references"]),
        }
    )
