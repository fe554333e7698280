"""The one place where a provider's answer becomes state of our ledger."""

from datetime import datetime, timedelta

from reconciler.domain.gaps import Cause, GapKind
from reconciler.domain.intents import NEXT_STATE, Intent, Outcome, Result
from reconciler.domain.verdicts import Refusal
from reconciler.engine.results import Became, Mended
from reconciler.ports import Transaction

PAUSE = timedelta(minutes=1)
"""Before the next try, where the provider asks for a pause without saying how long."""

_BECAME = {
    Result.REFUSED: Became.REFUSED,
    Result.LATER: Became.HELD,
    Result.BROKEN: Became.BROKEN,
    Result.UNKNOWN: Became.UNKNOWN,
}


def record(tx: Transaction, kind: GapKind, intent: Intent, outcome: Outcome, now: datetime) -> Intent | None:
    """Move the intent as the answer says and note what it makes of the gap.

    Returns the intent as it stands now, ``None`` if somebody else has it (our lease ran out). A *done* gap is closed by
    whoever made the last of the effect's steps, not here.
    """
    certainly_not_done = outcome.result in (Result.LATER, Result.BROKEN)
    moved = tx.ledger.move(
        intent,
        NEXT_STATE[outcome.result],
        code=outcome.code,
        now=now,
        cause=outcome.cause,
        provider_id=outcome.provider_id if outcome.result is Result.DONE else None,
        not_before=now + (outcome.retry_after or PAUSE) if outcome.result is Result.LATER else None,
        counts=not certainly_not_done,
    )
    if outcome.result is Result.UNKNOWN:
        tx.ledger.record_gap(kind, intent.booking, Cause.UNKNOWN_OUTCOME, Refusal.UNKNOWN, now)
    elif outcome.result is Result.REFUSED:
        cause = outcome.cause or Cause.UNUSABLE_DATA
        tx.ledger.record_gap(kind, intent.booking, cause, Refusal.REFUSED_BY_PROVIDER, now)
    elif certainly_not_done:
        tx.ledger.record_gap(kind, intent.booking, outcome.cause or Cause.BLOCKED, outcome.code, now)
    return moved


def ended(outcome: Outcome, done: Became) -> Mended:
    """How an attempt with this answer ended; ``done`` names the repair."""
    return Mended(became=_BECAME.get(outcome.result, done), reason=outcome.code, outcome=outcome)
