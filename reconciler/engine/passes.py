"""One pass: look, decide, record, repair, report. Level-based: missed, doubled or late, it does no harm."""

from collections import Counter
from dataclasses import replace

from reconciler.domain.gaps import Cause, GapKind, IntegrationFault
from reconciler.domain.intents import State
from reconciler.domain.plan import Plan
from reconciler.domain.policies import Policy
from reconciler.domain.verdicts import Hold, Standing
from reconciler.engine.integration import diagnosis, fault_of, record_faults, unreachable
from reconciler.engine.mender import Mender, Scope
from reconciler.engine.recording import record_plan
from reconciler.engine.repairing import repairs
from reconciler.engine.results import Became, PassResult
from reconciler.engine.survey import Survey, may_repair, survey
from reconciler.errors import DatabaseDisagrees
from reconciler.ports import ProviderFailure, Services


def run_pass(job: str, mender: Mender, services: Services) -> PassResult:
    """Execute one pass; without the mandate to act, look and decide only.

    Raises:
        DatabaseUnreachable: no connection, or it went away; what was done is recorded, the rest waits.
        DatabaseDisagrees: the database refused a statement that concerns all bookings.
    """
    if Policy.OFF in (mender.policy, services.repairs):
        return PassResult(job=job, kind=mender.kind, effect=mender.effect, plan=None)
    if services.mandate.act:
        return _act(job, mender, services)
    with services.store.reading() as tx:
        seen = survey(tx, job, mender, services, services.clock.now())
    return _result(job, mender, seen)


def _act(job: str, mender: Mender, services: Services) -> PassResult:
    in_the_way = _settle(mender, services)
    now = services.clock.now()
    with services.store.reading() as tx:
        seen = survey(tx, job, mender, services, now)
        was_broken = any(gap.about == mender.effect for gap in tx.ledger.open_gaps(mender.integration))
    asks = may_repair(mender, services) and (was_broken or bool(seen.plan and seen.plan.repairs))
    in_the_way = in_the_way or (fault_of(mender) if asks else None)
    if in_the_way and seen.plan:
        seen = replace(seen, plan=seen.plan.holding(Hold.INTEGRATION, Cause.BLOCKED))
    faults = [*seen.faults, *([in_the_way] if in_the_way else [])]
    checked = [GapKind.INTEGRATION_SCHEMA, *([mender.integration] if asks else [])]
    with services.store.writing() as tx:
        run = tx.ledger.start_run(job, now, full=seen.full)
        record_faults(tx, mender, faults, checked, now)
        record_plan(tx, mender, seen, now)
    mended, broken = _repair(mender, services, seen)
    result = replace(_result(job, mender, seen), acted=True, faults=(*faults, *broken), mended=mended)
    with services.store.writing() as tx:
        record_faults(tx, mender, broken, [], now)
        tx.ledger.finish_run(run, services.clock.now(), result.exit_code.name.lower(), result.counts())
    return result


def _settle(mender: Mender, services: Services) -> IntegrationFault | None:
    """Unknown outcomes first, so that the look sees what became of them; or why nobody could be asked."""
    with services.store.writing() as tx:
        tx.ledger.abandon_expired(mender.effect, services.clock.now())
        unknown = tx.ledger.in_state(mender.effect, State.UNKNOWN)
        scope = Scope(since=services.clock.now(), installation=tx.ledger.installation().id)
    if not unknown or not may_repair(mender, services):
        return None
    fault = fault_of(mender)
    if fault is None:
        try:
            mender.settle(scope)
        except ProviderFailure as failure:
            return unreachable(mender, failure)
    return fault


def _repair(
    mender: Mender, services: Services, seen: Survey
) -> tuple[Counter[tuple[Became, str]], list[IntegrationFault]]:
    mended: Counter[tuple[Became, str]] = Counter()
    broken: list[IntegrationFault] = []
    if seen.plan is None:
        return mended, broken
    mended.update(_finish(mender, seen, seen.plan))
    for end in repairs(mender, services, seen.plan, seen.scope):
        mended[end.became, end.reason if not end.became.is_repaired else ""] += 1
        if end.became is Became.BROKEN:
            broken.append(diagnosis(mender, end))
    return mended, broken


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
            except DatabaseDisagrees as error:
                refused[Became.HELD, error.code] += 1
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
