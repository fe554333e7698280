"""The one place where a provider's answer becomes state of our ledger."""

from datetime import datetime

from reconciler.domain.decide.verdicts import Refusal
from reconciler.domain.gaps import Cause
from reconciler.domain.intents import NEXT_STATE, Intent, Outcome, Result
from reconciler.engine.reconcile.results import Became, Mended
from reconciler.engine.repair.repairer import Mender
from reconciler.ports import Transaction

_BECAME = {
    Result.REFUSED: Became.REFUSED,
    Result.LATER: Became.HELD,
    Result.BROKEN: Became.BROKEN,
    Result.UNKNOWN: Became.UNKNOWN,
}


def record(tx: Transaction, mender: Mender, intent: Intent, outcome: Outcome, now: datetime) -> Intent | None:
    """Move the intent as the answer says and note what it makes of the gap.

    Returns the intent as it stands now, ``None`` if somebody else has it (our lease ran out). A *done* gap is closed by
    whoever made the last of the effect's steps, not here.
    """
    certainly_not_done = outcome.result in (Result.LATER, Result.BROKEN)
    # Without a word from the provider the pause is the first one: it asked for one, and no try has failed.
    pause = outcome.retry_after or mender.limits.backoff.after(1, intent.id)
    moved = tx.ledger.move(
        intent,
        NEXT_STATE[outcome.result],
        code=outcome.code,
        now=now,
        cause=outcome.cause,
        provider_id=outcome.provider_id if outcome.result is Result.DONE else None,
        not_before=now + pause if outcome.result is Result.LATER else None,
        settle=mender.settle_after if outcome.result is Result.UNKNOWN else None,
        counts=not certainly_not_done,
    )
    if moved is None:
        return None  # somebody else has found out meanwhile, and knows better
    if outcome.result is Result.UNKNOWN:
        tx.ledger.record_gap(mender.kind, intent.booking, Cause.UNKNOWN_OUTCOME, Refusal.UNKNOWN, now)
    elif outcome.result is Result.REFUSED:
        cause = outcome.cause or Cause.UNUSABLE_DATA
        tx.ledger.record_gap(mender.kind, intent.booking, cause, Refusal.REFUSED_BY_PROVIDER, now)
    elif certainly_not_done:
        tx.ledger.record_gap(mender.kind, intent.booking, outcome.cause or Cause.BLOCKED, outcome.code, now)
    return moved


def ended(outcome: Outcome, done: Became) -> Mended:
    """How an attempt with this answer ended; ``done`` names the repair."""
    return Mended(became=_BECAME.get(outcome.result, done), reason=outcome.code, outcome=outcome)
