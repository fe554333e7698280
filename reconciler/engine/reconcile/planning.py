"""The scan and the plan of a pass: read-only, from one consistent view of the database."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.breaker import (
    COUNTED,
    DEMAND_DAYS,
    LEAST_FLOOR,
    Demand,
    PlannedBy,
    check_backfill,
    check_breaker,
    hold_beyond,
    mark_refused_alike,
    needs_busiest_day,
)
from reconciler.domain.decide.ledger_checks import REVIEW_AFTER
from reconciler.domain.decide.plan import EVERYTHING, BreakerTrip, Decision, Plan, hold_decision
from reconciler.domain.decide.policies import Policy
from reconciler.domain.decide.removals import RemovalPlan
from reconciler.domain.decide.verdicts import Check, Hold, VerdictStatus, check
from reconciler.domain.gaps import Cause, Gap, GapKind, IntegrationFault
from reconciler.domain.intents import Intent, State
from reconciler.engine.reconcile.job_run import gap_subject
from reconciler.engine.reconcile.scan import AT_ONCE, Recorded, parts_of, scan, scope_of, window_of
from reconciler.engine.repair.repairer import Repairer, Scope, as_approved, latest_intents
from reconciler.ports import PassServices, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class PassPlan:
    """What the scan found and what follows from it. Nothing has happened yet."""

    scope: Scope
    full: bool
    faults: tuple[IntegrationFault, ...]
    plan: Plan | None
    breaker_trip: BreakerTrip | None = None
    as_found: Plan | None = None
    """The plan without what the breaker holds; ``None`` unless it trips."""
    planned_by: PlannedBy = PlannedBy.ORDINARY
    locks: str = ""
    """Why the repairs of the effect are to be locked; '' if they are not."""
    unlocks: bool = False
    """Whether a person has let the repairs go on."""
    removals: RemovalPlan | None = None
    """What would be removed; ``None``: nothing can be, or nothing may be concluded from what was seen."""
    at: datetime
    """When the scan was."""
    window: datetime | None = None
    """How far back it selected; ``None``: everything."""
    intents: Mapping[BookingId, Intent]
    resolved_otherwise: Mapping[BookingId, str]
    """Bookings with an open gap or a planned intent whose rule holds now, and the condition that says so."""
    scan_took: timedelta = timedelta(0)
    scan_parts: int = 1


def plan_pass(tx: Transaction, job: str, repairer: Repairer, services: PassServices, now: datetime) -> PassPlan:
    acting = services.mandate.act and may_repair(repairer, services)
    faults = (*tx.bookings.effect_faults(repairer.effect, writing=acting), *access_faults(repairer, services))
    scope, full = scope_of(tx, job, services, now, [repairer.kind])
    scope = replace(scope, review_before=review_before(tx, repairer, services, now))
    if any(fault.blinds for fault in faults):
        return PassPlan(scope=scope, full=full, faults=faults, plan=None, at=now, intents={}, resolved_otherwise={})
    has_ledger = scope.has_ledger
    unfinished = unfinished_intents(tx, repairer) if has_ledger else []
    gaps = tx.gaps.open(repairer.kind) if has_ledger else ()
    recorded = (
        replace(recorded_by(gaps, unfinished), newly_due=newly_due(tx, repairer.kind, services, now))
        if has_ledger and services.booking_range is None
        else Recorded(unfinished=frozenset(intent.booking for intent in unfinished))
    )
    window, booking_range = window_of(scope, services, now, full=full), services.booking_range or EVERYTHING
    began, parts = services.clock.now(), parts_of(tx, job, scope, services, full=full)
    settings = services.runner.scan_settings
    seen = scan(tx, repairer.kind, scope.since, window, recorded, settings, now, booking_range, parts)
    took = services.clock.now() - began
    hold = next((check for check in pass_checks(repairer, services, faults) if check.verdict), None)
    kept = partial(_kept, hold=Hold(hold.name) if hold else None, services=services)
    intents, decisions = _decided(tx, repairer, scope, seen.broken, now, kept)
    plan = Plan(
        kind=repairer.kind,
        checked=seen.checked,
        by_condition=seen.by_condition,
        decisions=decisions,
        past=tx.bookings.past(repairer.kind, now, window, booking_range, seen.parts) if services.booking_range else 0,
    )
    removals = _removals(tx, repairer, scope, services, faults, now) if has_ledger else None
    found = PassPlan(
        scope=scope,
        full=full,
        faults=faults,
        plan=plan,
        removals=removals,
        at=now,
        window=None if full else window,
        intents=intents,
        resolved_otherwise=seen.over,
        scan_took=took,
        scan_parts=seen.parts,
    )
    known = {BookingId(gap.about): gap for gap in gaps}
    is_locked = has_ledger and tx.repair_locks.is_locked(repairer.effect)
    return _weigh(tx, repairer, services, found, known, is_held=hold is not None, is_locked=is_locked)


def _decided(
    tx: Transaction,
    repairer: Repairer,
    scope: Scope,
    broken: Sequence[BookingId],
    now: datetime,
    kept: Callable[[Decision, BookingId], Decision],
) -> tuple[Mapping[BookingId, Intent], list[Decision]]:
    """The latest intent and the decision on each gap, of which only what is ``kept`` stays in memory."""
    intents: dict[BookingId, Intent] = {}
    decisions: list[Decision] = []
    for some in (broken[first : first + AT_ONCE] for first in range(0, len(broken), AT_ONCE)):
        bookings = tx.bookings.in_full(repairer.kind, now, some)
        latest = latest_intents(tx, repairer, bookings) if scope.has_ledger else {}
        intents |= latest
        decided = as_approved(repairer.decide(tx, scope, bookings, latest, now), scope)
        # The list of the scan and its decisions share the ids: the rows brought each id once more.
        own = dict(zip(some, some, strict=True))
        decisions += [kept(decision, own[decision.booking.id]) for decision in decided]
    return intents, decisions


def _kept(decision: Decision, own: BookingId, *, hold: Hold | None, services: PassServices) -> Decision:
    """The decision without the details that it was made from. ``hold`` holds every repair of the pass.

    A pass has a hundred thousand of them in memory. Where nothing is repaired, only the gap is recorded, and its
    booking keeps what the record is made from. A backfill compares a held repair with its plan.
    """
    if hold:
        decision = hold_decision(decision, hold, Cause.BLOCKED if hold is Hold.INTEGRATION else None)
    booking = replace(decision.booking.without_details(), id=own)
    if decision.verdict.status is VerdictStatus.REPAIRABLE or services.booking_range:
        return replace(decision, booking=booking, draft=None)
    return replace(decision, booking=booking.without_times(), draft=None, subject="", recipient="")


def unreadable_plan(fault: IntegrationFault, now: datetime) -> PassPlan:
    """The plan of a scan that the database refused: a fault, and no decisions."""
    scope = Scope(since=now, installation="")
    return PassPlan(scope=scope, full=False, faults=(fault,), plan=None, at=now, intents={}, resolved_otherwise={})


def review_before(tx: Transaction, repairer: Repairer, services: PassServices, now: datetime) -> datetime | None:
    """The moment before which a refusal by a code of the provider counts as old.

    That is when the settings last changed, when the integration last turned well, or a day ago: the latest of them.
    """
    if not tx.ledger.exists():
        return None
    a_day_ago = now - REVIEW_AFTER
    well_since = tx.gaps.last_ended(repairer.integration, gap_subject(repairer, services), a_day_ago)
    return max(a_day_ago, tx.runs.settings_since(services.runner) or now, well_since or a_day_ago)


def may_repair(repairer: Repairer, services: PassServices) -> bool:
    return Policy.REPAIR is repairer.policy is services.repairs


def access_faults(repairer: Repairer, services: PassServices) -> Sequence[IntegrationFault]:
    """What is wrong with the variables of the effect's provider, if it is needed."""
    fault = services.access_faults.get(repairer.effect)
    return (fault,) if fault and may_repair(repairer, services) else ()


def pass_checks(repairer: Repairer, services: PassServices, faults: Collection[IntegrationFault]) -> Iterator[Check]:
    """The checks that hold every repair of an effect, the most fundamental first."""
    policy = repairer.policy if services.repairs is Policy.REPAIR else f"repairs: {services.repairs}"
    seen = {
        Hold.POLICY: (policy, not may_repair(repairer, services)),
        Hold.SUSPENDED: (
            "on" if repairer.effect in services.suspended else "off",
            repairer.effect in services.suspended,
        ),
        Hold.INTEGRATION: (", ".join(sorted({fault.code for fault in faults})) or "well", bool(faults)),
    }
    for name, (detail, applies) in seen.items():
        yield check(name, detail, applies=applies, cause=Cause.BLOCKED)


def recorded_by(gaps: Collection[Gap], unfinished: Sequence[Intent]) -> Recorded:
    """What a pass scans whatever its age: open gaps and planned intents."""
    return Recorded(
        gaps={BookingId(gap.about): gap for gap in gaps},
        planned=frozenset(intent.booking for intent in unfinished if intent.state is State.PLANNED),
        unfinished=frozenset(intent.booking for intent in unfinished),
    )


def newly_due(tx: Transaction, kind: GapKind, services: PassServices, now: datetime) -> frozenset[BookingId]:
    """What became due lately is read by id until its grace period and a full scan are over."""
    lately = services.window.grace + 2 * services.window.full_scan
    return frozenset(tx.moments.recent(kind, now - lately))


def unfinished_intents(tx: Transaction, repairer: Repairer) -> list[Intent]:
    """Intents in a state that is not final."""
    open_states = [state for state in State if not state.is_final]
    return list(tx.intents.in_state(repairer.effect, *open_states))


def _removals(
    tx: Transaction,
    repairer: Repairer,
    scope: Scope,
    services: PassServices,
    faults: Collection[IntegrationFault],
    now: datetime,
) -> RemovalPlan | None:
    """The removals of a pass. A backfill is about the bookings that a person named, and removes nothing."""
    if services.booking_range:
        return None
    removals = repairer.plan_removals(tx, scope, now, services.mandate.max_removals)
    hold = next((check for check in pass_checks(repairer, services, faults) if check.verdict), None)
    return removals.holding(Hold(hold.name)) if removals and hold else removals


def _weigh(
    tx: Transaction,
    repairer: Repairer,
    services: PassServices,
    seen: PassPlan,
    gaps: Mapping[BookingId, Gap],
    *,
    is_held: bool,
    is_locked: bool,
) -> PassPlan:
    """The plan, judged as a whole: what a lock or the breaker holds. ``is_held``: something holds every repair."""
    assert seen.plan is not None
    plan, breaker, most = seen.plan, repairer.limits.breaker, services.mandate.max_repairs
    effect, is_backfill = repairer.effect, services.booking_range is not None
    planned_by = PlannedBy.BACKFILL if is_backfill else PlannedBy.ORDINARY
    repaired = 0
    if plan.new_repairs and seen.scope.has_ledger:
        repaired = tx.intents.begun_since(effect, planned_by, seen.at - COUNTED)
    demand = _demand(tx, seen, plan, repairer, repaired)
    if not is_backfill:
        plan = mark_refused_alike(plan, gaps, breaker, demand, seen.at)
    if is_held:
        return replace(seen, plan=plan)
    trip = (
        check_backfill(plan, breaker, repaired, most)
        if is_backfill
        else check_breaker(plan, breaker, demand, repaired, most)
    )
    if is_locked and (most is None or trip):
        found = plan.new_repairs
        trip = trip or BreakerTrip(found=found, checked=demand.due, allowed=0)
        trip = replace(trip, allowed=0 if most is None else most, goes_on=0, locked=True)
        return replace(seen, plan=plan.holding(Hold.LOCKED, Cause.BREAKER), breaker_trip=trip)
    if most is not None:
        planned_by = PlannedBy.APPROVED
    held = hold_beyond(plan, trip) if trip else plan
    return replace(
        seen,
        plan=held,
        breaker_trip=trip,
        as_found=plan if trip else None,
        planned_by=planned_by,
        # A backfill is about the bookings that a person named, and the lock about all of them.
        unlocks=is_locked and not is_backfill,
    )


def _demand(tx: Transaction, seen: PassPlan, plan: Plan, repairer: Repairer, repaired: int) -> Demand:
    """It is read only where it can matter: most passes have nothing to repair, and few have much."""
    refused = sum(d.verdict.status is VerdictStatus.NEEDS_HUMAN for d in plan.decisions)
    found = plan.new_repairs
    if not found and refused <= LEAST_FLOOR:
        return Demand(due=0, busiest_day=0)
    lately = tx.bookings.demand(repairer.kind, seen.at, 1, seen.scan_parts)
    if not found or not needs_busiest_day(found + repaired, repairer.limits.breaker, lately.due):
        return lately
    return tx.bookings.demand(repairer.kind, seen.at, DEMAND_DAYS, seen.scan_parts)
