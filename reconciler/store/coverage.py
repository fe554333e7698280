"""``ports.CoverageCounts``: new bookings from the application's table, and earlier days from the ledger."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.coverage.past_shares import Outs
from reconciler.domain.decide.coverage.pauses import SHORTEST_PAUSE, YEAR, Pauses
from reconciler.domain.gaps import GapKind
from reconciler.ports import CountedDays
from reconciler.store.app.conditions import AppTables
from reconciler.store.app.counts import new_bookings
from reconciler.store.ledger.sources import SourceKey

_DAYS = text("""
    SELECT day, counts FROM reconciler.coverage_day WHERE scope = :scope AND source = :source AND day >= :since
""")
_STORE_DAY = text("""
    INSERT INTO reconciler.coverage_day AS kept (scope, source, day, counts)
    VALUES (:scope, :source, :day, CAST(:counts AS jsonb))
    ON CONFLICT (scope, source, day) DO UPDATE SET counts = excluded.counts WHERE kept.day >= :from
""")
_FORGET = text("DELETE FROM reconciler.coverage_day WHERE scope = :scope AND source = :source AND day < :oldest")
_STORED = text("SELECT data, counted_at FROM reconciler.coverage WHERE scope = :scope AND source = :source")
_STORE = text("""
    INSERT INTO reconciler.coverage (scope, source, data, counted_at)
    VALUES (:scope, :source, CAST(:data AS jsonb), clock_timestamp())
    ON CONFLICT (scope, source) DO UPDATE SET data = excluded.data, counted_at = excluded.counted_at
""")
KEPT = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class PostgresCoverage:
    """``ports.CoverageCounts`` over one connection in one transaction."""

    connection: Connection
    scope: str
    source_key: SourceKey
    tables: AppTables

    def count(self, kinds: Sequence[GapKind], now: datetime, new_from: datetime, since: datetime) -> CountedDays:
        new: dict[Outs, int] = defaultdict(int)
        days: dict[date, dict[Outs, int]] = defaultdict(lambda: defaultdict(int))
        statement = new_bookings.count_by_reason(self.tables, kinds, now, new_from, since)
        for row in self.connection.execute(statement).mappings():
            outs = new_bookings.outs(row, kinds)
            days[row["day"]][outs] += row["number"]
            if row["is_new"]:
                new[outs] += row["number"]
        return CountedDays(new=dict(new), days={day: dict(counts) for day, counts in days.items()})

    def recent(self, kinds: Sequence[GapKind], now: datetime, number: int) -> Sequence[tuple[date, Outs]]:
        rows = self.connection.execute(new_bookings.last_bookings(self.tables, kinds, now, number)).mappings()
        return [(row["day"], new_bookings.outs(row, kinds)) for row in rows]

    def of_booking(self, kinds: Sequence[GapKind], now: datetime, booking: BookingId) -> Outs | None:
        statement = new_bookings.of_booking(self.tables, tuple(kinds))
        row = self.connection.execute(statement, {"now": now, "id": booking}).mappings().first()
        return new_bookings.outs(row, kinds) if row else None

    def outside(self, most: int) -> int:
        if self.connection.execute(new_bookings.any_in_scope(self.tables)).first():
            return 0
        number: int = self.connection.execute(new_bookings.some_rows(self.tables, most)).scalar_one()
        return number

    def pauses(self, now: datetime) -> Pauses:
        first, last = self.connection.execute(new_bookings.first_and_last(self.tables, now)).one()
        if last is None or now - last <= SHORTEST_PAUSE:
            return Pauses(first=first, last=last, longest=timedelta(0))
        longest = self.connection.execute(new_bookings.pauses(self.tables, now, now - YEAR)).scalar_one()
        return Pauses(first=first, last=last, longest=longest or timedelta(0))

    def stored_days(self, since: date) -> Mapping[date, Mapping[Outs, int]]:
        rows = self.connection.execute(_DAYS, {**self._ours, "since": since})
        return {row.day: {_outs(name): number for name, number in row.counts.items()} for row in rows}

    def store_days(self, days: Mapping[date, Mapping[Outs, int]], *, replace_from: date) -> None:
        many = [
            {
                **self._ours,
                "day": day,
                "counts": json.dumps({_name(outs): number for outs, number in counts.items()}),
                "from": replace_from,
            }
            for day, counts in sorted(days.items())
        ]
        if many:
            self.connection.execute(_STORE_DAY, many)
        self.connection.execute(_FORGET, {**self._ours, "oldest": replace_from - KEPT})

    def stored(self) -> Mapping[str, object] | None:
        row = self.connection.execute(_STORED, self._ours).first()
        return {**row.data, "at": row.counted_at} if row else None

    def store(self, data: Mapping[str, object]) -> None:
        self.connection.execute(_STORE, {**self._ours, "data": json.dumps(data)})

    @property
    def _ours(self) -> dict[str, Any]:
        return {"scope": self.scope, "source": self.source_key.of(self.connection)}


def _name(outs: Outs) -> str:
    return json.dumps(outs)


def _outs(name: str) -> Outs:
    return tuple((GapKind(kind), reason) for kind, reason in json.loads(name))
