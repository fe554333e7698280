"""The one place where a provider's answer changes the state of our ledger."""

from datetime import datetime

from reconciler.domain.decide.verdicts import Refusal
from reconciler.domain.gaps import Cause
from reconciler.domain.intents import Intent, Outcome, Result
from reconciler.engine.repair.repairer import Repairer
from reconciler.engine.repair.results import AttemptResult, AttemptStatus
from reconciler.ports import Transaction

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


def attempt_result(outcome: Outcome, done: AttemptStatus) -> AttemptResult:
    """The result of an attempt that got this answer. ``done``: the status to use if the answer is *done*."""
    return AttemptResult(status=_STATUS.get(outcome.result, done), reason=outcome.code, outcome=outcome)
