"""The one place where a provider's answer changes the state of our ledger."""

from dataclasses import replace
from datetime import datetime

from reconciler.domain.decide.verdicts import Refusal
from reconciler.domain.gaps import Cause
from reconciler.domain.intents import Intent, Outcome, Result
from reconciler.engine.repair.repairer import Repairer
from reconciler.engine.repair.results import AttemptResult, AttemptStatus
from reconciler.engine.repair.write_retry import write_with_retry
from reconciler.ports import RepairServices, Transaction

_STATUS = {
    Result.REFUSED: AttemptStatus.REFUSED,
    Result.LATER: AttemptStatus.HELD,
    Result.BROKEN: AttemptStatus.BROKEN,
    Result.UNKNOWN: AttemptStatus.UNKNOWN,
}


def record_outcome(
    tx: Transaction, repairer: Repairer, intent: Intent, outcome: Outcome, now: datetime
) -> Intent | None:
    """Move the intent to the state that the answer requires. Record what the answer means for the gap.

    Returns the intent as it is now. ``None``: our lease ran out, and another process has the intent. The gap
    of a *done* intent is not closed here: the code that takes the effect's last step closes it.
    """
    moved = _move(tx, repairer, intent, outcome, now)
    if moved is None:
        return None  # another process has decided by now, and knows more
    match outcome.result:
        case Result.UNKNOWN:
            tx.gaps.record(repairer.kind, intent.booking, Cause.UNKNOWN_OUTCOME, Refusal.UNKNOWN, now)
        case Result.REFUSED:
            cause = outcome.cause or Cause.UNUSABLE_DATA
            tx.gaps.record(repairer.kind, intent.booking, cause, Refusal.REFUSED_BY_PROVIDER, now)
        case Result.LATER | Result.BROKEN:
            tx.gaps.record(repairer.kind, intent.booking, outcome.cause or Cause.BLOCKED, outcome.code, now)
    return moved


def _move(tx: Transaction, repairer: Repairer, intent: Intent, outcome: Outcome, now: datetime) -> Intent | None:
    match outcome.result:
        case Result.DONE:
            return tx.intents.mark_done(intent, outcome.provider_id, outcome.code, now)
        case Result.REFUSED:
            return tx.intents.mark_refused(intent, outcome.code, outcome.cause, now)
        case Result.UNKNOWN:
            return tx.intents.mark_unknown(intent, outcome.code, repairer.settle_after, now)
        case Result.LATER:
            # If the provider names no pause, use our shortest one, because no attempt has failed.
            pause = outcome.retry_after or repairer.limits.backoff.after(1, intent.id)
            return tx.intents.take_back_attempt(intent, outcome.code, outcome.cause, now + pause, now)
        case Result.BROKEN:
            return tx.intents.take_back_attempt(intent, outcome.code, outcome.cause, None, now)


def about_this_one(services: RepairServices, claimed: Intent, outcome: Outcome) -> Outcome:
    """The outcome; *refused* instead of *broken* if the provider's code turns out to be about this one booking.

    ``claimed``: the intent before this attempt, with the code of the attempt before. A code that is not certainly about
    a booking blocks the integration. If others are accepted after that, and this one gets the same code again, the
    code is about this one. So it is if this one was refused for it before, and is looked at again.
    """
    is_again = outcome.result is Result.BROKEN and outcome.by_provider and outcome.code == claimed.code
    if not is_again:
        return outcome
    if claimed.cause is None and not write_with_retry(services, lambda tx: tx.intents.others_accepted(claimed)):
        return outcome
    return replace(outcome, result=Result.REFUSED, cause=Cause.UNUSABLE_DATA, stops_pass=False)


def attempt_result(outcome: Outcome, done: AttemptStatus) -> AttemptResult:
    """The result of an attempt that got this answer. ``done``: the status to use if the answer is *done*."""
    return AttemptResult(status=_STATUS.get(outcome.result, done), reason=outcome.code, outcome=outcome)
