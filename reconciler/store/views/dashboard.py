"""The ledger's state for the status page and the metrics, in one snapshot: counts, codes and references.

Nothing here reads the application's tables, so the cost does not depend on the number of bookings.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, RowMapping, text

from reconciler.domain.beacon import acting_fault
from reconciler.domain.bookings import BookingId, reference
from reconciler.domain.gaps import Cause, GapKind
from reconciler.domain.rules.registry import AGGREGATE, find_aggregate
from reconciler.store.database import READ, Database
from reconciler.store.ledger.check import require_ledger, revision
from reconciler.store.ledger.installation.beacon import read_beacon
from reconciler.store.ledger.installation.place import view_place
from reconciler.store.ledger.schema import REVISION
from reconciler.store.views.scans import unknown_kinds
from reconciler.store.views.status import LastRun, OpenGaps
from reconciler.store.views.together import Together, together

BOOKINGS_PER_GROUP = 5
"""Bookings named per group of gaps; the others are only counted."""
DAYS = 14
"""Days of found and repaired gaps, today included."""
_SINGLE = "kind NOT LIKE 'integration.%'"
_OF_BOOKINGS = f"{_SINGLE} AND kind NOT IN ({', '.join(repr(str(rule.kind)) for rule in AGGREGATE)})"

# One index entry per job and subquery, however many runs there were.
_RUNS = text("""
    SELECT job.name AS job, last.started_at, last.finished_at, last.result, last.counts,
           ended.started_at AS ended_from, ended.finished_at AS ended_at
    FROM unnest(CAST(:jobs AS text[])) AS job(name),
    LATERAL (SELECT * FROM reconciler.run AS run WHERE run.job = job.name AND run.scope = :scope
             ORDER BY started_at DESC, id DESC LIMIT 1) AS last
    LEFT JOIN LATERAL (SELECT * FROM reconciler.run AS run
                       WHERE run.job = job.name AND run.scope = :scope
                         AND finished_at IS NOT NULL AND result <> 'crashed'
                       ORDER BY started_at DESC, id DESC LIMIT 1) AS ended ON true
""")
_GROUPS = text(f"""
    SELECT kind, cause, reason, count(*) AS number, min(opened_at) AS oldest,
           coalesce(string_agg(DISTINCT detail ->> 'seen', '; '), '') AS seen,
           (array_agg(about ORDER BY opened_at, id))[1:{BOOKINGS_PER_GROUP}] AS named
    FROM reconciler.gap WHERE scope = :scope AND closed_at IS NULL AND {_SINGLE}
    GROUP BY kind, cause, reason ORDER BY kind, cause, reason
""")
_FAULTS = text("""
    SELECT kind, about, reason AS code, opened_at AS since, coalesce(detail->>'seen', '') AS seen,
           coalesce(detail->>'remedy', '') AS remedy, coalesce(detail->>'sql', '') AS sql
    FROM reconciler.gap WHERE scope = :scope AND closed_at IS NULL AND kind LIKE 'integration.%'
    ORDER BY opened_at, id
""")
_UNSETTLED = text("""
    SELECT effect, state, count(*) FROM reconciler.intent
    WHERE scope = :scope AND state IN ('unknown', 'needs_human') GROUP BY effect, state ORDER BY effect, state
""")
# Each part uses its own index: open gaps, and gaps closed since. ``midnights`` are the starts of the days.
_DAYS = text(f"""
    SELECT day, sum(found)::int AS found, sum(repaired)::int AS repaired FROM (
        SELECT width_bucket(opened_at, CAST(:midnights AS timestamptz[])) AS day, count(*) AS found, 0 AS repaired
        FROM reconciler.gap
        WHERE scope = :scope AND closed_at IS NULL AND opened_at >= :since AND {_OF_BOOKINGS} GROUP BY 1
        UNION ALL
        SELECT width_bucket(opened_at, CAST(:midnights AS timestamptz[])), count(*), 0 FROM reconciler.gap
        WHERE scope = :scope AND closed_at >= :since AND opened_at >= :since AND {_OF_BOOKINGS} GROUP BY 1
        UNION ALL
        SELECT width_bucket(closed_at, CAST(:midnights AS timestamptz[])), 0, count(*) FROM reconciler.gap
        WHERE scope = :scope AND closed_at >= :since AND closed_by = 'repaired' AND {_OF_BOOKINGS} GROUP BY 1
    ) AS moved GROUP BY day
""")
_ENDED = text("""
    SELECT effect, state, count(*) FROM reconciler.intent
    WHERE scope = :scope AND state IN ('done', 'refused', 'dropped') AND updated_at >= :since GROUP BY effect, state
""")
_COUNTED = text("""
    SELECT run.job, counted.key AS name, sum(counted.value::bigint)::bigint AS number
    FROM reconciler.run AS run, jsonb_each_text(run.counts) AS counted
    WHERE run.job = ANY(:jobs) AND run.scope = :scope AND run.started_at >= :since
    GROUP BY run.job, counted.key
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRun:
    """The last run of a job that finished without crashing."""

    began_at: datetime
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenGapGroup:
    """Open gaps of one kind, cause and reason, and their longest-waiting bookings."""

    gaps: OpenGaps
    named: Sequence[BookingId]

    @property
    def more(self) -> int:
        return 0 if self.is_aggregate else self.gaps.number - len(self.named)

    @property
    def is_aggregate(self) -> bool:
        """Whether it is about many bookings together, and names none."""
        return find_aggregate(self.gaps.kind) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRow:
    """A broken integration, as recorded by the pass that found it."""

    kind: GapKind
    about: str
    code: str
    since: datetime
    seen: str
    remedy: str
    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    day: date
    found: int
    repaired: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardSnapshot:
    at: datetime
    """The database's clock."""
    runs: Mapping[str, LastRun]
    ended: Mapping[str, FinishedRun]
    groups: Sequence[OpenGapGroup]
    faults: Sequence[FaultRow]
    unsettled: Mapping[tuple[str, str], int]
    """Effect and state -> number of repairs whose outcome is unknown."""
    unknown: Mapping[GapKind, str]
    """Kinds whose number of gaps is unknown, and why; rules that are off are among them."""
    together: Together
    """The backlog and the coverage."""
    days: Sequence[Day]
    """The last ``DAYS`` days in the venue's time zone, today last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastDay:
    counted: Mapping[tuple[str, str], int]
    """Job and counter -> the sum over its runs."""
    ended: Mapping[tuple[str, str], int]
    """Effect and final state -> number of repairs."""


def dashboard_snapshot(database: Database, jobs: Collection[str], scope: str, zone: ZoneInfo) -> DashboardSnapshot:
    """The current state of our part of the ledger.

    Raises:
        DatabaseUnreachable: no connection, or no answer in time.
        DatabaseDisagrees: our schema is missing, or not at the revision this version needs.
    """
    with database.transaction(READ) as connection:
        require_ledger(connection)
        at = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        runs = connection.execute(_RUNS, {"jobs": list(jobs), "scope": scope}).mappings().all()
        unsettled = connection.execute(_UNSETTLED, {"scope": scope})
        return DashboardSnapshot(
            at=at,
            runs={row["job"]: _run(row) for row in runs},
            ended={row["job"]: _ended(row) for row in runs if row["ended_at"]},
            groups=_groups(connection, scope),
            faults=(*_place(connection, at), *_faults(connection, scope)),
            unsettled={(effect, state): number for effect, state, number in unsettled},
            unknown=unknown_kinds(connection, scope),
            together=together(connection, scope),
            days=_days(connection, scope, zone, at),
        )


def last_runs(database: Database, jobs: Collection[str], scope: str) -> Mapping[str, LastRun]:
    """The last run of each job that has run; empty while our schema does not exist.

    Raises:
        DatabaseUnreachable: no connection, or no answer in time.
    """
    with database.transaction(READ) as connection:
        if revision(connection) != REVISION:
            return {}
        rows = connection.execute(_RUNS, {"jobs": list(jobs), "scope": scope}).mappings()
        return {row["job"]: _run(row) for row in rows}


def last_day(database: Database, jobs: Collection[str], scope: str) -> LastDay:
    """What happened within the last 24 hours.

    Raises:
        DatabaseUnreachable: no connection, or no answer in time.
        DatabaseDisagrees: our schema is missing, or not at the revision this version needs.
    """
    with database.transaction(READ) as connection:
        require_ledger(connection)
        since = connection.execute(text("SELECT clock_timestamp() - interval '24 hours'")).scalar_one()
        counted = connection.execute(_COUNTED, {"jobs": list(jobs), "scope": scope, "since": since})
        ended = connection.execute(_ENDED, {"scope": scope, "since": since})
        return LastDay(
            counted={(job, name): number for job, name, number in counted},
            ended={(effect, state): number for effect, state, number in ended},
        )


def _faults(connection: Connection, scope: str) -> Iterator[FaultRow]:
    for row in connection.execute(_FAULTS, {"scope": scope}).mappings():
        yield FaultRow(**{**row, "kind": GapKind(row["kind"])})


def _place(connection: Connection, at: datetime) -> Iterator[FaultRow]:
    """Nothing acts in another place, so nothing records it either: it is seen by whoever looks."""
    fault = acting_fault(view_place(connection), read_beacon(connection).status)
    if fault:
        yield FaultRow(
            kind=fault.kind, about="", code=fault.code, since=at, seen=fault.seen, remedy=fault.remedy, sql=""
        )


def _run(row: RowMapping) -> LastRun:
    return LastRun(
        job=row["job"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        result=row["result"],
        counts=row["counts"],
    )


def _ended(row: RowMapping) -> FinishedRun:
    return FinishedRun(began_at=row["ended_from"], at=row["ended_at"])


def _groups(connection: Connection, scope: str) -> Sequence[OpenGapGroup]:
    return tuple(
        OpenGapGroup(
            gaps=OpenGaps(
                kind=GapKind(row["kind"]),
                cause=Cause(row["cause"]),
                reason=row["reason"],
                number=row["number"],
                oldest=row["oldest"],
                reference=reference(BookingId(row["named"][0])),
                seen=row["seen"],
            ),
            named=() if find_aggregate(GapKind(row["kind"])) else tuple(map(BookingId, row["named"])),
        )
        for row in connection.execute(_GROUPS, {"scope": scope}).mappings()
    )


def _days(connection: Connection, scope: str, zone: ZoneInfo, at: datetime) -> Sequence[Day]:
    first = at.astimezone(zone).date() - timedelta(days=DAYS - 1)
    days = [first + timedelta(days=number) for number in range(DAYS)]
    midnights = [datetime.combine(day, time(), tzinfo=zone) for day in days]
    rows = connection.execute(_DAYS, {"scope": scope, "midnights": midnights, "since": midnights[0]})
    moved = {row.day: (row.found, row.repaired) for row in rows}
    counted = [(day, *moved.get(number, (0, 0))) for number, day in enumerate(days, start=1)]
    return tuple(Day(day=day, found=found, repaired=repaired) for day, found, repaired in counted)
