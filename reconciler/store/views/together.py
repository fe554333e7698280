"""The last counts of the backlog and of the coverage, as the ledger has them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from reconciler.domain.decide.backlog import BacklogCount
from reconciler.domain.gaps import GapKind

_BACKLOG = text("""
    SELECT kind, sum(number)::bigint AS number, max(since) AS since, min(counted_at) AS at
    FROM reconciler.backlog WHERE scope = :scope GROUP BY kind
""")
_WRITTEN_OFF = text("SELECT count(*) FROM reconciler.write_off WHERE scope = :scope AND undone_at IS NULL")
_COVERAGE = text("""
    SELECT data, counted_at AS at FROM reconciler.coverage WHERE scope = :scope ORDER BY counted_at DESC LIMIT 1
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageShare:
    """The last coverage."""

    of: int
    share: float | None
    usual: float | None
    at: datetime
    """When it was counted, by the database's clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """What is known of many bookings together."""

    backlog: BacklogCount | None = None
    """``None``: it was never counted."""
    written_off: int = 0
    coverage: CoverageShare | None = None
    """``None``: it was never counted."""

    @property
    def open_backlog(self) -> BacklogCount | None:
        """The backlog, if there is one."""
        return self.backlog if self.backlog and self.backlog.is_open else None


def together(connection: Connection, scope: str) -> Together:
    """The last counts of our scope."""
    rows = connection.execute(_BACKLOG, {"scope": scope}).all()
    last = connection.execute(_COVERAGE, {"scope": scope}).first()
    return Together(
        backlog=BacklogCount(
            counts={GapKind(row.kind): row.number for row in rows},
            since=max(row.since for row in rows),
            at=min(row.at for row in rows),
        )
        if rows
        else None,
        written_off=connection.execute(_WRITTEN_OFF, {"scope": scope}).scalar_one(),
        coverage=_share(last.data, last.at) if last else None,
    )


def _share(data: Mapping[str, Any], at: datetime) -> CoverageShare:
    return CoverageShare(of=data["of"], share=data["share"], usual=data["usual"], at=at)
