"""One pass: scan, plan, record, apply. It is level-based: a pass that is missed, doubled or late does no harm."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from reconciler.domain.decide.plan import Plan
from reconciler.domain.decide.policies import Policy
from reconciler.domain.decide.verdicts import Hold, VerdictStatus
from reconciler.domain.gaps import Cause, GapKind, IntegrationFault
from reconciler.domain.intents import State
from reconciler.engine.reconcile.apply import repairs
from reconciler.engine.reconcile.breaker_proof import after_proof
from reconciler.engine.reconcile.job_run import JobRun, gap_subject, run_or_unreachable, scan_or_fault
from reconciler.engine.reconcile.planning import PassPlan, plan_pass, unreadable_plan
from reconciler.engine.reconcile.preflight import PreflightResult, run_preflight
from reconciler.engine.reconcile.record import record_gaps, record_plan
from reconciler.engine.reconcile.removals import ask_starts, record_removals, remove
from reconciler.engine.reconcile.results import PassResult
from reconciler.engine.reconcile.settle import Answers, settle
from reconciler.engine.repair.beacon import continue_lost_ledger, meet_beacon
from reconciler.engine.repair.integration_faults import attempt_fault, recordable
from reconciler.engine.repair.repairer import Repairer
from reconciler.engine.repair.results import AttemptStatus
from reconciler.errors import DatabaseBusy, DatabaseDisagrees
from reconciler.ports import PassServices


def run_pass(job: str, repairer: Repairer, services: PassServices, *, keep_decisions: bool = False) -> PassResult:
    """Execute one pass; without the mandate to act, scan and plan only.

    The result has the decision on each gap if ``keep_decisions`` says so; otherwise it only counts them, because there
    may be a hundred thousand.

    A database that cannot be reached, or that refuses the scan, is a fault in the result; what was done is recorded.
    A bug that met one booking is the crash in the result; all other bookings were done.
    """
    unread = PassResult(job=job, kind=repairer.kind, effect=repairer.effect, plan=None, unscanned=True)
    return run_or_unreachable(lambda: [_run(job, repairer, services, keep=keep_decisions)], [unread])[0]


def _run(job: str, repairer: Repairer, services: PassServices, *, keep: bool) -> PassResult:
    act = services.mandate.act
    if Policy.OFF in (repairer.policy, services.repairs):
        began_at = _close_all(repairer, services) if act else None
        return PassResult(job=job, kind=repairer.kind, effect=repairer.effect, plan=None, began_at=began_at, off=True)
    if act:
        return _act(job, repairer, services, keep=keep)
    return _result(job, repairer, _scan(job, repairer, services, services.clock.now()), keep=keep)


def _close_all(repairer: Repairer, services: PassServices) -> datetime:
    """Close the gaps of a rule that is off, and those of its integrations. Returns when that was."""
    now, about = services.clock.now(), gap_subject(repairer, services)
    with services.store.writing() as tx:
        tx.gaps.close_kind(repairer.kind, "off", now)
        for kind in (GapKind.INTEGRATION_SCHEMA, repairer.integration):
            tx.gaps.close(kind, about, "off", now)
    return now


def _scan(job: str, repairer: Repairer, services: PassServices, now: datetime) -> PassPlan:
    def read() -> PassPlan:
        with services.store.reading() as tx:
            return plan_pass(tx, job, repairer, services, now)

    return scan_or_fault(read, lambda fault: unreadable_plan(fault, now))


def _act(job: str, repairer: Repairer, services: PassServices, *, keep: bool) -> PassResult:
    continue_lost_ledger(services)
    answers = _settle(repairer, services)
    now, subject = services.clock.now(), gap_subject(repairer, services)
    seen = _scan(job, repairer, services, now)
    preflight = run_preflight(repairer, services, seen, answers.faults)
    if preflight.faults and seen.plan:
        removals = seen.removals and seen.removals.holding(Hold.INTEGRATION)
        plan = seen.plan.holding(Hold.INTEGRATION, Cause.BLOCKED)
        seen = replace(seen, plan=plan, removals=removals, unlocks=False)
    else:
        seen = after_proof(repairer, services, seen)
    seen, checked, refusals = _meet(services, seen, preflight)
    faults = list(dict.fromkeys([*seen.faults, *preflight.faults, *refusals]))
    if seen.plan and not services.booking_range:
        # Before anything is repaired: the second look at a booking needs the moment that the plan went by.
        with services.store.writing() as tx:
            tx.moments.note(repairer.kind, now, seen.window, seen.scan_parts)
    with services.store.writing() as tx:
        run = JobRun.start(tx, job, services, now, full=seen.full and seen.plan is not None)
        run.record_faults(tx, subject, recordable(faults), [*preflight.checked, *checked])
        record = record_gaps if services.booking_range else record_plan
        record(tx, repairer, seen, now)
        if seen.plan:
            repairer.report_second_effects(tx, now)
        if seen.locks:
            tx.repair_locks.lock(repairer.effect, seen.locks, now)
        if seen.unlocks:
            tx.repair_locks.unlock(repairer.effect)
        if seen.removals:
            record_removals(tx, seen.removals, seen)
    # Removals come first: a booking that moved gets its new event once the old one is gone.
    removed = remove(repairer, services, seen)
    if seen.removals and not removed.stops_pass:
        ask_starts(repairer, services, seen.removals)
    attempts, broken, crash = _repair(repairer, services, seen, stopped=removed.stops_pass)
    broken += [removed.fault] if removed.fault else []
    crash = answers.crash or crash
    result = replace(
        _result(job, repairer, seen, keep=keep),
        faults=(*faults, *broken),
        attempts=attempts,
        removal_results=removed.counts,
    )
    result = run.attach(replace(result, crash=crash, settled=answers.counts))
    with services.store.writing() as tx:
        # What the provider accepts proves more than its own check.
        works = [repairer.integration] if not broken and any(status.is_accepted for status, _ in attempts) else []
        run.record_faults(tx, subject, broken, works)
        run.finish(tx, [result], crashed=crash is not None)
    return result


def _meet(
    services: PassServices, seen: PassPlan, preflight: PreflightResult
) -> tuple[PassPlan, Sequence[GapKind], Sequence[IntegrationFault]]:
    """Before the first repair or removal: is another copy acting, or was the ledger restored?"""
    place = GapKind.INTEGRATION_PLACE
    if not (preflight.was_displaced or (seen.plan and seen.plan.repairs) or (seen.removals and seen.removals.allowed)):
        return seen, (), ()
    fault = meet_beacon(services).fault
    if fault is None:
        with services.store.reading() as tx:  # it may have begun now, here or in another process
            caution = tx.places.caution()
        return replace(seen, scope=replace(seen.scope, caution=caution)), (place,), ()
    removals = seen.removals and seen.removals.holding(Hold.INTEGRATION)
    plan = seen.plan and seen.plan.holding(Hold.INTEGRATION, Cause.BLOCKED)
    return replace(seen, plan=plan, removals=removals, unlocks=False), (place,), (fault,)


def _settle(repairer: Repairer, services: PassServices) -> Answers:
    """Settle unknown outcomes first, so that the scan sees the answers."""
    answers = Answers()
    with suppress(DatabaseDisagrees, DatabaseBusy):  # the scan that follows reports what is wrong
        answers = settle(repairer, services)
    return answers


def _repair(
    repairer: Repairer, services: PassServices, seen: PassPlan, *, stopped: bool
) -> tuple[Counter[tuple[AttemptStatus, str]], list[IntegrationFault], Exception | None]:
    attempts: Counter[tuple[AttemptStatus, str]] = Counter()
    broken: list[IntegrationFault] = []
    crash: Exception | None = None
    if seen.plan is None:
        return attempts, broken, crash
    attempts.update(_finish(repairer, seen, seen.plan))
    if stopped:
        return attempts, broken, crash
    for end in repairs(repairer, services, seen.plan, seen):
        services.progress(end.status.is_repaired, len(seen.plan.repairs))
        attempts[end.status, end.reason if not end.status.is_repaired else ""] += 1
        if end.status is AttemptStatus.BROKEN:
            broken.append(attempt_fault(repairer, end))
        crash = crash or end.crash
    return attempts, broken, crash


def _finish(repairer: Repairer, seen: PassPlan, plan: Plan) -> Counter[tuple[AttemptStatus, str]]:
    """Write back effects that the ledger proves and the application's tables do not show: a process died in between.

    A row that the database refuses does not stop the others. It is counted, and the next pass tries it again.
    """
    refused: Counter[tuple[AttemptStatus, str]] = Counter()
    for decision in plan.decisions:
        last = seen.intents.get(decision.booking.id)
        if decision.verdict.status is VerdictStatus.OK and last and last.state is State.DONE:
            try:
                repairer.record_in_application(last, seen.scope)
            except DatabaseBusy:
                refused[AttemptStatus.HELD, Hold.BUSY] += 1
            except DatabaseDisagrees as error:
                refused[AttemptStatus.BLOCKED, error.code] += 1
    return refused


def _result(job: str, repairer: Repairer, seen: PassPlan, *, keep: bool) -> PassResult:
    return PassResult(
        job=job,
        kind=repairer.kind,
        effect=repairer.effect,
        plan=seen.plan.counts() if seen.plan else None,
        decisions=seen.plan.decisions if seen.plan and keep else (),
        faults=seen.faults,
        breaker_trip=seen.breaker_trip,
        removals=seen.removals,
        full_scan=seen.full,
        scan_took=seen.scan_took,
        scan_parts=seen.scan_parts,
        unscanned=seen.plan is None,
    )
