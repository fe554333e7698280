"""What became of calls whose outcome is unknown: claim, ask the provider, and write down what is certain.

A pass begins with it, so that its look sees the answers; the job ``unsettled_repairs`` does nothing else. Nothing is
sent here: an effect that is provably not there is *planned* again, and a pass repairs it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from reconciler.domain.gaps import Cause, IntegrationFault
from reconciler.domain.intents import Intent, State
from reconciler.domain.settling import Found, Settled
from reconciler.domain.verdicts import CAUSE_OF_REFUSAL, Refusal
from reconciler.engine.integration import (
    disagreement,
    fault_of,
    record_faults,
    subject_of,
    unreachable,
    unreachable_database,
)
from reconciler.engine.mender import Mender, Scope
from reconciler.engine.results import PassResult, Settling
from reconciler.engine.survey import may_repair
from reconciler.errors import DatabaseDisagrees, DatabaseUnreachable
from reconciler.ports import ProviderFailure, Services, Transaction

LONGEST_WAIT = timedelta(hours=4)
"""Between two questions. Six tries from five minutes on, doubling, are over within a day."""


@dataclass(slots=True)
class Answers:
    """What was found out in one go, and what kept us from asking on."""

    counts: Counter[tuple[Settling, str]] = field(default_factory=Counter)
    fault: IntegrationFault | None = None


def run_settling(job: str, menders: Sequence[Mender], services: Services) -> Sequence[PassResult]:
    """One run of the job; a result per effect. Without the mandate to act, nothing.

    A database that cannot be reached is a fault in the result.
    """
    if not services.mandate.act:
        return [PassResult(job=job, kind=mender.kind, effect=mender.effect, plan=None) for mender in menders]
    try:
        return _run(job, menders, services)
    except DatabaseUnreachable as error:
        faults = (unreachable_database(error),)
        return [PassResult(job=job, kind=one.kind, effect=one.effect, plan=None, faults=faults) for one in menders]


def _run(job: str, menders: Sequence[Mender], services: Services) -> Sequence[PassResult]:
    began_at = services.clock.now()
    with services.store.writing() as tx:
        run = tx.ledger.start_run(job, services.runner, began_at, full=False)
    results = []
    for mender in menders:
        try:
            answers = settle(mender, services)
        except DatabaseDisagrees as error:
            answers = Answers(fault=disagreement(error))
        faults = (answers.fault,) if answers.fault else ()
        with services.store.writing() as tx:
            record_faults(tx, subject_of(mender, services), faults, [], services.clock.now())
        results.append(
            PassResult(
                job=job,
                kind=mender.kind,
                effect=mender.effect,
                plan=None,
                faults=faults,
                began_at=began_at,
                run=run,
                settled=answers.counts,
            )
        )
    counts: Counter[str] = Counter()
    for result in results:
        counts.update(result.counts())
    said = max(result.exit_code for result in results).name.lower()
    with services.store.writing() as tx:
        tx.ledger.finish_run(run, services.clock.now(), said, counts)
    return results


def settle(mender: Mender, services: Services) -> Answers:
    """Settle what is due of this effect, at most a pass's number of them.

    Raises:
        DatabaseUnreachable, DatabaseDisagrees: what was settled until then is written down.
    """
    answers = Answers()
    with services.store.writing() as tx:
        tx.ledger.abandon_expired(mender.effect, mender.settle_after, services.clock.now())
    if may_repair(mender, services) and mender.effect not in services.suspended:
        _settle(mender, services, answers)
    return answers


def _settle(mender: Mender, services: Services, answers: Answers) -> None:
    with services.store.reading() as tx:
        installation, begun_at = tx.ledger.installation(), tx.ledger.now()
    scope = Scope(since=services.window.since or installation.since, installation=installation.id)
    ends_at = services.clock.now() + mender.limits.budget
    ask = mender.asker(scope)
    while sum(answers.counts.values()) < mender.limits.repairs and services.clock.now() < ends_at:
        if services.stopping():
            return
        with services.store.writing() as tx:
            intent = tx.ledger.claim_unsettled(mender.effect, begun_at, mender.limits.lease)
        if intent is None:
            return
        try:
            # First of all: a provider that is broken as a whole answers *not there* to everything.
            answers.fault = None if answers.counts else fault_of(mender)
            settled = None if answers.fault else ask(intent)
        except ProviderFailure as failure:
            settled, answers.fault = None, unreachable(mender, failure)
        if settled is None:
            with services.store.writing() as tx:
                tx.ledger.release(intent, intent.code, services.clock.now())  # not asked: no try is counted
            return
        answers.counts[_write_down(mender, services, scope, intent, settled)] += 1


def _write_down(
    mender: Mender, services: Services, scope: Scope, intent: Intent, settled: Settled
) -> tuple[Settling, str]:
    """The one place where an answer about an unknown outcome becomes state."""
    now = services.clock.now()
    with services.store.writing() as tx:
        match settled.found:
            case Found.THERE:
                done = tx.ledger.move(intent, State.DONE, code=settled.code, now=now, provider_id=settled.provider_id)
            case Found.TAKEN_BACK:
                tx.ledger.move(intent, State.DROPPED, code=settled.code, now=now)
                return Settling.DROPPED, settled.code
            case Found.ABSENT:
                return _absent(tx, mender, services, scope, intent)
            case _:
                return _undecided(tx, mender, services, intent, settled)
    if done is None:
        return Settling.ELSEWHERE, ""  # whoever made the call came back with the answer
    mender.conclude(done, scope)
    return Settling.FOUND, ""


def _absent(tx: Transaction, mender: Mender, services: Services, scope: Scope, intent: Intent) -> tuple[Settling, str]:
    """It did not happen. Planned again, if it is still wanted and has tries left."""
    now = services.clock.now()
    finding = tx.bookings.findings(mender.kind, now, scope.since, [intent.booking]).get(intent.booking)
    unwanted = "gone" if finding is None else finding.failed
    if unwanted and mender.may_arrive_late and intent.settle_tries == 0:
        # Nobody wants it, so nothing would collide with a call that arrives late: it is asked for once more.
        tx.ledger.ask_again(intent, "absent", mender.limits.settle, now)
        return Settling.UNDECIDED, "absent"
    if unwanted:
        tx.ledger.move(intent, State.DROPPED, code=unwanted, now=now)
        mender.withdraw(tx, intent, scope, unwanted)
        tx.ledger.close_gap(mender.kind, intent.booking, unwanted, now)
        return Settling.DROPPED, unwanted
    again_at = now + mender.limits.backoff.after(intent.attempts, intent.id)
    planned = tx.ledger.move(intent, State.PLANNED, code="absent", now=now, not_before=again_at)
    if planned is None:
        return Settling.ELSEWHERE, ""
    if intent.attempts < mender.limits.attempts:
        return Settling.ABSENT, ""
    tx.ledger.move(planned, State.NEEDS_HUMAN, code="attempts", now=now, cause=Cause.GIVEN_UP)
    tx.ledger.record_gap(mender.kind, intent.booking, Cause.GIVEN_UP, Refusal.GIVEN_UP, now)
    return Settling.NEEDS_HUMAN, Refusal.GIVEN_UP


def _undecided(
    tx: Transaction, mender: Mender, services: Services, intent: Intent, settled: Settled
) -> tuple[Settling, str]:
    """Nobody can tell, or it cannot arrive. Asked again a few times; then it is a person's turn."""
    now, limits = services.clock.now(), mender.limits
    cause = CAUSE_OF_REFUSAL[Refusal.NOT_PROVABLE]
    if settled.found is Found.UNDECIDED and intent.settle_tries + 1 < limits.settle_tries:
        wait = min(limits.settle * 2**intent.settle_tries, max(LONGEST_WAIT, limits.settle))
        tx.ledger.ask_again(intent, settled.code, wait, now)
        tx.ledger.record_gap(mender.kind, intent.booking, cause, Refusal.UNKNOWN, now)
        return Settling.UNDECIDED, settled.code
    tx.ledger.move(intent, State.NEEDS_HUMAN, code=settled.code, now=now, cause=cause, provider_id=settled.provider_id)
    tx.ledger.record_gap(mender.kind, intent.booking, cause, Refusal.NOT_PROVABLE, now)
    return Settling.NEEDS_HUMAN, settled.code
