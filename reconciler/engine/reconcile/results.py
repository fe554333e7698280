"""The result of a job: plain data for the terminal, the alerts and the exit code."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from reconciler.domain.decide.plan import BreakerTrip, Decision, PlanCounts
from reconciler.domain.decide.removals import RemovalPlan
from reconciler.domain.decide.verdicts import HOLDS_BY_A_PERSON, VerdictStatus
from reconciler.domain.gaps import UNSCANNED, Effect, GapKind, IntegrationFault
from reconciler.engine.repair.results import AttemptStatus, RemovalStatus
from reconciler.errors import Exit, most_urgent
from reconciler.ports import SCAN_MS, SCAN_PARTS

EVENTS_REMOVED = "events_removed"
"""The name of the count of removed events."""
_LEFT_AS_IT_IS = (RemovalStatus.KEPT, RemovalStatus.NEEDS_HUMAN)
REMOVED = "removed_"
"""The names of the counts of removed rows begin with this."""


class SettleOutcome(StrEnum):
    """How the settling of one intent ended."""

    FOUND = "found"
    ABSENT = "absent, planned again"
    DROPPED = "absent, and no longer needed"
    UNDECIDED = "undecided, asked again later"
    NEEDS_HUMAN = "needs a human"
    ELSEWHERE = "answered meanwhile"
    BUSY = "locked by the application, asked again later"


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregateResult:
    """The result of an aggregate rule."""

    lines: tuple[str, ...]
    """What was counted, in words."""
    is_open: bool
    """Whether the rule is broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassResult:
    job: str
    kind: GapKind | None
    """``None``: the job maintains the ledger and has no rule."""
    effect: Effect | None
    """``None``: the rule only reports."""
    plan: PlanCounts | None
    """``None``: the rule is off, or the database could not be scanned (see ``faults``)."""
    decisions: Sequence[Decision] = ()
    """The decisions on all gaps, for a caller who asked for them."""
    faults: tuple[IntegrationFault, ...] = ()
    breaker_trip: BreakerTrip | None = None
    full_scan: bool = False
    scan_took: timedelta = timedelta(0)
    scan_parts: int = 1
    """In how many parts the bookings were read: more than one where a statement would have outlasted its timeout."""
    began_at: datetime | None = None
    """When the run began; ``None`` if it wrote nothing."""
    crash: Exception | None = None
    """A bug that met one of the bookings. It is not hidden: the caller raises it once all jobs are done."""
    run: int | None = None
    """The id of its row in the ledger."""
    attempts: Counter[tuple[AttemptStatus, str]] = field(default_factory=Counter)
    """How many attempts ended in which status, and why."""
    settled: Counter[tuple[SettleOutcome, str]] = field(default_factory=Counter)
    """How many unknown outcomes were settled in which way, and why."""
    removals: RemovalPlan | None = None
    """The events that no booking calls for; ``None``: nothing was concluded about them."""
    removal_results: Counter[tuple[RemovalStatus, str]] = field(default_factory=Counter)
    """How many planned removals ended in which way, and why."""
    off: bool = False
    """The rule is off."""
    unscanned: bool = False
    """The rule is on and could not be scanned: how many gaps it has is unknown, and not 0."""
    removed: Mapping[str, int] | None = None
    """Rows that were removed from the ledger, or would be; ``None``: the job removes nothing."""
    aggregate: AggregateResult | None = None
    """Set for an aggregate rule that was counted."""
    cut_short: bool = False
    """The budget was used up, or the process was asked to stop: the next run removes the rest."""

    @property
    def has_scan(self) -> bool:
        """Whether it is the result of a rule's scan; a job that settles or removes old rows has no plan to show."""
        return bool(self.plan is not None or self.aggregate or self.off or self.unscanned or self.faults)

    @property
    def acted(self) -> bool:
        return self.began_at is not None

    def count(self, *statuses: AttemptStatus) -> int:
        return sum(number for (what, _), number in self.attempts.items() if what in statuses)

    @property
    def repaired(self) -> int:
        return sum(number for (what, _), number in self.attempts.items() if what.is_repaired)

    @property
    def unfinished(self) -> int:
        """Planned repairs that this pass did not finish: the cap, the budget, a provider or a lock stopped them."""
        if self.plan is None:
            return 0
        settled = self.repaired + self.count(
            AttemptStatus.DROPPED, AttemptStatus.REFUSED, AttemptStatus.UNKNOWN, AttemptStatus.BLOCKED
        )
        return max(0, self.plan.repairs - settled)

    @property
    def left(self) -> int:
        """Gaps that a later pass may repair without a human."""
        return self.unfinished + (self._held(by_a_person=False) if self.plan else 0)

    @property
    def events_removed(self) -> int:
        return self._ended(RemovalStatus.REMOVED)

    @property
    def removals_left(self) -> int:
        """Planned removals that this pass did not finish."""
        if self.removals is None:
            return 0
        return max(0, len(self.removals.due) - self._ended(RemovalStatus.REMOVED, *_LEFT_AS_IT_IS))

    def _ended(self, *statuses: RemovalStatus) -> int:
        return sum(number for (status, _), number in self.removal_results.items() if status in statuses)

    @property
    def needs_human(self) -> int:
        """Gaps that need a human: refused, blocked, of unknown outcome, or held because the policy is *report*.

        Also events about which booking and calendar disagree.
        """
        if self.plan is None:
            return int(self.aggregate is not None and self.aggregate.is_open)
        disagree = self._ended(RemovalStatus.NEEDS_HUMAN)
        refused = sum(number for (what, _), number in self.plan.decided.items() if what is VerdictStatus.NEEDS_HUMAN)
        ended = self.count(AttemptStatus.REFUSED, AttemptStatus.UNKNOWN, AttemptStatus.BLOCKED)
        return refused + ended + disagree + self._held(by_a_person=True)

    def _held(self, *, by_a_person: bool) -> int:
        assert self.plan is not None
        return sum(
            number
            for (status, reason), number in self.plan.decided.items()
            if status is VerdictStatus.HELD and (reason in HOLDS_BY_A_PERSON) == by_a_person
        )

    @property
    def broken(self) -> bool:
        """Whether a fault stays until a human repairs it."""
        return any(not fault.transient for fault in self.faults)

    @property
    def exit_code(self) -> Exit:
        """The most urgent code of what the run found."""
        if any(fault.kind == GapKind.INTEGRATION_PLACE for fault in self.faults):
            return Exit.REFUSED_AS_UNSAFE
        codes = set()
        settled = {outcome for outcome, _ in self.settled}
        settles_again = self.plan is None and bool(settled & {SettleOutcome.UNDECIDED, SettleOutcome.BUSY})
        if self.breaker_trip or (self.removals and self.removals.trip):
            codes.add(Exit.REFUSED_AS_UNSAFE)
        if self.left or self.removals_left or self.faults or self.cut_short or settles_again:
            codes.add(Exit.WORK_LEFT)
        if self.broken or self.needs_human or SettleOutcome.NEEDS_HUMAN in settled:
            codes.add(Exit.NEEDS_A_HUMAN)
        return most_urgent(codes, human_first=self.broken)

    def counts(self) -> dict[str, int]:
        """The counts for the row of this run in the ledger."""
        numbers = {"left": self.left, "needs_human": self.needs_human, "repaired": self.repaired}
        if self.full_scan and self.plan is not None:
            numbers[SCAN_MS] = round(self.scan_took / timedelta(milliseconds=1))
            numbers |= {SCAN_PARTS: self.scan_parts} if self.scan_parts > 1 else {}
        if self.removals and (self.removals.found or self.removal_results):
            numbers |= {EVENTS_REMOVED: self.events_removed, "removals_left": self.removals_left}
            numbers["removals_waiting"] = len(self.removals.waiting)
        if self.plan:
            numbers["checked"] = self.plan.checked
            for (standing, _), number in self.plan.tally().items():
                if standing is VerdictStatus.NEEDS_HUMAN:
                    continue  # part of needs_human above
                numbers[standing.name.lower()] = numbers.get(standing.name.lower(), 0) + number
        if self.unscanned and self.kind:
            numbers[UNSCANNED + self.kind] = 1
        numbers |= {f"{REMOVED}{what}": number for what, number in (self.removed or {}).items()}
        for (status, _), number in self.attempts.items():
            numbers[status.name.lower()] = numbers.get(status.name.lower(), 0) + number
        for (settling, _), number in self.settled.items():
            name = f"settled_{settling.name.lower()}"
            numbers[name] = numbers.get(name, 0) + number
        return numbers
