"""The one place where a provider's answer becomes state of our ledger."""

from datetime import datetime

from reconciler.domain.decide.verdicts import Refusal
from reconciler.domain.gaps import Cause
from reconciler.domain.intents import NEXT_STATE, Intent, Outcome, Result
from reconciler.engine.repair.repairer import Repairer
from reconciler.engine.repair.results import AttemptResult, AttemptStatus
from reconciler.ports import Transaction

_BECAME = {
    Result.REFUSED: AttemptStatus.REFUSED,
    Result.LATER: AttemptStatus.HELD,
    Result.BROKEN: AttemptStatus.BROKEN,
    Result.UNKNOWN: AttemptStatus.UNKNOWN,
}


def record_outcome(
    tx: Transaction, repairer: Repairer, intent: Intent, outcome: Outcome, now: datetime
) -> Intent | None:
    """Move the intent as the answer says and note what it makes of the gap.

    Returns the intent as it stands now, ``None`` if somebody else has it (our lease ran out). A *done* gap is closed by
    whoever made the last of the effect's steps, not here.
    """
    certainly_not_done = outcome.result in (Result.LATER, Result.BROKEN)
    # Without a word from the provider the pause is the first one: it asked for one, and no try has failed.
    pause = outcome.retry_after or repairer.limits.backoff.after(1, intent.id)
    moved = tx.intents.move(
        intent,
        NEXT_STATE[outcome.result],
        code=outcome.code,
        now=now,
        cause=outcome.cause,
        provider_id=outcome.provider_id if outcome.result is Result.DONE else None,
        not_before=now + pause if outcome.result is Result.LATER else None,
        settle=repairer.settle_after if outcome.result is Result.UNKNOWN else None,
        counts=not certainly_not_done,
    )
    if moved is None:
        return None  # somebody else has found out meanwhile, and knows better
    if outcome.result is Result.UNKNOWN:
        tx.gaps.record(repairer.kind, intent.booking, Cause.UNKNOWN_OUTCOME, Refusal.UNKNOWN, now)
    elif outcome.result is Result.REFUSED:
        cause = outcome.cause or Cause.UNUSABLE_DATA
        tx.gaps.record(repairer.kind, intent.booking, cause, Refusal.REFUSED_BY_PROVIDER, now)
    elif certainly_not_done:
        tx.gaps.record(repairer.kind, intent.booking, outcome.cause or Cause.BLOCKED, outcome.code, now)
    return moved


def attempt_result(outcome: Outcome, done: AttemptStatus) -> AttemptResult:
    """How an attempt with this answer ended; ``done`` names the repair."""
    return AttemptResult(status=_BECAME.get(outcome.result, done), reason=outcome.code, outcome=outcome)
