"""Report-only rules: scan, plan, record gaps. Their gaps are not ours to repair.

So no intent is touched, no provider is asked, and no gap of another rule is closed.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.plan import Decision, Plan
from reconciler.domain.gaps import GapKind
from reconciler.domain.rules.registry import rule_of
from reconciler.engine.reconcile.job_run import JobRun, run_or_unreachable, scan_or_fault, subject_of_job
from reconciler.engine.reconcile.planning import PassPlan, unreadable_plan
from reconciler.engine.reconcile.record import new_gaps
from reconciler.engine.reconcile.results import PassResult
from reconciler.engine.reconcile.scan import AT_ONCE, Recorded, parts_of, scan, scope_of, window_of
from reconciler.engine.repair.integration_faults import record_faults, recordable
from reconciler.ports import PassServices, Transaction


def run_report_only(job: str, kinds: Sequence[GapKind], services: PassServices) -> Sequence[PassResult]:
    """One run of a job over report-only rules; a result per rule. Without the mandate to act, scan only.

    A database that cannot be reached, or that refuses a scan, is a fault in the result.
    """
    now = services.clock.now()

    def run() -> Sequence[PassResult]:
        seen = {kind: _scan(job, kind, services, now) for kind in kinds if kind in services.report_only}
        results = [_result(job, kind, seen.get(kind)) for kind in kinds]
        return _record(job, results, seen, services, now) if services.mandate.act else results

    unread = [
        PassResult(job=job, kind=kind, effect=None, plan=None, unscanned=kind in services.report_only) for kind in kinds
    ]
    return run_or_unreachable(run, unread)


def _scan(job: str, kind: GapKind, services: PassServices, now: datetime) -> PassPlan:
    def read() -> PassPlan:
        with services.store.reading() as tx:
            return plan_report(tx, job, kind, services, now)

    return scan_or_fault(read, lambda fault: unreadable_plan(fault, now))


def plan_report(tx: Transaction, job: str, kind: GapKind, services: PassServices, now: datetime) -> PassPlan:
    faults = tuple(tx.bookings.read_faults(kind))
    scope, full = scope_of(tx, job, services, now, [kind])
    if any(fault.blinds for fault in faults):
        return PassPlan(scope=scope, full=full, faults=faults, plan=None, at=now, intents={}, resolved_otherwise={})
    recorded = (
        Recorded(gaps={BookingId(gap.about): gap for gap in tx.gaps.open(kind)}) if scope.has_ledger else Recorded()
    )
    began, window = services.clock.now(), window_of(scope, services, now, full=full)
    parts, settings = parts_of(tx, job, scope, services, full=full), services.runner.scan_settings
    seen = scan(tx, kind, scope.since, window, recorded, settings, now, parts=parts)
    verdict = rule_of(kind).verdict
    plan = Plan(
        kind=kind,
        checked=seen.checked,
        by_condition=seen.by_condition,
        decisions=[
            Decision(booking=booking.without_details(), verdict=verdict, trigger="", subject="", is_new=False)
            for first in range(0, len(seen.broken), AT_ONCE)
            for booking in tx.bookings.in_full(kind, now, seen.broken[first : first + AT_ONCE])
        ],
    )
    return PassPlan(
        scope=scope, full=full, faults=faults, plan=plan, at=now, intents={}, resolved_otherwise=seen.over,
        scan_took=services.clock.now() - began, scan_parts=seen.parts,
    )  # fmt: skip


def _result(job: str, kind: GapKind, seen: PassPlan | None) -> PassResult:
    if seen is None:
        return PassResult(job=job, kind=kind, effect=None, plan=None, off=True)
    return PassResult(
        job=job,
        kind=kind,
        effect=None,
        plan=seen.plan.counts() if seen.plan else None,
        faults=seen.faults,
        full_scan=seen.full,
        scan_took=seen.scan_took,
        scan_parts=seen.scan_parts,
        unscanned=seen.plan is None,
    )


def _record(
    job: str, results: Sequence[PassResult], seen: Mapping[GapKind, PassPlan], services: PassServices, now: datetime
) -> Sequence[PassResult]:
    """Record all rules of the job in one transaction: no call to a provider has to come in between."""
    faults = dict.fromkeys(fault for result in results for fault in result.faults)
    with services.store.writing() as tx:
        # A rule that a lock kept from being scanned says nothing about the tables, neither well nor broken.
        checked = [] if len(recordable(faults)) < len(faults) else [GapKind.INTEGRATION_SCHEMA]
        record_faults(tx, subject_of_job(job, services), recordable(faults), checked, now)
        for result in results:
            if result.kind and result.kind not in seen:
                tx.gaps.close_kind(result.kind, "off", now)
        if not seen:
            return results
        saw_all = all(one.full and one.plan is not None for one in seen.values())
        run = JobRun.start(tx, job, services, now, full=saw_all)
        for kind, one in seen.items():
            _record_gaps(tx, kind, one, now)
        run.finish(tx, results)
    return [run.attach(result) if result.kind in seen else result for result in results]


def _record_gaps(tx: Transaction, kind: GapKind, seen: PassPlan, now: datetime) -> None:
    """A scan that cannot be trusted opens no gap and closes none."""
    if seen.plan is None:
        return
    tx.gaps.close_all(kind, seen.resolved_otherwise, now)
    tx.gaps.adopt(kind)
    tx.gaps.record_all(kind, new_gaps(seen.plan.decisions), now)
