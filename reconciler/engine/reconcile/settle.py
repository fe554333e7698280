"""Settle calls whose outcome is unknown: claim the intent, ask the provider, and record what is certain.

A pass settles first, so that its scan sees the answers; the job ``unsettled_repairs`` does nothing else. Nothing is
sent here: an effect that is provably not there is *planned* again, and a pass repairs it.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.domain.backoff import doubled
from reconciler.domain.decide.gap_end import end_of
from reconciler.domain.decide.sms_settlement import Settlement, SettlementStatus
from reconciler.domain.decide.verdicts import CAUSE_OF_REFUSAL, Finding, Refusal
from reconciler.domain.gaps import Cause, IntegrationFault
from reconciler.domain.intents import Intent
from reconciler.engine.reconcile.job_run import JobRun, gap_subject, read_or_fault, run_or_unreachable
from reconciler.engine.reconcile.planning import may_repair
from reconciler.engine.reconcile.results import PassResult, SettleOutcome
from reconciler.engine.repair.integration_faults import provider_fault
from reconciler.engine.repair.repairer import LONG_AGO, Repairer, Scope
from reconciler.errors import DatabaseBusy, DatabaseDisagrees, DatabaseUnreachable
from reconciler.ports import PassServices, ProviderFailure, Transaction

NOT_ANSWERED = "not_answered"
"""Start of the code of an intent about which the provider gave no answer."""
LONGEST_WAIT = timedelta(hours=4)
"""The longest wait between two questions. Six tries that start at five minutes and double end within a day."""


@dataclass(slots=True)
class Answers:
    """The outcomes of one settling, the faults that stopped it, and a bug that met one of the intents."""

    counts: Counter[tuple[SettleOutcome, str]] = field(default_factory=Counter)
    faults: tuple[IntegrationFault, ...] = ()
    crash: Exception | None = None
    any_answered: bool = False
    """Whether the provider answered about any of them."""


def run_settling(job: str, repairers: Sequence[Repairer], services: PassServices) -> Sequence[PassResult]:
    """One run of the job; a result per effect. Without the mandate to act, nothing.

    A database that cannot be reached is a fault in the result.
    """
    unsettled = [PassResult(job=job, kind=one.kind, effect=one.effect, plan=None) for one in repairers]
    if not services.mandate.act:
        return unsettled
    return run_or_unreachable(lambda: _run(job, repairers, services), unsettled)


def _run(job: str, repairers: Sequence[Repairer], services: PassServices) -> Sequence[PassResult]:
    with services.store.writing() as tx:
        run = JobRun.start(tx, job, services, services.clock.now())
    results = [run.attach(_settle_effect(run, job, repairer, services)) for repairer in repairers]
    with services.store.writing() as tx:
        run.finish(tx, results)
    return results


def _settle_effect(run: JobRun, job: str, repairer: Repairer, services: PassServices) -> PassResult:
    answers = read_or_fault(lambda: settle(repairer, services), lambda fault: Answers(faults=(fault,)))
    with services.store.writing() as tx:
        run.record_faults(tx, gap_subject(repairer, services), answers.faults, now=services.clock.now())
    return PassResult(
        job=job,
        kind=repairer.kind,
        effect=repairer.effect,
        plan=None,
        faults=answers.faults,
        settled=answers.counts,
        crash=answers.crash,
    )


def settle(repairer: Repairer, services: PassServices) -> Answers:
    """Settle what is due of this effect, at most a pass's number of them.

    Raises:
        DatabaseUnreachable, DatabaseDisagrees: what was settled until then is written down.
    """
    answers = Answers()
    with services.store.writing() as tx:
        tx.intents.abandon_expired(repairer.effect, repairer.settle_after, services.clock.now())
        installation, begun_at = tx.ledger.installation(), tx.ledger.now()
    if may_repair(repairer, services) and repairer.effect not in services.suspended:
        scope = Scope(since=services.window.since or installation.since, installation=installation.id)
        _settle(repairer, services, scope, begun_at, answers)
    return answers


def _settle(repairer: Repairer, services: PassServices, scope: Scope, begun_at: datetime, answers: Answers) -> None:
    ends_at = services.clock.now() + repairer.limits.budget
    ask = repairer.outcome_finder(scope)
    while sum(answers.counts.values()) < repairer.limits.repairs and services.clock.now() < ends_at:
        if services.stopping():
            return
        with services.store.writing() as tx:
            intent = tx.intents.claim_unsettled(repairer.effect, begun_at, repairer.limits.lease)
        if intent is None:
            return
        # First of all: a provider that is broken as a whole, or hidden rows, make every answer *not there*.
        answers.faults = () if answers.counts else effect_faults(repairer, services)
        settled = None if answers.faults else _ask(ask, repairer, intent, answers)
        if settled is None:
            with services.store.writing() as tx:
                tx.intents.release(
                    intent, intent.code, services.clock.now()
                )  # the provider was not asked: no try is counted
            return
        if settled.code.startswith(NOT_ANSWERED) and not answers.any_answered:
            # So far no list was answered: a failing provider uses up no booking's tries. It is asked again.
            with services.store.writing() as tx:
                tx.intents.release(intent, intent.code, services.clock.now())
            answers.counts[SettleOutcome.UNDECIDED, settled.code] += 1
            continue
        answers.any_answered |= not settled.code.startswith(NOT_ANSWERED)
        answers.counts[_record_answer(repairer, services, scope, intent, settled, answers)] += 1


def effect_faults(repairer: Repairer, services: PassServices) -> tuple[IntegrationFault, ...]:
    """What makes an answer about one booking worthless: the schema, hidden rows, the provider."""
    with services.store.reading() as tx:
        faults = tuple(tx.bookings.effect_faults(repairer.effect, writing=True))
    if faults:
        return faults
    fault = provider_fault(repairer)
    return (fault,) if fault else ()


def _ask(
    ask: Callable[[Intent], Settlement], repairer: Repairer, intent: Intent, answers: Answers
) -> Settlement | None:
    """The answer; ``None`` if the provider as a whole is away. Otherwise one failed list stops no other."""
    try:
        return ask(intent)
    except ProviderFailure as failure:
        fault = provider_fault(repairer)
        if fault is None:
            return Settlement(found=SettlementStatus.UNDECIDED, code=f"{NOT_ANSWERED} {failure.outcome.code}")
        answers.faults = (fault,)
        return None


def _record_answer(
    repairer: Repairer, services: PassServices, scope: Scope, intent: Intent, settled: Settlement, answers: Answers
) -> tuple[SettleOutcome, str]:
    """Record the answer. One booking must not stop the others: a row the database refuses, a lock, a bug."""
    try:
        return _apply_answer(repairer, services, scope, intent, settled)
    except DatabaseBusy:
        return SettleOutcome.BUSY, ""  # the intent stays claimed until its lease ends, and is settled again
    except DatabaseDisagrees as error:
        code = error.code
    except DatabaseUnreachable:
        raise
    except Exception as error:  # noqa: BLE001 - not hidden: the pass raises it once the other intents are done
        code, answers.crash = type(error).__name__, answers.crash or error
    with services.store.writing() as tx:
        return _undecided(tx, repairer, services, intent, Settlement(found=SettlementStatus.UNDECIDED, code=code))


def _apply_answer(
    repairer: Repairer, services: PassServices, scope: Scope, intent: Intent, settled: Settlement
) -> tuple[SettleOutcome, str]:
    """The one place where an answer about an unknown outcome becomes state."""
    now = services.clock.now()
    with services.store.writing() as tx:
        match settled.found:
            case SettlementStatus.FOUND:
                done = tx.intents.mark_done(intent, settled.provider_id, settled.code, now)
            case SettlementStatus.TAKEN_BACK:
                tx.intents.drop(intent, settled.code, now)
                return SettleOutcome.DROPPED, settled.code
            case SettlementStatus.ABSENT:
                return _absent(tx, repairer, services, scope, intent)
            case _:
                return _undecided(tx, repairer, services, intent, settled)
    if done is None:
        return SettleOutcome.ELSEWHERE, ""  # the process that made the call recorded its answer
    with suppress(DatabaseBusy, DatabaseDisagrees):  # the ledger knows; a pass says so to the application's tables
        repairer.complete(done, scope)
    return SettleOutcome.FOUND, ""


def _absent(
    tx: Transaction, repairer: Repairer, services: PassServices, scope: Scope, intent: Intent
) -> tuple[SettleOutcome, str]:
    """The call had no effect. It is planned again if it is still needed and has tries left."""
    now = services.clock.now()
    finding = _finding(tx, repairer, intent, now)
    unwanted = _unwanted(finding)
    if unwanted and repairer.may_arrive_late and intent.settle_tries == 0:
        # Nobody wants it, so nothing would collide with a call that arrives late: it is asked for once more.
        tx.intents.retry_settling(intent, "absent", repairer.limits.settle, now)
        return SettleOutcome.UNDECIDED, "absent"
    if unwanted:
        tx.intents.drop(intent, unwanted, now)
        repairer.cancel_in_application(tx, intent, scope, unwanted)
        gap = next(iter(tx.gaps.open_about(intent.booking, repairer.kind)), None)
        if finding is None or end_of(gap, finding, services.runner.scan_settings):
            tx.gaps.close(repairer.kind, intent.booking, unwanted, now)
        return SettleOutcome.DROPPED, unwanted
    # While nobody's call is accepted, the provider is failing, and that says nothing about this booking.
    is_its_own = tx.intents.others_accepted(intent)
    again_at = now + _backoff(repairer, intent, now)
    planned = tx.intents.plan_again(intent, "absent", again_at, now, counts=is_its_own)
    if planned is None:
        return SettleOutcome.ELSEWHERE, ""
    if not is_its_own or intent.attempts < repairer.limits.attempts:
        return SettleOutcome.ABSENT, ""
    tx.intents.need_human(planned, "attempts", Cause.GIVEN_UP, now)
    tx.gaps.record(repairer.kind, intent.booking, Cause.GIVEN_UP, Refusal.GIVEN_UP, now)
    return SettleOutcome.NEEDS_HUMAN, Refusal.GIVEN_UP


def _finding(tx: Transaction, repairer: Repairer, intent: Intent, now: datetime) -> Finding | None:
    return tx.bookings.findings(repairer.kind, now, LONG_AGO, [intent.booking]).get(intent.booking)


def _backoff(repairer: Repairer, intent: Intent, now: datetime) -> timedelta:
    """The longer it has been failing, the longer the pause. Attempts do not show that: an outage uses up none."""
    backoff = repairer.limits.backoff
    return backoff.after(backoff.tries_within(now - (intent.attempted_at or now)), intent.id)


def _unwanted(finding: Finding | None) -> str | None:
    """Why the booking no longer calls for it, ``None`` if it does. Its age does not count: it was planned once."""
    return "gone" if finding is None else finding.failed


def _undecided(
    tx: Transaction, repairer: Repairer, services: PassServices, intent: Intent, settled: Settlement
) -> tuple[SettleOutcome, str]:
    """The outcome cannot be proven, or the effect cannot arrive. Asked again a few times; then it needs a human."""
    now, limits = services.clock.now(), repairer.limits
    arrives = settled.found is not SettlementStatus.NOT_LEAVING
    last_try = intent.settle_tries + 1 >= limits.settle_tries
    refusal = Refusal.NOT_DELIVERED if not arrives else Refusal.NOT_PROVABLE if last_try else Refusal.UNKNOWN
    if arrives and not last_try:
        wait = doubled(limits.settle, intent.settle_tries + 1, max(LONGEST_WAIT, limits.settle))
        tx.intents.retry_settling(intent, settled.code, wait, now)
    else:
        cause = CAUSE_OF_REFUSAL[refusal]
        tx.intents.need_human(intent, settled.code, cause, now, provider_id=settled.provider_id)
    if _unwanted(_finding(tx, repairer, intent, now)) is None:
        tx.gaps.record(repairer.kind, intent.booking, CAUSE_OF_REFUSAL[refusal], refusal, now)
    return (SettleOutcome.UNDECIDED if refusal is Refusal.UNKNOWN else SettleOutcome.NEEDS_HUMAN), settled.code
