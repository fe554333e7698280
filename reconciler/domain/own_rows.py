"""What our rows in the application's queue say: who wrote them, and of which intent a text may have left."""

import re

from reconciler.domain.intents import IntentId, Outcome, Result

TEMPLATE = "reconciler"
"""The template name in our queue rows."""
_IN_FLIGHT = "in flight"
MAY_HAVE_LEFT = (_IN_FLIGHT, Result.UNKNOWN.value)
"""How the errors of our rows begin, after our mark, if the text may have left."""
_INTENT_AT_THE_END = re.compile(r"\b([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$")


def error_in_flight(intent: IntentId) -> str:
    """The error of a row whose text is about to be sent."""
    return f"{_IN_FLIGHT} {intent}"


def error_after(outcome: Outcome, intent: IntentId) -> str:
    """The error of a row whose text was not sent, or perhaps."""
    return f"{outcome.result} {outcome.code} {intent}"


def intent_named(error: str) -> str | None:
    """The intent that one of these errors names; ``None`` if it names none."""
    found = _INTENT_AT_THE_END.search(error)
    return found[1] if found else None
