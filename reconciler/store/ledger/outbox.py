"""The outbox: each alert once per route, until that route has accepted it."""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from reconciler.domain.alerting.alerts import LONGEST_PAUSE, SHORTEST_PAUSE, Alert, AlertType, Severity
from reconciler.domain.alerting.incidents import SENTRY_ROUTE, Incident
from reconciler.domain.gaps import Cause, GapKind

FALLBACK_MAX_AGE = timedelta(days=1)
"""Older alerts do not fall back to on-call: an ongoing incident sends reminders anyway, and a newly added route must
not be flooded with the past."""
_ENQUEUE = text("""
    INSERT INTO reconciler.outbox (event, route, scope, incident, alert_type, alert, created_at)
    VALUES (CAST(:event AS uuid), :route, :scope, CAST(:incident AS uuid), :alert_type, CAST(:alert AS jsonb), :now)
    ON CONFLICT (event, route) DO NOTHING
""")
_ROUTES_REACHED = text("SELECT DISTINCT route FROM reconciler.outbox WHERE incident = CAST(:incident AS uuid)")
# Each page is an issue of its own; the other alerts share one issue with all incidents of their kind and cause, in any
# scope, so it may be resolved only if none of those is ongoing.
_ISSUE_EVENTS = text(f"""
    SELECT replace(event::text, '-', '') FROM (
        SELECT DISTINCT ON (alert_type = '{AlertType.PAGED}') event, alert_type FROM reconciler.outbox
        WHERE incident = CAST(:incident AS uuid) AND route = '{SENTRY_ROUTE}'
        ORDER BY alert_type = '{AlertType.PAGED}', id DESC) AS newest
    WHERE alert_type = '{AlertType.PAGED}' OR NOT EXISTS (
        SELECT FROM reconciler.incident AS other
        WHERE other.kind = :kind AND other.cause = :cause AND other.ended_at IS NULL
          AND other.id <> CAST(:incident AS uuid))
""")
_ENQUEUE_FALLBACK = text(f"""
    INSERT INTO reconciler.outbox (event, route, scope, incident, alert_type, alert, created_at)
    SELECT unsent.event, other.route, unsent.scope, unsent.incident, unsent.alert_type, unsent.alert, :now
    FROM reconciler.outbox AS unsent CROSS JOIN unnest(CAST(:routes AS text[])) AS other (route)
    WHERE unsent.scope = :scope AND unsent.route = '{SENTRY_ROUTE}' AND unsent.delivered_at IS NULL
      AND EXISTS (SELECT FROM reconciler.incident WHERE id = unsent.incident AND ended_at IS NULL)
      AND unsent.created_at BETWEEN :after AND :before
      AND unsent.alert ->> 'severity' IN ('{Severity.ERROR}', '{Severity.FATAL}')
    ORDER BY unsent.id
    ON CONFLICT (event, route) DO NOTHING
""")
_CLAIM = text(f"""
    UPDATE reconciler.outbox SET leased_until = clock_timestamp() + :lease
    WHERE id = (SELECT id FROM reconciler.outbox AS claimed
                WHERE scope = :scope AND route = :route AND delivered_at IS NULL
                  AND (leased_until IS NULL OR leased_until < clock_timestamp())
                  AND event <> ALL(CAST(:besides AS uuid[]))
                  AND (alert_type <> '{AlertType.RESOLVED}' OR NOT EXISTS (
                      SELECT FROM reconciler.outbox AS earlier
                      WHERE earlier.scope = claimed.scope AND earlier.route = claimed.route
                        AND earlier.delivered_at IS NULL AND earlier.incident = claimed.incident
                        AND earlier.alert_type <> '{AlertType.RESOLVED}'))
                ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING replace(event::text, '-', '') AS event, incident::text AS incident, alert
""")
_MARK_DELIVERED = text("""
    UPDATE reconciler.outbox SET delivered_at = :now, leased_until = NULL
    WHERE event = CAST(:event AS uuid) AND route = :route
""")
_RELEASE = text("""
    UPDATE reconciler.outbox SET leased_until = NULL
    WHERE event = CAST(:event AS uuid) AND route = :route AND delivered_at IS NULL
""")
_POSTPONE = text("""
    UPDATE reconciler.outbox
    SET leased_until = clock_timestamp() + LEAST(GREATEST(clock_timestamp() - created_at, :shortest), :longest)
    WHERE event = CAST(:event AS uuid) AND route = :route AND delivered_at IS NULL
""")


@dataclass(frozen=True, slots=True)
class PostgresOutbox:
    """``ports.Outbox`` over one connection in one transaction."""

    connection: Connection
    scope: str

    def enqueue(self, alert: Alert, routes: Collection[str], now: datetime) -> None:
        values = {
            "event": alert.id,
            "scope": self.scope,
            "incident": alert.incident,
            "alert_type": alert.alert_type,
            "alert": _to_json(alert),
            "now": now,
        }
        rows = [{**values, "route": route} for route in sorted(routes)]
        if rows:
            self.connection.execute(_ENQUEUE, rows)

    def routes_reached(self, incident: str) -> frozenset[str]:
        return frozenset(self.connection.scalars(_ROUTES_REACHED, {"incident": incident}))

    def issue_events(self, incident: Incident) -> list[str]:
        values = {"incident": incident.id, "kind": incident.key.kind, "cause": incident.key.cause}
        return list(self.connection.scalars(_ISSUE_EVENTS, values))

    def enqueue_fallback(self, routes: Collection[str], before: datetime, now: datetime) -> None:
        values = {
            "scope": self.scope,
            "routes": sorted(routes),
            "before": before,
            "after": now - FALLBACK_MAX_AGE,
            "now": now,
        }
        self.connection.execute(_ENQUEUE_FALLBACK, values)

    def claim(self, route: str, lease: timedelta, besides: Collection[str]) -> Alert | None:
        values = {"scope": self.scope, "route": route, "lease": lease, "besides": sorted(besides)}
        row = self.connection.execute(_CLAIM, values).mappings().first()
        return _from_json(row["event"], row["incident"], row["alert"]) if row else None

    def mark_delivered(self, alert: Alert, route: str, now: datetime) -> None:
        self.connection.execute(_MARK_DELIVERED, {"event": alert.id, "route": route, "now": now})

    def release(self, alert: Alert, route: str) -> None:
        self.connection.execute(_RELEASE, {"event": alert.id, "route": route})

    def postpone(self, alert: Alert, route: str) -> None:
        bounds = {"shortest": SHORTEST_PAUSE, "longest": LONGEST_PAUSE}
        self.connection.execute(_POSTPONE, {"event": alert.id, "route": route, **bounds})


def _to_json(alert: Alert) -> str:
    return json.dumps({**asdict(alert), "oldest_at": alert.oldest_at.isoformat()})


def _from_json(event: str, incident: str, stored: dict[str, Any]) -> Alert:
    """``stored`` may have been written by 0.1.0: every field it lacks has a default."""
    return Alert(
        **{
            **stored,
            "id": event,
            "incident": incident,
            "kind": GapKind(stored["kind"]),
            "cause": Cause(stored["cause"]),
            "severity": Severity(stored["severity"]),
            "alert_type": AlertType(stored.get("alert_type", AlertType.OPENED)),
            "oldest_at": datetime.fromisoformat(stored["oldest_at"]),
            "references": tuple(stored["references"]),
            "events": tuple(stored.get("events", ())),
        }
    )
