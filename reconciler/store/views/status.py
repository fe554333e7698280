"""What the ledger says about the last passes and what is open: counts only, nothing personal."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import text

from reconciler.domain.bookings import REFERENCE_LENGTH
from reconciler.domain.decide.verdicts import HOLDS_BY_A_PERSON, Hold, Refusal
from reconciler.domain.gaps import Cause, GapKind
from reconciler.errors import SQLSTATE
from reconciler.store import migrate
from reconciler.store.database import Database

_RUNS = text("""
    SELECT DISTINCT ON (job) job, started_at, finished_at, result, counts
    FROM reconciler.run ORDER BY job, started_at DESC, id DESC
""")
_GAPS = text(f"""
    SELECT kind, cause, reason, count(*) AS number, min(opened_at) AS oldest,
           left((array_agg(about ORDER BY opened_at, about))[1], {REFERENCE_LENGTH}) AS reference
    FROM reconciler.gap WHERE closed_at IS NULL GROUP BY kind, cause, reason ORDER BY kind, cause, reason
""")

_FINISHED = text("""
    SELECT job, finished_at FROM unnest(CAST(:jobs AS text[])) AS job, LATERAL (
        SELECT finished_at FROM reconciler.run AS run
        WHERE run.job = job.job AND run.scope = :scope AND finished_at IS NOT NULL
        ORDER BY started_at DESC LIMIT 1
    ) AS last
""")

_UNSETTLED = text("""
    SELECT effect, state, count(*) FROM reconciler.intent WHERE state IN ('unknown', 'needs_human')
    GROUP BY effect, state ORDER BY effect, state
""")


class GapState(StrEnum):
    """Whose turn it is with an open gap."""

    REPAIRABLE = "repairable"
    """Ours: the next pass mends it."""
    WAITING = "waiting"
    """Nobody's for now: held back, and looked at again by every pass."""
    REFUSED = "refused"
    """A person's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRun:
    job: str
    started_at: datetime
    finished_at: datetime | None
    """``None``: it is running, or it died."""
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
    """Of the oldest; of no use for an integration."""

    @property
    def state(self) -> GapState:
        blocked = self.kind.is_integration or self.reason.startswith(SQLSTATE)
        if blocked or self.reason in frozenset(Refusal) or self.reason in HOLDS_BY_A_PERSON:
            return GapState.REFUSED
        return GapState.WAITING if self.reason in frozenset(Hold) else GapState.REPAIRABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusSnapshot:
    at: datetime
    """The database's clock."""
    runs: tuple[LastRun, ...]
    gaps: tuple[OpenGaps, ...]
    unsettled: Mapping[str, int]
    """Repairs whose outcome is not known: how many per effect and state, their bookings' gaps open or not."""

    def number(self, turn: GapState) -> int:
        return sum(gaps.number for gaps in self.gaps if gaps.state is turn)


def status_snapshot(database: Database) -> StatusSnapshot:
    """The state of the ledger.

    Raises:
        DatabaseUnreachable: no connection.
        DatabaseDisagrees: our schema is not there, or not the one this version wants.
    """
    with database.transaction() as connection:
        migrate.require_ledger(connection)
        unsettled = connection.execute(_UNSETTLED)
        return StatusSnapshot(
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
                    reference=row["reference"],
                )
                for row in connection.execute(_GAPS).mappings()
            ),
        )


def last_finished(database: Database, jobs: Collection[str], scope: str) -> tuple[Mapping[str, datetime], datetime]:
    """When the last finished run of each of these jobs ended, where there is one; and the database's clock.

    Raises:
        DatabaseUnreachable: no connection.
        DatabaseDisagrees: our schema is not there, or not the one this version wants.
    """
    with database.transaction() as connection:
        migrate.require_ledger(connection)
        rows = connection.execute(_FINISHED, {"jobs": list(jobs), "scope": scope})
        finished = {row.job: row.finished_at for row in rows}
        return finished, connection.execute(text("SELECT clock_timestamp()")).scalar_one()
