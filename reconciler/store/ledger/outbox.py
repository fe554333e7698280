"""The outbox: each report, for each route it takes, until that route has taken it."""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from reconciler.domain.alerting.alerts import Level, Report, What
from reconciler.domain.alerting.incidents import SENTRY, Episode
from reconciler.domain.gaps import Cause, GapKind

NEWS = timedelta(days=1)
"""An older report wakes nobody: what goes on is reminded of every day, and a route may have come in just now."""
_PUT = text("""
    INSERT INTO reconciler.outbox (event, route, scope, episode, what, report, created_at)
    VALUES (CAST(:event AS uuid), :route, :scope, CAST(:episode AS uuid), :what, CAST(:report AS jsonb), :now)
    ON CONFLICT (event, route) DO NOTHING
""")
_HEARD = text("SELECT DISTINCT route FROM reconciler.outbox WHERE episode = CAST(:episode AS uuid)")
# Each page is an issue of its own; the others share one with whatever goes on of the same kind and cause, at any venue.
_EVENTS = text(f"""
    SELECT replace(event::text, '-', '') FROM (
        SELECT DISTINCT ON (what = '{What.PAGE}') event, what FROM reconciler.outbox
        WHERE episode = CAST(:episode AS uuid) AND route = '{SENTRY}'
        ORDER BY what = '{What.PAGE}', id DESC) AS newest
    WHERE what = '{What.PAGE}' OR NOT EXISTS (
        SELECT FROM reconciler.episode AS other
        WHERE other.kind = :kind AND other.cause = :cause AND other.ended_at IS NULL
          AND other.id <> CAST(:episode AS uuid))
""")
_FALL_BACK = text(f"""
    INSERT INTO reconciler.outbox (event, route, scope, episode, what, report, created_at)
    SELECT unsent.event, other.route, unsent.scope, unsent.episode, unsent.what, unsent.report, :now
    FROM reconciler.outbox AS unsent CROSS JOIN unnest(CAST(:routes AS text[])) AS other (route)
    WHERE unsent.scope = :scope AND unsent.route = '{SENTRY}' AND unsent.told_at IS NULL
      AND EXISTS (SELECT FROM reconciler.episode WHERE id = unsent.episode AND ended_at IS NULL)
      AND unsent.created_at BETWEEN :after AND :before
      AND unsent.report ->> 'level' IN ('{Level.ERROR}', '{Level.FATAL}')
    ORDER BY unsent.id
    ON CONFLICT (event, route) DO NOTHING
""")
_CLAIM = text(f"""
    UPDATE reconciler.outbox SET telling_until = clock_timestamp() + :lease
    WHERE id = (SELECT id FROM reconciler.outbox AS mine
                WHERE scope = :scope AND route = :route AND told_at IS NULL
                  AND (telling_until IS NULL OR telling_until < clock_timestamp())
                  AND event <> ALL(CAST(:besides AS uuid[]))
                  AND (what <> '{What.END}' OR NOT EXISTS (
                      SELECT FROM reconciler.outbox AS earlier
                      WHERE earlier.scope = mine.scope AND earlier.route = mine.route AND earlier.told_at IS NULL
                        AND earlier.episode = mine.episode AND earlier.what <> '{What.END}'))
                ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING replace(event::text, '-', '') AS event, episode::text AS episode, report
""")
_TOLD = text("""
    UPDATE reconciler.outbox SET told_at = :now, telling_until = NULL
    WHERE event = CAST(:event AS uuid) AND route = :route
""")
_KEPT = text("""
    UPDATE reconciler.outbox SET telling_until = NULL
    WHERE event = CAST(:event AS uuid) AND route = :route AND told_at IS NULL
""")


@dataclass(frozen=True, slots=True)
class PostgresOutbox:
    """``ports.Outbox`` over one connection in one transaction."""

    connection: Connection
    scope: str

    def put(self, report: Report, routes: Collection[str], now: datetime) -> None:
        values = {
            "event": report.id,
            "scope": self.scope,
            "episode": report.episode,
            "what": report.what,
            "report": _written(report),
            "now": now,
        }
        many = [{**values, "route": route} for route in sorted(routes)]
        if many:
            self.connection.execute(_PUT, many)

    def heard(self, episode: str) -> frozenset[str]:
        return frozenset(self.connection.scalars(_HEARD, {"episode": episode}))

    def events(self, episode: Episode) -> list[str]:
        subject = episode.subject
        values = {"episode": episode.id, "kind": subject.kind, "cause": subject.cause}
        return list(self.connection.scalars(_EVENTS, values))

    def fall_back(self, routes: Collection[str], before: datetime, now: datetime) -> None:
        values = {"scope": self.scope, "routes": sorted(routes), "before": before, "after": now - NEWS, "now": now}
        self.connection.execute(_FALL_BACK, values)

    def claim(self, route: str, lease: timedelta, besides: Collection[str]) -> Report | None:
        values = {"scope": self.scope, "route": route, "lease": lease, "besides": sorted(besides)}
        row = self.connection.execute(_CLAIM, values).mappings().first()
        return _read(row["event"], row["episode"], row["report"]) if row else None

    def told(self, report: Report, route: str, now: datetime) -> None:
        self.connection.execute(_TOLD, {"event": report.id, "route": route, "now": now})

    def kept(self, report: Report, route: str) -> None:
        self.connection.execute(_KEPT, {"event": report.id, "route": route})


def _written(report: Report) -> str:
    return json.dumps({**asdict(report), "oldest_at": report.oldest_at.isoformat()})


def _read(event: str, episode: str, stored: dict[str, Any]) -> Report:
    """``stored`` may be of revision 0001: what it lacks has a default."""
    return Report(
        **{
            **stored,
            "id": event,
            "episode": episode,
            "kind": GapKind(stored["kind"]),
            "cause": Cause(stored["cause"]),
            "level": Level(stored["level"]),
            "what": What(stored.get("what", What.OPENED)),
            "oldest_at": datetime.fromisoformat(stored["oldest_at"]),
            "references": tuple(stored["references"]),
            "events": tuple(stored.get("events", ())),
        }
    )
