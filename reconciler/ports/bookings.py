"""The application's tables, through the mapping of cron.yaml.

Every method may raise ``DatabaseUnreachable`` and ``DatabaseDisagrees`` (``ports.store``).
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from reconciler.domain.bookings import Booking, BookingId
from reconciler.domain.decide.breaker import Demand
from reconciler.domain.decide.plan import EVERYTHING, BookingRange, ScanRows
from reconciler.domain.decide.verdicts import Condition, Finding
from reconciler.domain.doctor import CheckResult, Note
from reconciler.domain.explain.remediation import Constraint, RequiredChange
from reconciler.domain.gaps import Effect, GapKind, IntegrationFault


class Lock(StrEnum):
    HELD = "held"
    BUSY = "busy"
    GONE = "gone"


class Bookings(Protocol):
    """The application's tables, through the mapping of cron.yaml."""

    def effect_faults(self, effect: Effect, *, writing: bool) -> Sequence[IntegrationFault]:
        """What in the database would falsify this effect's scan or, if ``writing``, break its repairs."""
        ...

    def read_faults(self, kind: GapKind) -> Sequence[IntegrationFault]:
        """What in the database would falsify the scan of a report-only rule. Checks reading only, no right to write."""
        ...

    def try_writes(self, effect: Effect) -> CheckResult:
        """Try what a repair of this effect would write, and roll it back: only a write proves that a write works.

        For SMS, a queue row for every trigger and status we write, under the id of a booking that does not exist. For
        the calendar, one booking's own event id, unchanged. Needs a transaction that may write.
        """
        ...

    def zone_faults(self, now: datetime) -> Sequence[IntegrationFault]:
        """Whether the database knows the venue's time zone otherwise than we do, in the year ahead."""
        ...

    def notes(self) -> Sequence[Note]:
        """Warnings about the tables that break nothing: missing indexes, wrong defaults."""
        ...

    def scan(
        self,
        kind: GapKind,
        now: datetime,
        since: datetime,
        span: BookingRange = EVERYTHING,
        window: datetime | None = None,
        parts: int = 1,
    ) -> ScanRows:
        """Bookings of the span, classified.

        ``since`` is the bound of the condition *since*. The scan selects what was made, became due or changed since
        ``window`` (by default ``since``), as far as columns are mapped for that. ``parts``: in how many parts it begins
        to read; it makes more of them where a statement outlasts its timeout, and says how many there were.
        """
        ...

    def in_full(self, kind: GapKind, now: datetime, bookings: Sequence[BookingId]) -> Sequence[Booking]:
        """These bookings with what a decision needs, in this order. A deleted booking is absent."""
        ...

    def demand(self, kind: GapKind, now: datetime, days: int, parts: int = 1) -> Demand:
        """How many bookings called for the effect of this rule within the last day, and in the busiest of ``days``."""
        ...

    def past(self, kind: GapKind, now: datetime, since: datetime, span: BookingRange, parts: int = 1) -> int:
        """How many of these bookings would be broken if their start were not already past."""
        ...

    def beginning_with(self, prefix: str, limit: int) -> Sequence[BookingId]:
        """Up to ``limit`` ids, sorted, that begin with ``prefix``, or whose booking's code does; case is ignored.

        A whole id or a whole code means its bookings alone.
        """
        ...

    def findings(
        self,
        kind: GapKind,
        now: datetime,
        since: datetime,
        bookings: Collection[BookingId],
        window: datetime | None = None,
    ) -> Mapping[BookingId, Finding]:
        """Classify these bookings by id, whatever their age and scope. A deleted booking is absent from the result.

        ``since`` is the bound of the condition *since*, ``window`` that of a scan.
        """
        ...

    def conditions(self, kind: GapKind, now: datetime, since: datetime, booking: BookingId) -> Mapping[Condition, bool]:
        """Each condition of the rule, in order, and whether it holds; empty for a deleted booking."""
        ...

    def required_changes(
        self, kind: GapKind, condition: Condition, now: datetime, since: datetime, booking: BookingId
    ) -> Sequence[RequiredChange]:
        """Changes that would flip a failing condition of the booking."""
        ...

    def number_changes(self, booking: BookingId, wanted: Constraint) -> Sequence[RequiredChange]:
        """The change to the booking's phone number: the first mapped column that holds one; empty if none does."""
        ...

    def consent_changes(self, booking: BookingId, customers: Collection[str]) -> Sequence[RequiredChange]:
        """The customers who refuse the booking's text: its own, and those of ``customers``."""
        ...

    def refusing_numbers(self, tails: frozenset[str]) -> Sequence[tuple[str, str]]:
        """Customers who opted out or are inactive, each with a number as written that may end in one of the tails."""
        ...

    @property
    def has_codes(self) -> bool:
        """Whether bookings have codes of the application's as their references. Those may change."""
        ...

    def references_of(self, bookings: Collection[BookingId]) -> Mapping[BookingId, str]:
        """What texts and titles call these bookings now. One is absent whose code is gone or not usable."""
        ...

    def shares_reference(self, booking: BookingId) -> bool:
        """Whether another booking has the same reference: then a reference in a title proves nothing."""
        ...

    def oldest(self, limit: int) -> Mapping[BookingId, datetime]:
        """The oldest bookings that we look after, and when each was made. A table that was emptied has none left."""
        ...

    def lock(self, booking: BookingId, effect: Effect) -> Lock:
        """Lock the booking's row without waiting, unless the effect is recorded in the ledger alone.

        Read it in a *later* statement: this one's snapshot is older.
        *busy*: another transaction holds the lock, or queued for it before us and would write once we release it.
        """
        ...

    def with_references(self, written: Collection[str]) -> Sequence[BookingId]:
        """The bookings that have one of these references, in any case."""
        ...
