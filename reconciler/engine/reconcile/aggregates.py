"""Aggregate rules: count the backlog and the coverage, record their gaps. No booking is repaired here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.backlog import BacklogCount
from reconciler.domain.decide.coverage.pauses import NoBookings, judge_pause
from reconciler.domain.explain.coverage import coverage_line, drop_line, pause_line
from reconciler.domain.gaps import GapKind, IntegrationFault
from reconciler.domain.hashing import digest
from reconciler.domain.rules.registry import find_aggregate
from reconciler.engine.reconcile.coverage import CoverageCount, count_coverage, store_coverage
from reconciler.engine.reconcile.job_run import JobRun, run_or_unreachable, scan_or_fault, subject_of_job
from reconciler.engine.reconcile.results import AggregateResult, PassResult
from reconciler.engine.repair.integration_faults import record_faults, recordable
from reconciler.engine.repair.repairers import rules_in_force
from reconciler.errors import DatabaseDisagrees
from reconciler.ports import PassServices, Services, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregateCount:
    """What was counted; ``None``: it was not, or could not be."""

    backlog: BacklogCount | None = None
    coverage: CoverageCount | None = None
    pause: NoBookings | None = None
    faults: tuple[IntegrationFault, ...] = ()
    at: datetime


def run_aggregates(job: str, kinds: Sequence[GapKind], services: Services) -> Sequence[PassResult]:
    """One run of a job over aggregate rules; a result per rule. Without the mandate to act, count only."""
    now = services.clock.now()

    def run() -> Sequence[PassResult]:
        seen = scan_or_fault(lambda: _read(services, now), lambda fault: AggregateCount(faults=(fault,), at=now))
        results = [_result(job, kind, seen, services) for kind in kinds]
        return _record(job, results, seen, services) if services.mandate.act else results

    unread = [
        PassResult(job=job, kind=kind, effect=None, plan=None, unscanned=kind in services.aggregates) for kind in kinds
    ]
    return run_or_unreachable(run, unread)


def count_backlog(tx: Transaction, services: Services, now: datetime) -> BacklogCount | None:
    """Count the backlog; ``None`` while our schema does not exist, for then no booking is left alone."""
    if not tx.ledger.exists():
        return None
    since = services.window.since or tx.ledger.installation().since
    kinds = [rule.kind for rule in rules_in_force(services)]
    return BacklogCount(counts=tx.backlog.count(kinds, now, since), since=since, at=None)


def refresh_backlog(services: Services) -> BacklogCount | None:
    """Count the backlog anew and record the count: after a backfill, a write-off or a ``migrate``."""
    counted = read_backlog(services)
    if counted:
        with services.store.writing() as tx:
            _record_backlog(tx, counted, services, services.clock.now())
    return counted


def read_backlog(services: Services) -> BacklogCount | None:
    """Count the backlog now; ``None`` if the rule is off.

    Raises:
        DatabaseDisagrees: the tables cannot be read as the mapping needs, so that the number is unknown.
    """
    if GapKind.BACKLOG not in services.aggregates:
        return None
    with services.store.reading() as tx:
        for fault in _faults(tx, services):
            raise DatabaseDisagrees(fault.seen, fault.remedy, code=fault.code)
        return count_backlog(tx, services, services.clock.now())


def _read(services: Services, now: datetime) -> AggregateCount:
    with services.store.reading() as tx:
        faults = _faults(tx, services)
        if faults:
            return AggregateCount(faults=faults, at=now)
        wanted = services.aggregates
        # The texts and events that a booking calls for; the report-only rules apply to the same bookings.
        kinds = tuple(rule.kind for rule in rules_in_force(services) if rule.effect)
        covered = bool(kinds) and GapKind.COVERAGE_DROPPED in wanted
        return AggregateCount(
            backlog=count_backlog(tx, services, now) if GapKind.BACKLOG in wanted else None,
            coverage=count_coverage(tx, kinds, services.sms_policy.zone, now) if covered else None,
            pause=judge_pause(tx.coverage.pauses(now), now) if GapKind.COVERAGE_NO_BOOKINGS in wanted else None,
            at=now,
        )


def _faults(tx: Transaction, services: Services) -> tuple[IntegrationFault, ...]:
    """What would falsify a count. What else is wrong is found by the passes of the rules."""
    faults: list[IntegrationFault] = []
    for rule in rules_in_force(services):
        seen = (
            tx.bookings.effect_faults(rule.effect, writing=False) if rule.effect else tx.bookings.read_faults(rule.kind)
        )
        faults += [fault for fault in seen if fault.blinds]
    return tuple(dict.fromkeys(faults))


def _result(job: str, kind: GapKind, seen: AggregateCount, services: Services) -> PassResult:
    result = PassResult(job=job, kind=kind, effect=None, plan=None)
    if kind not in services.aggregates:
        return replace(result, off=True)
    if seen.faults:
        return replace(result, faults=seen.faults, unscanned=True)
    found = [said for said, _ in _gaps(kind, seen, services).values()]
    lines = tuple(found)
    if kind == GapKind.COVERAGE_DROPPED and seen.coverage:
        verdict = seen.coverage.verdict
        lines = (coverage_line(verdict.of, verdict.share, verdict.usual), *found)
    return replace(result, full_scan=True, aggregate=AggregateResult(lines=lines, is_open=bool(found)))


def _gaps(kind: GapKind, seen: AggregateCount, services: PassServices) -> Mapping[str, tuple[str, str]]:
    """The rule's gaps: about -> what was seen, and the key of its incident."""
    scope = services.runner.scope
    if kind == GapKind.BACKLOG and seen.backlog and seen.backlog.is_open:
        return {about_of(kind, scope): (seen.backlog.says(services.sms_policy.zone), "")}
    if kind == GapKind.COVERAGE_DROPPED and seen.coverage:
        return {
            about_of(digest(f"{drop.reason} {' '.join(drop.kinds)}"), scope): (drop_line(drop), digest(drop.reason))
            for drop in seen.coverage.verdict.drops
        }
    if kind == GapKind.COVERAGE_NO_BOOKINGS and seen.pause:
        return {about_of(kind, scope): (pause_line(seen.pause, seen.at), "")}
    return {}


def about_of(subject: str, scope: str) -> str:
    """What an aggregate gap is about: its subject, and the scope if several share the database."""
    return f"{subject} {scope}".rstrip()


def _record(job: str, results: Sequence[PassResult], seen: AggregateCount, services: Services) -> Sequence[PassResult]:
    faults = recordable(dict.fromkeys(seen.faults))
    with services.store.writing() as tx:
        checked = [] if len(faults) < len(seen.faults) else [GapKind.INTEGRATION_SCHEMA]
        record_faults(tx, subject_of_job(job, services), faults, checked, seen.at)
        for result in results:
            if result.kind and result.off:
                tx.gaps.close_kind(result.kind, "off", seen.at)
        if all(result.off for result in results):
            return results
        run = JobRun.start(tx, job, services, seen.at, full=not seen.faults)
        if seen.backlog:
            _record_backlog(tx, seen.backlog, services, seen.at)
        if seen.coverage:
            store_coverage(tx, seen.coverage)
        for result in results:
            if result.aggregate and result.kind != GapKind.BACKLOG:
                assert result.kind is not None
                _record_gaps(tx, result.kind, seen, services)
        run.finish(tx, results)
    return [result if result.off else run.attach(result) for result in results]


def _record_backlog(tx: Transaction, counted: BacklogCount, services: PassServices, now: datetime) -> None:
    tx.backlog.store(counted.counts, counted.since)
    _record_gaps(tx, GapKind.BACKLOG, AggregateCount(backlog=counted, at=now), services)


def _record_gaps(tx: Transaction, kind: GapKind, seen: AggregateCount, services: PassServices) -> None:
    rule = find_aggregate(kind)
    assert rule is not None
    found = _gaps(kind, seen, services)
    own = {gap.about for gap in tx.gaps.open(kind) if gap.about.partition(" ")[2] == services.runner.scope}
    tx.gaps.close_all(kind, {BookingId(about): "over" for about in own - found.keys()}, seen.at)
    for about, (said, key) in found.items():
        tx.gaps.record_aggregate(kind, about, rule.cause, key, {"seen": said, "remedy": rule.remedy}, seen.at)
