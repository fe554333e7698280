"""The plan of a pass: a verdict for every gap, and a count of all other bookings."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from reconciler.domain.bookings import Booking, BookingId
from reconciler.domain.decide.sms import Draft
from reconciler.domain.decide.verdicts import Condition, Hold, Verdict, VerdictStatus, held
from reconciler.domain.gaps import Cause, GapKind


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingRange:
    """The bookings that a scan covers. A backfill sets its own range; a pass covers its whole ``scan_window``."""

    since: datetime | None = None
    """Only bookings created at this time or later; ``None``: as far back as the rules apply."""
    until: datetime | None = None
    """Only bookings created before this time; ``None``: up to now."""
    bookings: frozenset[BookingId] | None = None
    """Only these bookings; ``None``: all."""


EVERYTHING = BookingRange()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRows:
    """The result of one scan: how many bookings were checked, and which of them break the rule.

    ``by_condition`` counts all others by their first failing condition and a label. The label is the booking's status
    if the status failed.
    """

    checked: int
    by_condition: Mapping[tuple[Condition, str], int]
    broken: Sequence[Booking]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The decision on one gap. ``is_new``: no earlier pass has an intent for it."""

    booking: Booking
    verdict: Verdict
    trigger: str
    subject: str
    is_new: bool
    incarnation: int = 0
    recipient: str = ""
    """Digest of the number; '' without one."""
    draft: Draft | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    kind: GapKind
    checked: int
    by_condition: Mapping[tuple[Condition, str], int]
    decisions: Sequence[Decision]
    past: int = 0
    """In a backfill: how many bookings would be gaps if they were not in the past."""

    @property
    def repairs(self) -> list[Decision]:
        return [d for d in self.decisions if d.verdict.status is VerdictStatus.REPAIRABLE]

    @property
    def new_repairs(self) -> int:
        return sum(d.is_new for d in self.repairs)

    def tally(self) -> Counter[tuple[VerdictStatus, str]]:
        """The number of bookings by status and reason. The numbers add up to ``checked``."""
        counts: Counter[tuple[VerdictStatus, str]] = Counter()
        for (condition, label), number in self.by_condition.items():
            counts[condition.standing_if_failed, label or condition] += number
        for decision in self.decisions:
            counts[decision.verdict.status, decision.verdict.reason] += 1
        return counts

    def holding(self, hold: Hold, cause: Cause | None = None) -> "Plan":
        """A copy of the plan in which ``hold`` holds every repair. ``cause``, if given, replaces the gaps' causes."""
        return replace(self, decisions=[hold_decision(d, hold, cause) for d in self.decisions])


def hold_decision(decision: Decision, hold: Hold, cause: Cause | None) -> Decision:
    """The decision with its repair held; one that is no repair stays as it is."""
    verdict = decision.verdict
    if verdict.status is not VerdictStatus.REPAIRABLE or verdict.cause is None:
        return decision
    return replace(decision, verdict=held(hold, cause or verdict.cause))


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerTrip:
    """The breaker's refusal of a plan, and the numbers that led to it."""

    found: int
    checked: int
    """The bookings that the breaker's ratio is a share of; ``of`` says which they are."""
    allowed: int
    goes_on: int = 0
    """How many of those found are repaired all the same."""
    repaired: int = 0
    """What was begun within the last day, and counts as well."""
    of: str = "due within a day"
    locked: bool = False
    """The provider has shown effects that the application's tables do not show: nothing is repaired."""

    @property
    def held(self) -> int:
        return max(0, self.found - self.goes_on)
