"""Two message ids for one intent mean two texts. That is reported, however late the second id becomes known.

It happens if the process stood still after its call: another process settled the intent, did not find the message, and
sent the text again.
"""

from datetime import datetime

from reconciler.domain.gaps import Cause, GapKind
from reconciler.domain.intents import Intent
from reconciler.ports import Transaction


def report_if_second(tx: Transaction, intent: Intent, known: str | None, sid: str | None, now: datetime) -> bool:
    """Open ``sms.duplicate`` if ``known`` and ``sid`` are different messages; returns whether they are."""
    if known is None or sid is None or known == sid:
        return False
    # Message ids say nothing about the customer, and a person needs both to find the messages at the provider.
    reason = f"2 messages: {known} {sid}"
    tx.gaps.record(GapKind.SMS_DUPLICATE, intent.booking, Cause.UNKNOWN_OUTCOME, reason, now)
    return True


def known_message(tx: Transaction, intent: Intent) -> str | None:
    """The message id that our ledger has for this intent by now."""
    return next((one.provider_id for one in tx.intents.history(intent.booking) if one.id == intent.id), None)
