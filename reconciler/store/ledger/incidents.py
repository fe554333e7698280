"""Incidents in the ledger. An incident begins with the first gap of its key. It ends after a while without any."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, text

from reconciler.domain.alerting.alerts import MOST_REFERENCES, GapGroup, IncidentKey
from reconciler.domain.alerting.booking_names import public_reference
from reconciler.domain.alerting.incidents import Incident
from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.verdicts import HOLDS_BY_THE_HOUR
from reconciler.domain.gaps import Cause, GapKind
from reconciler.domain.rules.registry import find_aggregate

# The lock belongs to the transaction, so it works behind a pooler. If a process reaches lock_timeout here, it skips the
# evaluation. The next pass does it.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('reconciler incidents'), hashtext(:scope))")
_GROUP = f"""
    SELECT kind, cause, key, count(*) AS found, count(*) FILTER (WHERE closed_at IS NULL) AS open,
           min(opened_at) AS since,
           min(opened_at) FILTER (WHERE closed_at IS NULL AND reason <> ALL(:by_the_hour)) AS late_since,
           (array_agg(about ORDER BY opened_at, about))[1:{MOST_REFERENCES}] AS named,
           (SELECT id::text FROM reconciler.installation LIMIT 1) AS installation,
           (array_agg(reason ORDER BY closed_at IS NOT NULL, opened_at, about))[1] AS code,
           (array_agg(detail ORDER BY closed_at IS NOT NULL, opened_at, about))[1] AS detail
    FROM {{}} GROUP BY kind, cause, key ORDER BY kind, cause, key
"""
_BY_THE_HOUR = {"by_the_hour": sorted(HOLDS_BY_THE_HOUR)}
_NOTE_NEW = text(f"""
    WITH noted AS (
        UPDATE reconciler.gap SET noted_at = :now
        WHERE id IN (SELECT id FROM reconciler.gap
                     WHERE scope = :scope AND kind = ANY(:kinds) AND noted_at IS NULL
                       AND (closed_at IS NULL OR closed_by IN ('repaired', 'caution'))
                     ORDER BY id FOR UPDATE)
        RETURNING kind, cause, key, about, opened_at, closed_at, reason, detail)
    {_GROUP.format("noted")}
""")
_OPEN = text(
    _GROUP.format("reconciler.gap WHERE scope = :scope AND closed_at IS NULL AND noted_at IS NOT NULL"),
)
_REPAIRED = text("""
    SELECT count(*) FROM reconciler.gap
    WHERE scope = :scope AND kind = :kind AND cause = :cause AND key = :key
      AND closed_by = 'repaired' AND noted_at >= :opened_at
""")
_ONGOING = text("""
    SELECT id::text AS id, kind, cause, key, opened_at, newest_at, found, at_error, alerted_found, alerted_at,
           deadline_at, paged_at
    FROM reconciler.incident WHERE scope = :scope AND ended_at IS NULL ORDER BY opened_at, kind, cause, key
""")
_ADD = text("""
    INSERT INTO reconciler.incident (id, scope, kind, cause, key, opened_at, newest_at, found, at_error, alerted_found,
                                    alerted_at, deadline_at, paged_at, ended_at)
    VALUES (CAST(:id AS uuid), :scope, :kind, :cause, :key, :opened_at, :newest_at, :found, :at_error, :alerted_found,
            :alerted_at, :deadline_at, :paged_at, :ended_at)
""")
_SAVE = text("""
    UPDATE reconciler.incident
    SET newest_at = :newest_at, found = :found, at_error = :at_error, alerted_found = :alerted_found,
        alerted_at = :alerted_at, deadline_at = :deadline_at, paged_at = :paged_at, ended_at = :ended_at
    WHERE id = CAST(:id AS uuid)
""")


@dataclass(frozen=True, slots=True)
class PostgresIncidents:
    """``ports.Incidents`` over one connection in one transaction."""

    connection: Connection
    scope: str

    def lock(self) -> None:
        self.connection.execute(_LOCK, {"scope": self.scope})

    def note_new_gaps(self, kinds: Collection[GapKind], now: datetime) -> Sequence[GapGroup]:
        values = {"scope": self.scope, "kinds": sorted(kinds), "now": now, **_BY_THE_HOUR}
        return [_group(row) for row in self.connection.execute(_NOTE_NEW, values).mappings()]

    def open_gaps(self) -> Sequence[GapGroup]:
        return [_group(row) for row in self.connection.execute(_OPEN, {"scope": self.scope, **_BY_THE_HOUR}).mappings()]

    def ongoing(self) -> Sequence[Incident]:
        rows = self.connection.execute(_ONGOING, {"scope": self.scope}).mappings()
        return [Incident(key=_incident_key(row), **_state(row)) for row in rows]

    def add(self, incident: Incident) -> None:
        self.connection.execute(_ADD, _values(incident) | {"scope": self.scope})

    def save(self, incident: Incident) -> None:
        self.connection.execute(_SAVE, _values(incident))

    def repaired_count(self, incident: Incident) -> int:
        number: int = self.connection.scalar(_REPAIRED, _values(incident) | {"scope": self.scope})
        return number


_KEY_COLUMNS = ("kind", "cause", "key")
_STATE_COLUMNS = (
    "id", "opened_at", "newest_at", "found", "at_error", "alerted_found", "alerted_at", "deadline_at", "paged_at",
    "ended_at",
)  # fmt: skip


def _values(incident: Incident) -> dict[str, object]:
    state = {name: getattr(incident, name) for name in _STATE_COLUMNS}
    return state | {name: getattr(incident.key, name) for name in _KEY_COLUMNS}


def _state(row: RowMapping) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _KEY_COLUMNS}


def _incident_key(row: RowMapping) -> IncidentKey:
    return IncidentKey(kind=GapKind(row["kind"]), cause=Cause(row["cause"]), key=row["key"])


def _references(row: RowMapping) -> tuple[str, ...]:
    if find_aggregate(GapKind(row["kind"])):
        return ()
    if row["kind"].startswith("integration."):
        return tuple(row["named"])  # the effects that it blocks
    return tuple(public_reference(BookingId(about), row["installation"]) for about in row["named"])


def _group(row: RowMapping) -> GapGroup:
    return GapGroup(
        key=_incident_key(row),
        found=row["found"],
        open=row["open"],
        since=row["since"],
        late_since=row["late_since"],
        references=_references(row),
        code=row["code"],
        **row["detail"],
    )
