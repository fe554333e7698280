"""The scan of a rule: how far back it goes, which bookings break the rule, and which gaps are over."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.gap_end import end_of
from reconciler.domain.decide.plan import EVERYTHING, BookingRange
from reconciler.domain.decide.verdicts import Condition, Finding
from reconciler.domain.gaps import Gap, GapKind
from reconciler.engine.repair.repairer import LONG_AGO, Scope
from reconciler.ports import PassServices, Transaction

AT_ONCE = 5000
"""Bookings that are read, and decided, together: a pass has the details of so many in memory, however many gaps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanResult:
    """The scanned bookings: those that break the rule by id, all others counted by their first failing condition."""

    checked: int
    by_condition: Mapping[tuple[Condition, str], int]
    broken: Sequence[BookingId]
    over: Mapping[BookingId, str]
    """Bookings that were known before and no longer break the rule: the condition that says so, or ``gone``."""
    parts: int = 1
    """In how many parts the bookings were read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What the ledger knows to be unfinished. It is scanned whatever its age, so that nothing fades with a window."""

    gaps: Mapping[BookingId, Gap] = field(default_factory=dict)
    planned: frozenset[BookingId] = frozenset()
    """Bookings with a planned intent."""
    unfinished: frozenset[BookingId] = frozenset()
    """Bookings with an intent that is not final."""
    newly_due: frozenset[BookingId] = frozenset()
    """Bookings that a scan saw become due lately: they may be older than the scan window."""

    @property
    def bookings(self) -> frozenset[BookingId]:
        """What is read by id."""
        return self.planned | self.gaps.keys()


def scope_of(
    tx: Transaction, job: str, services: PassServices, now: datetime, kinds: Sequence[GapKind]
) -> tuple[Scope, bool]:
    """How far back we are responsible, and whether this is a full scan: at start, and as often as it costs little.

    ``full_scan`` is the longest time between two.
    """
    window = services.window
    # A backfill's range selects by when bookings were made; whatever it selects is meant.
    since = LONG_AGO if services.booking_range else window.since
    if not tx.ledger.exists():
        return Scope(since=since or now - window.scan_window, installation=""), True
    installation = tx.ledger.installation()
    scope = Scope(
        since=since or installation.since,
        installation=installation.id,
        caution=tx.places.caution(),
        approved=services.booking_range.approved if services.booking_range else None,
    )
    had_one = tx.runs.had_full_scan(job, services.runner, now - window.full_scan, now)
    return scope, window.at_start or not had_one or not all(map(tx.moments.is_watched, kinds))


def parts_of(tx: Transaction, job: str, scope: Scope, services: PassServices, *, full: bool) -> int:
    """In how many parts a scan begins to read: a full scan in as many as the last one needed."""
    return tx.runs.scan_parts(job, services.runner) if full and scope.has_ledger else 1


def window_of(scope: Scope, services: PassServices, now: datetime, *, full: bool) -> datetime:
    """What was neither made nor became due nor changed since then is read by id only.

    A full scan reads what is due since ``since``, however old the booking is.
    """
    if services.booking_range:
        return services.booking_range.since or LONG_AGO
    return scope.since if full else max(scope.since, now - services.window.scan_window)


def scan(
    tx: Transaction,
    kind: GapKind,
    since: datetime,
    window: datetime,
    recorded: Recorded,
    settings: str,
    now: datetime,
    booking_range: BookingRange = EVERYTHING,
    parts: int = 1,
) -> ScanResult:
    """Scan the range since ``window``, and what is recorded by id whatever its age, so that no gap is lost."""
    seen = tx.bookings.scan(kind, now, since, booking_range, window, parts)
    checked, counts = seen.checked, Counter(seen.by_condition)
    # A recorded gap has the id in memory already: a hundred thousand are not kept twice.
    broken = [_id_of(recorded.gaps.get(id_), id_) for id_ in seen.broken]
    over: dict[BookingId, str] = {}
    known = recorded.bookings
    again = sorted((known | recorded.newly_due) - set(broken))
    for bound, some in _at_once(again, recorded.unfinished, since):
        findings = tx.bookings.findings(kind, now, bound, some, window)
        older = [finding for finding in findings.values() if not finding.in_window]
        checked += len(older)
        counts.update((finding.failed, "") for finding in older if finding.failed)
        broken += [id_ for id_, finding in findings.items() if finding.failed is None and finding.in_scope]
        for id_ in known.intersection(some):
            if end := _end(recorded.gaps.get(id_), findings.get(id_), settings):
                over[id_] = end
    return ScanResult(checked=checked, by_condition=counts, broken=broken, over=over, parts=seen.parts)


def _at_once(
    bookings: Sequence[BookingId], unfinished: Collection[BookingId], since: datetime
) -> Iterator[tuple[datetime, Sequence[BookingId]]]:
    """Bookings that are read together, and the bound of the condition *since* for them.

    An unfinished intent is finished however old its booking is: a backfill or a human started it.
    """
    others = [booking for booking in bookings if booking not in unfinished]
    for bound, all_ in ((since, others), (LONG_AGO, [booking for booking in bookings if booking in unfinished])):
        for first in range(0, len(all_), AT_ONCE):
            yield bound, all_[first : first + AT_ONCE]


def _id_of(gap: Gap | None, found: BookingId) -> BookingId:
    return BookingId(gap.about) if gap else found


def _end(gap: Gap | None, finding: Finding | None, settings: str) -> str | None:
    return end_of(gap, finding, settings) if finding else "gone"
