"""The outbox: each report, for each route it takes, until that route has taken it."""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from reconciler.domain.alerting.alerts import Alert, AlertType, Severity
from reconciler.domain.alerting.incidents import SENTRY, Incident
from reconciler.domain.gaps import Cause, GapKind

NEWS = timedelta(days=1)
"""An older report wakes nobody: what goes on is reminded of every day, and a route may have come in just now."""
_PUT = text("""
    INSERT INTO reconciler.outbox (event, route, scope, incident, alert_type, alert, created_at)
    VALUES (CAST(:event AS uuid), :route, :scope, CAST(:incident AS uuid), :alert_type, CAST(:alert AS jsonb), :now)
    ON CONFLICT (event, route) DO NOTHING
""")
_HEARD = text("SELECT DISTINCT route FROM reconciler.outbox WHERE incident = CAST(:incident AS uuid)")
# Each page is an issue of its own; the others share one with whatever goes on of the same kind and cause, at any venue.
_EVENTS = text(f"""
    SELECT replace(event::text, '-', '') FROM (
        SELECT DISTINCT ON (alert_type = '{AlertType.PAGED}') event, alert_type FROM reconciler.outbox
        WHERE incident = CAST(:incident AS uuid) AND route = '{SENTRY}'
        ORDER BY alert_type = '{AlertType.PAGED}', id DESC) AS newest
    WHERE alert_type = '{AlertType.PAGED}' OR NOT EXISTS (
        SELECT FROM reconciler.incident AS other
        WHERE other.kind = :kind AND other.cause = :cause AND other.ended_at IS NULL
          AND other.id <> CAST(:incident AS uuid))
""")
_FALL_BACK = text(f"""
    INSERT INTO reconciler.outbox (event, route, scope, incident, alert_type, alert, created_at)
    SELECT unsent.event, other.route, unsent.scope, unsent.incident, unsent.alert_type, unsent.alert, :now
    FROM reconciler.outbox AS unsent CROSS JOIN unnest(CAST(:routes AS text[])) AS other (route)
    WHERE unsent.scope = :scope AND unsent.route = '{SENTRY}' AND unsent.delivered_at IS NULL
      AND EXISTS (SELECT FROM reconciler.incident WHERE id = unsent.incident AND ended_at IS NULL)
      AND unsent.created_at BETWEEN :after AND :before
      AND unsent.alert ->> 'level' IN ('{Severity.ERROR}', '{Severity.FATAL}')
    ORDER BY unsent.id
    ON CONFLICT (event, route) DO NOTHING
""")
_CLAIM = text(f"""
    UPDATE reconciler.outbox SET leased_until = clock_timestamp() + :lease
    WHERE id = (SELECT id FROM reconciler.outbox AS mine
                WHERE scope = :scope AND route = :route AND delivered_at IS NULL
                  AND (leased_until IS NULL OR leased_until < clock_timestamp())
                  AND event <> ALL(CAST(:besides AS uuid[]))
                  AND (alert_type <> '{AlertType.RESOLVED}' OR NOT EXISTS (
                      SELECT FROM reconciler.outbox AS earlier
                      WHERE earlier.scope = mine.scope AND earlier.route = mine.route AND earlier.delivered_at IS NULL
                        AND earlier.incident = mine.incident AND earlier.alert_type <> '{AlertType.RESOLVED}'))
                ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING replace(event::text, '-', '') AS event, incident::text AS incident, alert
""")
_TOLD = text("""
    UPDATE reconciler.outbox SET delivered_at = :now, leased_until = NULL
    WHERE event = CAST(:event AS uuid) AND route = :route
""")
_KEPT = text("""
    UPDATE reconciler.outbox SET leased_until = NULL
    WHERE event = CAST(:event AS uuid) AND route = :route AND delivered_at IS NULL
""")


@dataclass(frozen=True, slots=True)
class PostgresOutbox:
    """``ports.Outbox`` over one connection in one transaction."""

    connection: Connection
    scope: str

    def put(self, report: Alert, routes: Collection[str], now: datetime) -> None:
        values = {
            "event": report.id,
            "scope": self.scope,
            "incident": report.incident,
            "alert_type": report.what,
            "alert": _written(report),
            "now": now,
        }
        many = [{**values, "route": route} for route in sorted(routes)]
        if many:
            self.connection.execute(_PUT, many)

    def heard(self, incident: str) -> frozenset[str]:
        return frozenset(self.connection.scalars(_HEARD, {"incident": incident}))

    def events(self, incident: Incident) -> list[str]:
        subject = incident.subject
        values = {"incident": incident.id, "kind": subject.kind, "cause": subject.cause}
        return list(self.connection.scalars(_EVENTS, values))

    def fall_back(self, routes: Collection[str], before: datetime, now: datetime) -> None:
        values = {"scope": self.scope, "routes": sorted(routes), "before": before, "after": now - NEWS, "now": now}
        self.connection.execute(_FALL_BACK, values)

    def claim(self, route: str, lease: timedelta, besides: Collection[str]) -> Alert | None:
        values = {"scope": self.scope, "route": route, "lease": lease, "besides": sorted(besides)}
        row = self.connection.execute(_CLAIM, values).mappings().first()
        return _read(row["event"], row["incident"], row["alert"]) if row else None

    def told(self, report: Alert, route: str, now: datetime) -> None:
        self.connection.execute(_TOLD, {"event": report.id, "route": route, "now": now})

    def kept(self, report: Alert, route: str) -> None:
        self.connection.execute(_KEPT, {"event": report.id, "route": route})


def _written(report: Alert) -> str:
    return json.dumps({**asdict(report), "oldest_at": report.oldest_at.isoformat()})


def _read(event: str, incident: str, stored: dict[str, Any]) -> Alert:
    """``stored`` may be of revision 0001: what it lacks has a default."""
    return Alert(
        **{
            **stored,
            "id": event,
            "incident": incident,
            "kind": GapKind(stored["kind"]),
            "cause": Cause(stored["cause"]),
            "level": Severity(stored["level"]),
            "what": AlertType(stored.get("what", AlertType.OPENED)),
            "oldest_at": datetime.fromisoformat(stored["oldest_at"]),
            "references": tuple(stored["references"]),
            "events": tuple(stored.get("events", ())),
        }
    )
