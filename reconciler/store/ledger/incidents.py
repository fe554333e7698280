"""Episodes: from the first gap of a kind and cause until there has been none for a while."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, text

from reconciler.domain.alerting.alerts import MOST_REFERENCES, Group, Subject
from reconciler.domain.alerting.incidents import Episode
from reconciler.domain.bookings import REFERENCE_LENGTH
from reconciler.domain.gaps import Cause, GapKind

# A lock of the transaction is safe behind a pooler; who waits for it longer than for any other leaves it to the next.
_ALONE = text("SELECT pg_advisory_xact_lock(hashtext('reconciler episodes'), hashtext(:scope))")
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
    SELECT id::text AS id, kind, cause, key, opened_at, newest_at, found, at_error, told_found, told_at, deadline_at,
           paged_at
    FROM reconciler.episode WHERE scope = :scope AND ended_at IS NULL ORDER BY opened_at, kind, cause, key
""")
_BEGIN = text("""
    INSERT INTO reconciler.episode (id, scope, kind, cause, key, opened_at, newest_at, found, at_error, told_found,
                                    told_at, deadline_at, paged_at, ended_at)
    VALUES (CAST(:id AS uuid), :scope, :kind, :cause, :key, :opened_at, :newest_at, :found, :at_error, :told_found,
            :told_at, :deadline_at, :paged_at, :ended_at)
""")
_SAVE = text("""
    UPDATE reconciler.episode
    SET newest_at = :newest_at, found = :found, at_error = :at_error, told_found = :told_found, told_at = :told_at,
        deadline_at = :deadline_at, paged_at = :paged_at, ended_at = :ended_at
    WHERE id = CAST(:id AS uuid)
""")


@dataclass(frozen=True, slots=True)
class PostgresEpisodes:
    """``ports.Episodes`` over one connection in one transaction."""

    connection: Connection
    scope: str

    def alone(self) -> None:
        self.connection.execute(_ALONE, {"scope": self.scope})

    def note(self, kinds: Collection[GapKind], now: datetime) -> Sequence[Group]:
        values = {"scope": self.scope, "kinds": sorted(kinds), "now": now}
        return [_group(row) for row in self.connection.execute(_NOTE, values).mappings()]

    def open(self) -> Sequence[Group]:
        return [_group(row) for row in self.connection.execute(_OPEN, {"scope": self.scope}).mappings()]

    def going_on(self) -> Sequence[Episode]:
        rows = self.connection.execute(_GOING_ON, {"scope": self.scope}).mappings()
        return [Episode(subject=_subject(row), **_rest(row)) for row in rows]

    def begin(self, episode: Episode) -> None:
        self.connection.execute(_BEGIN, _values(episode) | {"scope": self.scope})

    def save(self, episode: Episode) -> None:
        self.connection.execute(_SAVE, _values(episode))

    def repaired(self, episode: Episode) -> int:
        number: int = self.connection.scalar(_REPAIRED, _values(episode) | {"scope": self.scope})
        return number


_SUBJECT = ("kind", "cause", "key")
_STATE = (
    "id", "opened_at", "newest_at", "found", "at_error", "told_found", "told_at", "deadline_at", "paged_at", "ended_at",
)  # fmt: skip


def _values(episode: Episode) -> dict[str, object]:
    state = {name: getattr(episode, name) for name in _STATE}
    return state | {name: getattr(episode.subject, name) for name in _SUBJECT}


def _rest(row: RowMapping) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _SUBJECT}


def _subject(row: RowMapping) -> Subject:
    return Subject(kind=GapKind(row["kind"]), cause=Cause(row["cause"]), key=row["key"])


def _group(row: RowMapping) -> Group:
    return Group(
        subject=_subject(row),
        found=row["found"],
        open=row["open"],
        since=row["since"],
        references=tuple(row["references"]),
        code=row["code"],
        **row["detail"],
    )
