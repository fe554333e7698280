"""Episodes: from the first gap of a kind and cause until there has been none for a while."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, text

from reconciler.domain.alerting.alerts import MOST_REFERENCES, GapGroup, IncidentKey
from reconciler.domain.alerting.incidents import Incident
from reconciler.domain.bookings import REFERENCE_LENGTH
from reconciler.domain.gaps import Cause, GapKind

# A lock of the transaction is safe behind a pooler; who waits for it longer than for any other leaves it to the next.
_ALONE = text("SELECT pg_advisory_xact_lock(hashtext('reconciler incidents'), hashtext(:scope))")
_GROUP = f"""
    SELECT kind, cause, key, count(*) AS found, count(*) FILTER (WHERE closed_at IS NULL) AS open,
           min(opened_at) AS since,
           (array_agg(CASE WHEN kind LIKE 'integration.%' THEN about ELSE left(about, {REFERENCE_LENGTH}) END
                      ORDER BY opened_at, about))[1:{MOST_REFERENCES}] AS "references",
           (array_agg(reason ORDER BY closed_at IS NOT NULL, opened_at, about))[1] AS code,
           (array_agg(detail ORDER BY closed_at IS NOT NULL, opened_at, about))[1] AS detail
    FROM {{}} GROUP BY kind, cause, key ORDER BY kind, cause, key
"""
_NOTE = text(f"""
    WITH noted AS (
        UPDATE reconciler.gap SET noted_at = :now
        WHERE id IN (SELECT id FROM reconciler.gap
                     WHERE scope = :scope AND kind = ANY(:kinds) AND noted_at IS NULL
                       AND (closed_at IS NULL OR closed_by = 'repaired')
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
_GOING_ON = text("""
    SELECT id::text AS id, kind, cause, key, opened_at, newest_at, found, at_error, alerted_found, alerted_at, deadline_at,
           paged_at
    FROM reconciler.incident WHERE scope = :scope AND ended_at IS NULL ORDER BY opened_at, kind, cause, key
""")
_BEGIN = text("""
    INSERT INTO reconciler.incident (id, scope, kind, cause, key, opened_at, newest_at, found, at_error, alerted_found,
                                    alerted_at, deadline_at, paged_at, ended_at)
    VALUES (CAST(:id AS uuid), :scope, :kind, :cause, :key, :opened_at, :newest_at, :found, :at_error, :alerted_found,
            :alerted_at, :deadline_at, :paged_at, :ended_at)
""")
_SAVE = text("""
    UPDATE reconciler.incident
    SET newest_at = :newest_at, found = :found, at_error = :at_error, alerted_found = :alerted_found, alerted_at = :alerted_at,
        deadline_at = :deadline_at, paged_at = :paged_at, ended_at = :ended_at
    WHERE id = CAST(:id AS uuid)
""")


@dataclass(frozen=True, slots=True)
class PostgresIncidents:
    """``ports.Incidents`` over one connection in one transaction."""

    connection: Connection
    scope: str

    def alone(self) -> None:
        self.connection.execute(_ALONE, {"scope": self.scope})

    def note(self, kinds: Collection[GapKind], now: datetime) -> Sequence[GapGroup]:
        values = {"scope": self.scope, "kinds": sorted(kinds), "now": now}
        return [_group(row) for row in self.connection.execute(_NOTE, values).mappings()]

    def open(self) -> Sequence[GapGroup]:
        return [_group(row) for row in self.connection.execute(_OPEN, {"scope": self.scope}).mappings()]

    def going_on(self) -> Sequence[Incident]:
        rows = self.connection.execute(_GOING_ON, {"scope": self.scope}).mappings()
        return [Incident(subject=_subject(row), **_rest(row)) for row in rows]

    def begin(self, incident: Incident) -> None:
        self.connection.execute(_BEGIN, _values(incident) | {"scope": self.scope})

    def save(self, incident: Incident) -> None:
        self.connection.execute(_SAVE, _values(incident))

    def repaired(self, incident: Incident) -> int:
        number: int = self.connection.scalar(_REPAIRED, _values(incident) | {"scope": self.scope})
        return number


_SUBJECT = ("kind", "cause", "key")
_STATE = (
    "id", "opened_at", "newest_at", "found", "at_error", "alerted_found", "alerted_at", "deadline_at", "paged_at", "ended_at",
)  # fmt: skip


def _values(incident: Incident) -> dict[str, object]:
    state = {name: getattr(incident, name) for name in _STATE}
    return state | {name: getattr(incident.subject, name) for name in _SUBJECT}


def _rest(row: RowMapping) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _SUBJECT}


def _subject(row: RowMapping) -> IncidentKey:
    return IncidentKey(kind=GapKind(row["kind"]), cause=Cause(row["cause"]), key=row["key"])


def _group(row: RowMapping) -> GapGroup:
    return GapGroup(
        subject=_subject(row),
        found=row["found"],
        open=row["open"],
        since=row["since"],
        references=tuple(row["references"]),
        code=row["code"],
        **row["detail"],
    )
