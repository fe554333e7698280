"""What is known of many bookings together: the backlog, and how many new bookings the rules apply to.

Every method may raise ``DatabaseUnreachable`` and ``DatabaseDisagrees`` (``ports.store``).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.backlog import BacklogCount, WrittenOff
from reconciler.domain.decide.coverage.past_shares import Outs
from reconciler.domain.decide.coverage.pauses import Pauses
from reconciler.domain.gaps import GapKind


class BacklogBookings(Protocol):
    """Bookings made before ``since`` that break a rule, and those of them that a person has written off."""

    def count(self, kinds: Collection[GapKind], now: datetime, since: datetime) -> Mapping[GapKind, int]:
        """How many there are under each rule. Those written off, and those that the ledger has repaired, are not."""
        ...

    def bookings(
        self, kind: GapKind, now: datetime, since: datetime, wanted: Collection[BookingId] | None = None
    ) -> Sequence[BookingId]:
        """Those that ``count`` counts, oldest first; only ``wanted`` ones, if given."""
        ...

    def stored(self) -> BacklogCount | None:
        """The last count; ``None`` before the first."""
        ...

    def store(self, counts: Mapping[GapKind, int], since: datetime) -> None:
        """Replace the last count. Its time is the database's."""
        ...

    def write_off(self, kind: GapKind, bookings: Collection[BookingId], by: str, reason: str) -> int:
        """Write these bookings off under one rule. Returns how many were not written off before."""
        ...

    def take_back(self, bookings: Collection[BookingId] | None, by: str, reason: str) -> int:
        """Undo write-offs: of these bookings, or all. Returns how many."""
        ...

    def written_off(self, limit: int) -> Sequence[WrittenOff]:
        """What is written off, newest first, grouped by person, reason and time."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedDays:
    """Counts of bookings by ``Outs``."""

    new: Mapping[Outs, int]
    """The bookings made since ``new_from``, those with a time that is ahead included."""
    days: Mapping[date, Mapping[Outs, int]]
    """The bookings of each day of the venue."""


class CoverageCounts(Protocol):
    """New bookings, counted by the reasons why rules do not apply to them."""

    def count(self, kinds: Sequence[GapKind], now: datetime, new_from: datetime, since: datetime) -> CountedDays:
        """Count the bookings made since ``since``."""
        ...

    def recent(self, kinds: Sequence[GapKind], now: datetime, number: int) -> Sequence[tuple[date, Outs]]:
        """The last bookings, newest first."""
        ...

    def of_booking(self, kinds: Sequence[GapKind], now: datetime, booking: BookingId) -> Outs | None:
        """How this booking is counted; ``None`` if it is gone."""
        ...

    def outside(self, most: int) -> int:
        """0 if ``bookings.only`` selects a booking; otherwise the number of bookings in the table, up to ``most``."""
        ...

    def pauses(self, now: datetime) -> Pauses:
        """The pauses between the bookings of a year."""
        ...

    def stored_days(self, since: date) -> Mapping[date, Mapping[Outs, int]]:
        """The days that the ledger has counts of, as they were on the day."""
        ...

    def store_days(self, days: Mapping[date, Mapping[Outs, int]], *, replace_from: date) -> None:
        """Keep the counts of days. A day before ``replace_from`` keeps the counts it has."""
        ...

    def stored(self) -> Mapping[str, object] | None:
        """What was stored of the last verdict, and ``at``, its time."""
        ...

    def store(self, data: Mapping[str, object]) -> None:
        """Replace the last verdict. Its time is the database's."""
        ...
