"""Rules that only report: look, decide, record gaps. Nothing of theirs is ours to mend.

So no intent is touched, no provider is asked, and nobody else's gap is closed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.plan import Decision, Plan
from reconciler.domain.gaps import GapKind
from reconciler.domain.rules.registry import rule_of
from reconciler.engine.reconcile.planning import PassPlan, unreadable_plan
from reconciler.engine.reconcile.results import PassResult
from reconciler.engine.reconcile.scan import oldest_of, scan, scope_of
from reconciler.engine.repair.integration_faults import database_fault, record_faults, schema_fault
from reconciler.errors import DatabaseDisagrees, DatabaseUnreachable
from reconciler.ports import Services, Transaction


def run_report_only(job: str, kinds: Sequence[GapKind], services: Services) -> Sequence[PassResult]:
    """One run of a job over rules that only report; a result per rule. Without the mandate to act, look only.

    A database that cannot be reached, or that refuses a look, is a fault in the result.
    """
    now = services.clock.now()
    try:
        seen = {kind: _scan(job, kind, services, now) for kind in kinds if kind in services.report_only}
        results = [_result(job, kind, seen.get(kind)) for kind in kinds]
        return _record(job, results, seen, services, now) if services.mandate.act else results
    except DatabaseUnreachable as error:
        faults = (database_fault(error),)
        return [PassResult(job=job, kind=kind, effect=None, plan=None, faults=faults) for kind in kinds]


def _scan(job: str, kind: GapKind, services: Services, now: datetime) -> PassPlan:
    try:
        with services.store.reading() as tx:
            return _survey(tx, job, kind, services, now)
    except DatabaseDisagrees as error:
        return unreadable_plan(schema_fault(error), now)


def _survey(tx: Transaction, job: str, kind: GapKind, services: Services, now: datetime) -> PassPlan:
    faults = tuple(tx.bookings.blindness(kind))
    scope, full = scope_of(tx, job, services, now)
    if any(fault.blinds for fault in faults):
        return PassPlan(scope=scope, full=full, faults=faults, plan=None, intents={}, resolved_otherwise={})
    known = [BookingId(gap.about) for gap in tx.gaps.open(kind)] if tx.ledger.exists() else []
    seen = scan(tx, kind, scope.since, oldest_of(scope, services, now, full=full), known, now)
    verdict = rule_of(kind).verdict
    plan = Plan(
        kind=kind,
        checked=seen.checked,
        by_condition=seen.by_condition,
        decisions=[
            Decision(booking=booking, verdict=verdict, trigger="", subject="", is_new=False) for booking in seen.broken
        ],
    )
    return PassPlan(scope=scope, full=full, faults=faults, plan=plan, intents={}, resolved_otherwise=seen.over)


def _result(job: str, kind: GapKind, seen: PassPlan | None) -> PassResult:
    if seen is None:
        return PassResult(job=job, kind=kind, effect=None, plan=None, off=True)
    return PassResult(job=job, kind=kind, effect=None, plan=seen.plan, faults=seen.faults, full_scan=seen.full)


def _record(
    job: str, results: Sequence[PassResult], seen: Mapping[GapKind, PassPlan], services: Services, now: datetime
) -> Sequence[PassResult]:
    """All rules of the job in one transaction: nothing happens outside that would have to come in between."""
    about = f"{job} {services.runner.scope}".rstrip()
    faults = dict.fromkeys(fault for result in results for fault in result.faults)
    with services.store.writing() as tx:
        record_faults(tx, about, faults, [GapKind.INTEGRATION_SCHEMA], now)
        for result in results:
            if result.kind and result.kind not in seen:
                tx.gaps.close_kind(result.kind, "off", now)
        if not seen:
            return results
        saw_all = all(one.full and one.plan is not None for one in seen.values())
        run = tx.runs.start(job, services.runner, now, full=saw_all)
        for kind, one in seen.items():
            _record_gaps(tx, kind, one, now)
        tx.runs.finish(run, services.clock.now(), _said(results), _counts(results))
    return [replace(result, began_at=now, run=run) if result.kind in seen else result for result in results]


def _record_gaps(tx: Transaction, kind: GapKind, seen: PassPlan, now: datetime) -> None:
    """A look that cannot be trusted opens nothing and closes nothing."""
    if seen.plan is None:
        return
    tx.gaps.close_all(kind, seen.resolved_otherwise, now)
    found = {d.booking.id: (d.verdict.cause, d.verdict.reason) for d in seen.plan.decisions if d.verdict.cause}
    tx.gaps.record_all(kind, found, now)


def _said(results: Sequence[PassResult]) -> str:
    """As desired, or needs a human: the higher code is the more urgent of the two."""
    return max(result.exit_code for result in results).name.lower()


def _counts(results: Sequence[PassResult]) -> dict[str, int]:
    """Gaps of all rules together; how many bookings were looked at, which is the same for each."""
    counts: dict[str, int] = {}
    for result in results:
        for name, number in result.counts().items():
            counts[name] = max(counts.get(name, 0), number) if name == "checked" else counts.get(name, 0) + number
    return counts
