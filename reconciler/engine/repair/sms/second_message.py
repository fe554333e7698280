"""Two message ids for one text of a booking mean two texts. That is reported, however late the second becomes known.

It happens if the process stood still after its call: another process settled the intent, did not find the message, and
sent the text again. And it happens if the application sends its own text in the same moment as we, or later.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from reconciler.domain.bookings import BookingId
from reconciler.domain.gaps import Cause, Effect, GapKind
from reconciler.domain.intents import Intent
from reconciler.ports import Transaction

LOOKED_BACK = timedelta(days=1)
"""How long after our text one of somebody else counts as a second one."""


def report_if_second(tx: Transaction, intent: Intent, known: str | None, sid: str | None, now: datetime) -> bool:
    """Open ``sms.duplicate`` if ``known`` and ``sid`` are different messages; returns whether they are."""
    if known is None or sid is None or known == sid:
        return False
    # Message ids say nothing about the customer, and a person needs both to find the messages at the provider.
    reason = f"2 messages: {known} {sid}"
    tx.gaps.record(GapKind.SMS_DUPLICATE, intent.booking, Cause.UNKNOWN_OUTCOME, reason, now)
    return True


def report_texts_of_others(tx: Transaction, now: datetime) -> None:
    """Open ``sms.duplicate`` for each text of ours of the last day that somebody else has sent as well.

    That is a queue row of the same booking and trigger which names another message. No question to the provider can
    show a text that is sent after the question.
    """
    done = tx.intents.done_since(Effect.SMS, now - LOOKED_BACK)
    sent = tx.texts.messages_sent([intent.booking for intent in done])
    for intent in done:
        others = _of_booking(sent, intent) - {intent.provider_id}
        unknown = others - tx.intents.used_provider_ids(Effect.SMS, others) if others else ()
        for sid in sorted(unknown)[:1]:
            report_if_second(tx, intent, intent.provider_id, sid, now)


def _of_booking(sent: Mapping[tuple[BookingId, str], frozenset[str]], intent: Intent) -> frozenset[str]:
    """Messages of the intent's trigger, and those that are recorded without one."""
    kinds = (intent.trigger, "")
    return frozenset().union(*(sent.get((intent.booking, kind), frozenset()) for kind in kinds))


def known_message(tx: Transaction, intent: Intent) -> str | None:
    """The message id that our ledger has for this intent by now."""
    return next((one.provider_id for one in tx.intents.history(intent.booking) if one.id == intent.id), None)
