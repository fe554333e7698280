"""``ports.Retention`` over PostgreSQL. Each statement finds old rows by an index and takes the oldest first."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Text, cast, select, text

from reconciler.domain.alerting.incidents import SENTRY_ROUTE
from reconciler.domain.bookings import BookingId
from reconciler.domain.gaps import IntegrationFault
from reconciler.domain.intents import IntentId, State
from reconciler.ports import Cursor, IntentPage, Prunable
from reconciler.store.app import scan
from reconciler.store.app.conditions import AppTables, may_be_to_come
from reconciler.store.app.mapping import one_of
from reconciler.store.schema import checks, requirements
from reconciler.text.sql_quoting import literal

_FINAL = "state IN ({})".format(", ".join(literal(str(state)) for state in State if state.is_final))
# The generation counts a booking's intents, so its history is removed as a whole or not at all.
_OLD_INTENTS = text(f"""
    SELECT id::text AS id, booking, updated_at,
           EXISTS (SELECT FROM reconciler.intent AS other
                   WHERE other.booking = intent.booking
                     AND NOT (other.{_FINAL} AND other.updated_at < :before)) AS in_use
    FROM reconciler.intent AS intent
    WHERE scope = :scope AND {_FINAL} AND updated_at < :before
      AND (CAST(:at AS timestamptz) IS NULL OR (updated_at, id) > (CAST(:at AS timestamptz), CAST(:id AS uuid)))
    ORDER BY updated_at, id LIMIT :most
""")
# Two concurrent removals lock in the same order: the second waits, then finds nothing.
_REMOVE_INTENTS = text(f"""
    DELETE FROM reconciler.intent
    WHERE id IN (SELECT id FROM reconciler.intent
                 WHERE id = ANY(CAST(:intents AS uuid[])) AND {_FINAL} AND updated_at < :before
                 ORDER BY id FOR UPDATE)
""")
# A run may be removed once a later run proves at least as much: that the job runs at all (any run), when it last
# completed (finished), when it last scanned everything (full).
_OLD = {
    Prunable.RUNS: """
        started_at < :before AND EXISTS (
            SELECT FROM reconciler.run AS later
            WHERE later.job = old.job AND later.scope = old.scope
              AND (later.started_at, later.id) > (old.started_at, old.id)
              AND (later.finished_at IS NOT NULL) >= (old.finished_at IS NOT NULL)
              AND (later.finished_at IS NOT NULL AND later.full_scan)
                  >= (old.finished_at IS NOT NULL AND old.full_scan))
    """,
    # A repaired gap that was not noted yet is still to be alerted; one closed for another reason never will be.
    Prunable.GAPS: "closed_at < :before AND (noted_at IS NOT NULL OR closed_by <> 'repaired')",
    Prunable.INCIDENTS: f"""
        ended_at < :before AND NOT EXISTS (
            SELECT FROM reconciler.outbox
            WHERE incident = old.id AND route = '{SENTRY_ROUTE}' AND delivered_at IS NULL)
    """,
    # An undelivered alert this old belongs to an on-call route that was removed.
    Prunable.ALERTS: f"created_at < :before AND (delivered_at IS NOT NULL OR route <> '{SENTRY_ROUTE}')",
}
_SINCE = {
    Prunable.RUNS: "started_at",
    Prunable.GAPS: "closed_at",
    Prunable.INCIDENTS: "ended_at",
    Prunable.ALERTS: "created_at",
}
_TABLE = {
    Prunable.RUNS: "reconciler.run",
    Prunable.GAPS: "reconciler.gap",
    Prunable.INCIDENTS: "reconciler.incident",
    Prunable.ALERTS: "reconciler.outbox",
}
_COUNT = {
    what: text(f"SELECT count(*) FROM {_TABLE[what]} AS old WHERE scope = :scope AND {old}")
    for what, old in _OLD.items()
}
_REMOVE = {
    what: text(f"""
        DELETE FROM {_TABLE[what]}
        WHERE id = ANY(ARRAY(SELECT id FROM {_TABLE[what]} AS old WHERE scope = :scope AND {old}
                             ORDER BY {_SINCE[what]} LIMIT :most FOR UPDATE SKIP LOCKED))
    """)
    for what, old in _OLD.items()
}


@dataclass(frozen=True, slots=True)
class PostgresRetention:
    """``ports.Retention`` over one connection in one transaction."""

    connection: Connection
    scope: str
    tables: AppTables

    def read_faults(self) -> Sequence[IntegrationFault]:
        return checks.faults(self.connection, [requirements.of_dates(self.tables.application)], writing=False)

    def old_intents(self, before: datetime, most: int, after: Cursor | None) -> IntentPage:
        at, id_ = after or (None, None)
        values = {"scope": self.scope, "before": before, "most": most, "at": at, "id": id_}
        rows = self.connection.execute(_OLD_INTENTS, values).mappings().all()
        to_come = self._to_come({BookingId(row["booking"]) for row in rows if not row["in_use"]}, before)
        return IntentPage(
            intents=[IntentId(row["id"]) for row in rows if not row["in_use"] and row["booking"] not in to_come],
            last=(rows[-1]["updated_at"], IntentId(rows[-1]["id"])) if len(rows) == most else None,
        )

    def _to_come(self, bookings: Collection[BookingId], before: datetime) -> set[BookingId]:
        key = self.tables.booking.c.id
        statement = select(cast(key, Text)).where(may_be_to_come(self.tables, before))
        return {
            BookingId(found)
            for some in scan.chunks(sorted(bookings))
            for found in self.connection.scalars(statement.where(one_of(key, some)))
        }

    def remove_intents(self, intents: Sequence[IntentId], before: datetime) -> int:
        if not intents:
            return 0
        return self.connection.execute(_REMOVE_INTENTS, {"intents": list(intents), "before": before}).rowcount

    def count(self, what: Prunable, before: datetime) -> int:
        number: int = self.connection.scalar(_COUNT[what], {"scope": self.scope, "before": before})
        return number

    def remove(self, what: Prunable, before: datetime, most: int) -> int:
        return self.connection.execute(_REMOVE[what], {"scope": self.scope, "before": before, "most": most}).rowcount
