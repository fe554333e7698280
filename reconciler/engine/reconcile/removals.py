"""The removals of a pass: recorded as gaps before any call, executed one by one, counted and told like repairs."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.removals import Removal, RemovalPlan
from reconciler.domain.decide.verdicts import Hold
from reconciler.domain.gaps import Cause, Gap, GapKind, IntegrationFault
from reconciler.domain.hashing import digest
from reconciler.engine.reconcile.planning import PassPlan
from reconciler.engine.repair.integration_faults import provider_fault
from reconciler.engine.repair.repairer import Repairer
from reconciler.engine.repair.results import RemovalResult, RemovalStatus
from reconciler.errors import DatabaseBusy, DatabaseDisagrees
from reconciler.ports import NewGap, PassServices, ProviderFailure, Transaction

MOST_ASKED = 50
"""Events whose start a pass asks the calendar for. There are none once an older ledger has been read through."""
FAILURES_IN_A_ROW = 3
"""After as many calls without a result, the rest is left to the next pass, although the provider seems to work."""
_HOLDS = frozenset(Hold)
RemovalCounts = Counter[tuple[RemovalStatus, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What became of a pass's removals."""

    counts: RemovalCounts
    fault: IntegrationFault | None = None
    """What would break every other call as well."""
    stops_pass: bool = False
    """The provider asks for a pause, or is away: no other call of this pass is made."""


def record_removals(tx: Transaction, plan: RemovalPlan, seen: PassPlan) -> None:
    """Note which rows are absent, and record what is to be removed. What is needed again is no gap any more."""
    now = seen.at
    tx.removals.note_present(plan.present)
    tx.removals.note_absent(plan.absent, now)
    cause, reason = _cause(plan)
    shown = {removal.event.intent.booking: NewGap(cause=cause, reason=reason) for removal in plan.shown}
    open_gaps = {BookingId(gap.about): gap for gap in tx.gaps.open(GapKind.CALENDAR_ORPHAN)}
    over = dict.fromkeys(open_gaps.keys() - shown.keys(), "needed")
    tx.gaps.close_all(GapKind.CALENDAR_ORPHAN, over, now)
    # A removal that failed keeps its cause until it succeeds: another cause would alert again in every pass.
    failed = {about for about, gap in open_gaps.items() if _has_failed(gap)}
    again = shown if reason else {about: said for about, said in shown.items() if about not in failed}
    tx.gaps.record_all(GapKind.CALENDAR_ORPHAN, again, now)


def _has_failed(gap: Gap) -> bool:
    return gap.cause in (Cause.BLOCKED, Cause.UNUSABLE_DATA) and gap.reason not in _HOLDS


def _cause(plan: RemovalPlan) -> tuple[Cause, str]:
    if plan.trip:
        return Cause.BREAKER, Hold.BREAKER
    if plan.hold is Hold.INTEGRATION:
        return Cause.BLOCKED, plan.hold
    # The application ended or moved the booking and left the event behind.
    return Cause.APP_FAILED, plan.hold or ""


def ask_starts(repairer: Repairer, services: PassServices, plan: RemovalPlan) -> None:
    """Ask the calendar for the starts that nobody else knows; the next pass judges those events."""
    if plan.hold:
        return
    # Another order in each pass: an event that never gets a start does not stand before the others for ever.
    now = services.clock.now()
    drawn = sorted(plan.unplaced, key=lambda event: digest(event.intent.id, now.isoformat()))
    ends_at = now + repairer.limits.budget
    for event in drawn[:MOST_ASKED]:
        if services.stopping() or services.clock.now() >= ends_at:
            return
        # What could not be asked or noted is left to the next pass; the pass shows what is wrong with the provider.
        with suppress(DatabaseBusy, DatabaseDisagrees):
            try:
                if not repairer.ask_start(event):
                    return
            except ProviderFailure:
                return


def remove(repairer: Repairer, services: PassServices, seen: PassPlan) -> Removed:
    """Remove what the plan allows, at most as many as a pass repairs."""
    counts: RemovalCounts = Counter()
    if seen.removals is None or not seen.removals.allowed:
        return Removed(counts=counts)
    ends_at = services.clock.now() + repairer.limits.budget
    acted = failures = 0
    for removal in _in_order(services, seen.removals.allowed):
        if acted >= repairer.limits.repairs or services.stopping() or services.clock.now() >= ends_at:
            break
        result = _attempt(repairer, services, removal)
        counts[result.status, result.reason] += 1
        acted += result.outcome is not None  # an event that stays as it is takes no other one's place
        failures = failures + 1 if result.stops_pass else 0
        if result.outcome and result.status is RemovalStatus.HELD:
            pauses = result.reason == Hold.PAUSED or result.outcome.retry_after is not None
            fault = provider_fault(repairer) if result.stops_pass and not pauses else None
            if pauses or fault:
                return Removed(counts=counts, fault=fault, stops_pass=True)
            _record_failure(services, removal, result.reason)
            if failures == FAILURES_IN_A_ROW:
                break
    return Removed(counts=counts)


def _in_order(services: PassServices, allowed: Sequence[Removal]) -> Sequence[Removal]:
    """What failed before may fail again: it goes last, so that it is in no other one's way."""
    with services.store.reading() as tx:
        failed = {gap.about for gap in tx.gaps.open(GapKind.CALENDAR_ORPHAN) if _has_failed(gap)}
    return sorted(allowed, key=lambda removal: removal.event.intent.booking in failed)


def _attempt(repairer: Repairer, services: PassServices, removal: Removal) -> RemovalResult:
    """One event must not stop the others."""
    try:
        result = repairer.remove(removal)
    except DatabaseBusy:
        return RemovalResult(status=RemovalStatus.HELD, reason=Hold.BUSY)
    except DatabaseDisagrees as error:
        _record_failure(services, removal, error.code)
        return RemovalResult(status=RemovalStatus.HELD, reason=error.code)
    except ProviderFailure as failure:
        return RemovalResult(status=RemovalStatus.HELD, reason=failure.outcome.code, outcome=failure.outcome)
    if result.status is RemovalStatus.KEPT:
        with services.store.writing() as tx:
            tx.gaps.close(GapKind.CALENDAR_ORPHAN, removal.event.intent.booking, "needed", services.clock.now())
    return result


def _record_failure(services: PassServices, removal: Removal, code: str) -> None:
    with services.store.writing() as tx:
        about = removal.event.intent.booking
        tx.gaps.record(GapKind.CALENDAR_ORPHAN, about, Cause.BLOCKED, code, services.clock.now())
