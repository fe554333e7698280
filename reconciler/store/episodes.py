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

_NOTE = text("""
    UPDATE reconciler.gap SET noted_at = :now
    WHERE id IN (SELECT id FROM reconciler.gap
                 WHERE scope = :scope AND kind = ANY(:kinds) AND noted_at IS NULL
                   AND (closed_at IS NULL OR closed_by = 'repaired')
                 ORDER BY id FOR UPDATE)
""")
# What is open, and what was repaired and is noted just now.
_NEWS = text(f"""
    SELECT kind, cause, key, count(*) FILTER (WHERE closed_at IS NULL) AS open,
           count(*) FILTER (WHERE closed_at IS NOT NULL) AS repaired, min(opened_at) AS oldest_at,
           (array_agg(CASE WHEN kind LIKE 'integration.%' THEN about ELSE left(about, {REFERENCE_LENGTH}) END
                      ORDER BY opened_at, about))[1:{MOST_REFERENCES}] AS "references",
           (array_agg(reason ORDER BY closed_at IS NOT NULL, opened_at, about))[1] AS code,
           (array_agg(detail ORDER BY closed_at IS NOT NULL, opened_at, about))[1] AS detail
    FROM reconciler.gap
    WHERE scope = :scope AND kind = ANY(:kinds)
      AND (closed_at IS NULL OR (closed_by = 'repaired' AND noted_at = :now))
    GROUP BY kind, cause, key HAVING bool_or(noted_at = :now) ORDER BY kind, cause, key
""")
_GOES_ON = text("""
    UPDATE reconciler.episode SET newest_at = :now
    WHERE scope = :scope AND kind = :kind AND cause = :cause AND key = :key AND ended_at IS NULL
      AND newest_at > :quiet_since
    RETURNING id
""")
_OVER = text("""
    UPDATE reconciler.episode SET ended_at = :now
    WHERE scope = :scope AND kind = :kind AND cause = :cause AND key = :key AND ended_at IS NULL
""")
_BEGIN = text("""
    INSERT INTO reconciler.episode (id, scope, kind, cause, key, opened_at, newest_at, report)
    VALUES (CAST(:id AS uuid), :scope, :kind, :cause, :key, :now, :now, CAST(:report AS jsonb))
    ON CONFLICT (scope, kind, cause, key) WHERE ended_at IS NULL DO NOTHING
""")
_END = text("""
    UPDATE reconciler.episode AS episode SET ended_at = :now
    WHERE scope = :scope AND kind = ANY(:kinds) AND ended_at IS NULL AND newest_at <= :quiet_since
      AND NOT EXISTS (SELECT FROM reconciler.gap AS gap
                      WHERE gap.scope = episode.scope AND gap.kind = episode.kind AND gap.cause = episode.cause
                        AND gap.key = episode.key AND gap.closed_at IS NULL)
""")
_UNTOLD = text("""
    UPDATE reconciler.episode SET telling_until = clock_timestamp() + :lease
    WHERE id IN (SELECT id FROM reconciler.episode
                 WHERE scope = :scope AND told_at IS NULL
                   AND (telling_until IS NULL OR telling_until < clock_timestamp())
                 ORDER BY opened_at, kind, cause FOR UPDATE SKIP LOCKED)
    RETURNING replace(id::text, '-', '') AS id, report, opened_at
""")
_TOLD = text("UPDATE reconciler.episode SET told_at = :now, telling_until = NULL WHERE id = CAST(:id AS uuid)")
_KEPT = text("UPDATE reconciler.episode SET telling_until = NULL WHERE id = CAST(:id AS uuid) AND told_at IS NULL")


@dataclass(frozen=True, slots=True)
class PostgresEpisodes:
    """``ports.Episodes`` over one connection in one transaction."""

    connection: Connection
    scope: str

    def news(self, kinds: Collection[GapKind], now: datetime) -> Sequence[Group]:
        values = {"scope": self.scope, "kinds": sorted(kinds), "now": now}
        self.connection.execute(_NOTE, values)
        return [
            Group(
                kind=GapKind(row["kind"]),
                cause=Cause(row["cause"]),
                key=row["key"],
                open=row["open"],
                repaired=row["repaired"],
                oldest_at=row["oldest_at"],
                references=tuple(row["references"]),
                code=row["code"],
                **row["detail"],
            )
            for row in self.connection.execute(_NEWS, values).mappings()
        ]

    def begin(self, report: Report, key: str, quiet_since: datetime, now: datetime) -> None:
        same = {"scope": self.scope, "kind": report.kind, "cause": report.cause, "key": key, "now": now}
        if self.connection.execute(_GOES_ON, {**same, "quiet_since": quiet_since}).first() is None:
            self.connection.execute(_OVER, same)
            self.connection.execute(_BEGIN, {**same, "id": report.id, "report": _written(report)})

    def end(self, kinds: Collection[GapKind], quiet_since: datetime, now: datetime) -> None:
        values = {"scope": self.scope, "kinds": sorted(kinds), "quiet_since": quiet_since, "now": now}
        self.connection.execute(_END, values)

    def claim_untold(self, lease: timedelta) -> Sequence[Report]:
        rows = self.connection.execute(_UNTOLD, {"scope": self.scope, "lease": lease}).mappings().all()
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
