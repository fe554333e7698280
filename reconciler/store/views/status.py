"""Summary of the ledger for `status`: the last runs and the open gaps. Counts only, nothing personal."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import text

from reconciler.domain.bookings import REFERENCE_LENGTH
from reconciler.domain.decide.verdicts import HOLDS_BY_A_PERSON, Contradiction, Hold, Refusal
from reconciler.domain.gaps import Cause, GapKind
from reconciler.domain.place import PlaceView
from reconciler.domain.rules.registry import find_aggregate
from reconciler.errors import SQLSTATE
from reconciler.store.database import Database
from reconciler.store.ledger.check import require_ledger
from reconciler.store.ledger.installation.beacon import BeaconRow, read_beacon
from reconciler.store.ledger.installation.place import view_place
from reconciler.store.views.scans import unknown_kinds
from reconciler.store.views.together import Together, together

_RUNS = text("""
    SELECT DISTINCT ON (job) job, started_at, finished_at, result, counts
    FROM reconciler.run ORDER BY job, started_at DESC, id DESC
""")
_GAPS = text(f"""
    SELECT kind, cause, reason, count(*) AS number, min(opened_at) AS oldest,
           coalesce(string_agg(DISTINCT detail ->> 'seen', '; '), '') AS seen,
           left((array_agg(about ORDER BY opened_at, about))[1], {REFERENCE_LENGTH}) AS reference
    FROM reconciler.gap WHERE closed_at IS NULL GROUP BY kind, cause, reason ORDER BY kind, cause, reason
""")

_FINISHED = text("""
    SELECT job, finished_at FROM unnest(CAST(:jobs AS text[])) AS job, LATERAL (
        SELECT finished_at FROM reconciler.run AS run
        WHERE run.job = job.job AND run.scope = :scope AND finished_at IS NOT NULL
          -- A run in the future is of a wrong clock, and would hide that no job runs.
          AND run.started_at <= clock_timestamp() + interval '2 minutes'
        ORDER BY started_at DESC LIMIT 1
    ) AS last
""")

_UNSETTLED = text("""
    SELECT effect, state, count(*) FROM reconciler.intent WHERE state IN ('unknown', 'needs_human')
    GROUP BY effect, state ORDER BY effect, state
""")


class GapState(StrEnum):
    """What an open gap is waiting for."""

    REPAIRABLE = "repairable"
    """The next pass repairs it."""
    HELD = "held"
    """Held back for now; every pass checks it again."""
    NEEDS_HUMAN = "needs human"
    """A person has to act."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRun:
    job: str
    started_at: datetime
    finished_at: datetime | None
    """``None`` while it is running, or if it died."""
    result: str | None
    counts: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenGaps:
    """Open gaps of one kind, cause and reason."""

    kind: GapKind
    cause: Cause
    reason: str
    number: int
    oldest: datetime
    reference: str
    """Of the oldest gap's booking; meaningless for an integration and for an aggregate rule."""
    seen: str = ""
    """What was seen, where the gaps are those of an aggregate rule."""

    @property
    def state(self) -> GapState:
        blocked = self.kind.is_integration or find_aggregate(self.kind) is not None or self.reason.startswith(SQLSTATE)
        refused = self.reason in frozenset(Refusal) or self.reason in frozenset(Contradiction)
        if blocked or refused or self.reason in HOLDS_BY_A_PERSON:
            return GapState.NEEDS_HUMAN
        return GapState.HELD if self.reason in frozenset(Hold) else GapState.REPAIRABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusSnapshot:
    at: datetime
    """The database's clock."""
    place: PlaceView
    beacon: BeaconRow
    runs: tuple[LastRun, ...]
    gaps: tuple[OpenGaps, ...]
    unknown: Mapping[GapKind, str]
    """Kinds whose number of gaps is unknown, and why; rules that are off are among them."""
    unsettled: Mapping[str, int]
    """'effect state' -> number of repairs whose outcome is unknown, whether or not the gap is still open."""
    together: Together
    """The backlog and the coverage."""

    def number(self, state: GapState) -> int:
        return sum(gaps.number for gaps in self.gaps if gaps.state is state)


def status_snapshot(database: Database, scope: str = "") -> StatusSnapshot:
    """The current state of the ledger. ``scope``: whose scans count.

    Raises:
        DatabaseUnreachable: no connection.
        DatabaseDisagrees: our schema is missing, or not at the revision this version needs.
    """
    with database.transaction() as connection:
        require_ledger(connection)
        unsettled = connection.execute(_UNSETTLED)
        return StatusSnapshot(
            place=view_place(connection),
            beacon=read_beacon(connection),
            unknown=unknown_kinds(connection, scope),
            together=together(connection, scope),
            unsettled={f"{effect} {state}": number for effect, state, number in unsettled},
            at=connection.execute(text("SELECT clock_timestamp()")).scalar_one(),
            runs=tuple(LastRun(**row) for row in connection.execute(_RUNS).mappings()),
            gaps=tuple(
                OpenGaps(
                    kind=GapKind(row["kind"]),
                    cause=Cause(row["cause"]),
                    reason=row["reason"],
                    number=row["number"],
                    oldest=row["oldest"],
                    reference="" if find_aggregate(GapKind(row["kind"])) else row["reference"],
                    seen=row["seen"],
                )
                for row in connection.execute(_GAPS).mappings()
            ),
        )


def last_finished(database: Database, jobs: Collection[str], scope: str) -> tuple[Mapping[str, datetime], datetime]:
    """When each of these jobs last finished a run (absent if never), and the database's clock.

    Raises:
        DatabaseUnreachable: no connection.
        DatabaseDisagrees: our schema is missing, or not at the revision this version needs.
    """
    with database.transaction() as connection:
        require_ledger(connection)
        rows = connection.execute(_FINISHED, {"jobs": list(jobs), "scope": scope})
        finished = {row.job: row.finished_at for row in rows}
        return finished, connection.execute(text("SELECT clock_timestamp()")).scalar_one()
