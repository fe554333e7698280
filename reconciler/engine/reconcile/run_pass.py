"""One pass: look, decide, record, repair, report. Level-based: missed, doubled or late, it does no harm."""

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from reconciler.domain.decide.plan import Plan
from reconciler.domain.decide.policies import Policy
from reconciler.domain.decide.verdicts import Hold, Standing
from reconciler.domain.gaps import Cause, GapKind, IntegrationFault
from reconciler.domain.intents import State
from reconciler.engine.reconcile.apply import repairs
from reconciler.engine.reconcile.orphans import sweep
from reconciler.engine.reconcile.planning import Survey, blind, survey
from reconciler.engine.reconcile.preflight import in_the_way
from reconciler.engine.reconcile.record import record_gaps, record_plan
from reconciler.engine.reconcile.results import Became, PassResult
from reconciler.engine.reconcile.settle import Answers, settle
from reconciler.engine.repair.integration_faults import (
    diagnosis,
    disagreement,
    record_faults,
    subject_of,
    unreachable_database,
)
from reconciler.engine.repair.repairer import Mender
from reconciler.errors import DatabaseBusy, DatabaseDisagrees, DatabaseUnreachable
from reconciler.ports import Services


def run_pass(job: str, mender: Mender, services: Services) -> PassResult:
    """Execute one pass; without the mandate to act, look and decide only.

    A database that cannot be reached, or that refuses the look, is a fault in the result; what was done is recorded.

    So is a bug that met one of the bookings: it is in the result, and all others were done.
    """
    try:
        return _run(job, mender, services)
    except DatabaseUnreachable as error:
        faults = (unreachable_database(error),)
        return PassResult(job=job, kind=mender.kind, effect=mender.effect, plan=None, faults=faults)


def _run(job: str, mender: Mender, services: Services) -> PassResult:
    act = services.mandate.act
    if Policy.OFF in (mender.policy, services.repairs):
        began_at = _close_all(mender, services) if act else None
        return PassResult(job=job, kind=mender.kind, effect=mender.effect, plan=None, began_at=began_at, off=True)
    if act:
        return _act(job, mender, services)
    return _result(job, mender, _look(job, mender, services, services.clock.now()))


def _close_all(mender: Mender, services: Services) -> datetime:
    """Nobody asks for these any more. When that was."""
    now, about = services.clock.now(), subject_of(mender, services)
    with services.store.writing() as tx:
        tx.ledger.close_all_gaps(mender.kind, "off", now)
        for kind in (GapKind.INTEGRATION_SCHEMA, mender.integration):
            tx.ledger.close_gap(kind, about, "off", now)
    return now


def _look(job: str, mender: Mender, services: Services, now: datetime) -> Survey:
    try:
        with services.store.reading() as tx:
            return survey(tx, job, mender, services, now)
    except DatabaseDisagrees as error:
        return blind(disagreement(error), now)


def _act(job: str, mender: Mender, services: Services) -> PassResult:
    answers = _settle_and_sweep(mender, services)
    now, about = services.clock.now(), subject_of(mender, services)
    seen = _look(job, mender, services, now)
    way = in_the_way(mender, services, seen, answers.faults)
    if way.faults and seen.plan:
        seen = replace(seen, plan=seen.plan.holding(Hold.INTEGRATION, Cause.BLOCKED))
    faults = [*seen.faults, *way.faults]
    with services.store.writing() as tx:
        run = tx.ledger.start_run(job, services.runner, now, full=seen.full and seen.plan is not None)
        record_faults(tx, about, faults, way.checked, now)
        record = record_gaps if services.span else record_plan
        record(tx, mender, seen, now)
    mended, broken, crash = _repair(mender, services, seen)
    crash = answers.crash or crash
    result = replace(_result(job, mender, seen), faults=(*faults, *broken), mended=mended)
    result = replace(result, began_at=now, run=run, crash=crash, settled=answers.counts)
    said = "crashed" if crash else result.exit_code.name.lower()
    with services.store.writing() as tx:
        record_faults(tx, about, broken, [], now)
        tx.ledger.finish_run(run, services.clock.now(), said, result.counts())
    return result


def _settle_and_sweep(mender: Mender, services: Services) -> Answers:
    """What became of earlier calls, and what we made that nobody has a use for, so that the look sees the answers."""
    answers = Answers()
    with suppress(DatabaseDisagrees):  # the look that follows says what is wrong
        answers = settle(mender, services)
        if not answers.faults:
            answers.faults = sweep(mender, services)
    return answers


def _repair(
    mender: Mender, services: Services, seen: Survey
) -> tuple[Counter[tuple[Became, str]], list[IntegrationFault], Exception | None]:
    mended: Counter[tuple[Became, str]] = Counter()
    broken: list[IntegrationFault] = []
    crash: Exception | None = None
    if seen.plan is None:
        return mended, broken, crash
    mended.update(_finish(mender, seen, seen.plan))
    for end in repairs(mender, services, seen.plan, seen):
        services.progress(end.became.is_repaired, len(seen.plan.repairs))
        mended[end.became, end.reason if not end.became.is_repaired else ""] += 1
        if end.became is Became.BROKEN:
            broken.append(diagnosis(mender, end))
        crash = crash or end.crash
    return mended, broken, crash


def _finish(mender: Mender, seen: Survey, plan: Plan) -> Counter[tuple[Became, str]]:
    """Effects that our ledger proves and the application's tables do not show yet: we died in between.

    A row that the database will not have as it should be stops no other; it is counted, and tried by the next pass.
    """
    refused: Counter[tuple[Became, str]] = Counter()
    for decision in plan.decisions:
        last = seen.intents.get(decision.booking.id)
        if decision.verdict.standing is Standing.FINE and last and last.state is State.DONE:
            try:
                mender.finish(last, seen.scope)
            except DatabaseBusy:
                refused[Became.HELD, Hold.BUSY] += 1
            except DatabaseDisagrees as error:
                refused[Became.BLOCKED, error.code] += 1
    return refused


def _result(job: str, mender: Mender, seen: Survey) -> PassResult:
    return PassResult(
        job=job,
        kind=mender.kind,
        effect=mender.effect,
        plan=seen.plan,
        faults=seen.faults,
        tripped=seen.tripped,
        full_look=seen.full,
    )
