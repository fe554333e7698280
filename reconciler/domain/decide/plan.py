"""The plan of a pass: a verdict for every gap, and a count of all other bookings."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from reconciler.domain.bookings import Booking, BookingId
from reconciler.domain.decide.sms import Draft
from reconciler.domain.decide.verdicts import Condition, Hold, Verdict, VerdictStatus, held
from reconciler.domain.gaps import Cause, GapKind
from reconciler.domain.hashing import digest
from reconciler.domain.intents import SUBJECT_PARTS


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedRepair:
    """One repair as a person approved it, and what it was based on. Nothing is personal: values are digests."""

    status: str
    starts_at: datetime | None
    trigger: str
    incarnation: int
    recipient: str
    """'' for an event."""
    content: str
    segments: int
    """0 for an event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingRange:
    """The bookings that a scan covers. A backfill sets its own range; a pass covers its whole ``scan_window``."""

    since: datetime | None = None
    """Only bookings created at this time or later; ``None``: as far back as the rules apply."""
    until: datetime | None = None
    """Only bookings created before this time; ``None``: up to now."""
    bookings: frozenset[BookingId] | None = None
    """Only these bookings; ``None``: all."""
    ahead: bool = False
    """Only bookings whose start is not past."""
    approved: Mapping[BookingId, ApprovedRepair] | None = None
    """Only these repairs, as a person approved them; ``None``: whatever the rules find."""


EVERYTHING = BookingRange()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRows:
    """The result of one scan: how many bookings were checked, and which of them break the rule.

    ``by_condition`` counts all others by their first failing condition and a label. The label is the booking's status
    if the status failed.
    """

    checked: int
    by_condition: Mapping[tuple[Condition, str], int]
    broken: Sequence[BookingId]
    """The oldest first."""
    parts: int = 1
    """In how many parts the bookings were read: more than one where a statement would have outlasted its timeout."""


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
    """The text; a pass lets it go, because a repair is decided again before it is done."""
    segments: int = 0


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

    def counts(self) -> "PlanCounts":
        repairs = self.repairs
        return PlanCounts(
            checked=self.checked,
            by_condition=self.by_condition,
            decided=Counter((d.verdict.status, d.verdict.reason) for d in self.decisions),
            repairs=len(repairs),
            recipients=len({decision.recipient for decision in repairs}),
            segments=sum(decision.segments for decision in repairs),
            past=self.past,
        )

    def holding(self, hold: Hold, cause: Cause | None = None) -> "Plan":
        """A copy of the plan in which ``hold`` holds every repair. ``cause``, if given, replaces the gaps' causes."""
        return replace(self, decisions=[hold_decision(d, hold, cause) for d in self.decisions])


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCounts:
    """A plan without its bookings: what is left of it when its pass is over."""

    checked: int
    by_condition: Mapping[tuple[Condition, str], int]
    decided: Counter[tuple[VerdictStatus, str]]
    """How many gaps were decided in which way, and why."""
    repairs: int
    recipients: int
    """How many numbers the repairs go to."""
    segments: int
    """Of all texts among the repairs."""
    past: int
    """In a backfill: how many bookings would be gaps if they were not in the past."""

    @property
    def gaps(self) -> int:
        return sum(number for (status, _), number in self.decided.items() if status is not VerdictStatus.OK)

    def tally(self) -> Counter[tuple[VerdictStatus, str]]:
        """The number of bookings by status and reason. The numbers add up to ``checked``."""
        tally = Counter(self.decided)
        for (condition, label), number in self.by_condition.items():
            tally[condition.standing_if_failed, label or condition] += number
        return tally


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


GOOD_FOR = timedelta(days=7)
"""How long an approval lasts. After that, a person looks again."""


def approved(decision: Decision, installation: str) -> ApprovedRepair:
    """The repair that this decision stands for, as a plan names it."""
    number, parts, wording = decision.subject.partition(SUBJECT_PARTS)
    recipient, content = (number, wording) if parts else ("", decision.subject)
    return ApprovedRepair(
        status=decision.booking.status,
        starts_at=decision.booking.starts_at,
        trigger=decision.trigger,
        incarnation=decision.incarnation,
        recipient=digest(installation, "plan", recipient) if recipient else "",
        content=digest(installation, "plan", content),
        segments=decision.segments,
    )


def changes(before: ApprovedRepair, decision: Decision, installation: str) -> list[str]:
    """What is no longer as it was approved, in words; empty if the repair is still the same."""
    now = approved(decision, installation)
    if now.incarnation != before.incarnation:
        return ["the id belongs to another booking now"]
    differs = {
        "status": now.status != before.status,
        "start": now.starts_at != before.starts_at,
        "occasion of the text": now.trigger != before.trigger,
        "number": now.recipient != before.recipient,
    }
    found = [name for name, is_other in differs.items() if is_other]
    # A text or an event repeats the status and the start: only a change of something else is worth a word.
    if not found and now.content != before.content:
        found = ["wording" if before.recipient else "name, number of guests, occasion or end"]
    return found


def hold_changed(
    decisions: Sequence[Decision], plan: Mapping[BookingId, ApprovedRepair], installation: str
) -> list[Decision]:
    """The decisions, with every repair held that is not as the plan has it."""
    return [
        decision
        if decision.booking.id in plan and not changes(plan[decision.booking.id], decision, installation)
        else hold_decision(decision, Hold.CHANGED, None)
        for decision in decisions
    ]
