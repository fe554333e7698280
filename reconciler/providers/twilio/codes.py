"""What Twilio's error codes mean for a text (Twilio error dictionary, www.twilio.com/docs/errors/<code>)."""

from datetime import timedelta

from reconciler.domain.gaps import Cause
from reconciler.domain.intents import Outcome, Result

_HOUR = timedelta(hours=1)
NO_SUCH_THING = 20404

RECIPIENT = {
    21211: "the number is not a phone number",
    21604: "no number was given",
    21612: "the number cannot be reached from this sender",
    21614: "the number is not a mobile",
    21602: "the text is empty",
    21619: "the text is empty",
    21617: "the text is longer than 1600 characters",
    35111: "a scheduled text lacks its time",
    35114: "a scheduled text lies too near or too far",
}
"""Permanent errors of this one text: it would be refused again unchanged."""

CONFIGURATION = {
    20003: "account SID or token is wrong, revoked or of another region",
    NO_SUCH_THING: "there is no such account to create a message in",
    21212: "the sender is not a phone number",
    21603: "no sender was given",
    21606: "the sender is not ours or cannot text",
    21608: "a trial account texts verified numbers only",
    21701: "the messaging service does not exist",
    21703: "the messaging service has no usable sender",
    21704: "the messaging service has no sender",
    21705: "the messaging service's SID is wrong",
    35118: "scheduling needs a messaging service",
}
"""Every other text would fail too: the integration is broken."""

RETRY_LATER = {
    20429: Outcome(result=Result.LATER, code="twilio:20429", stops_pass=True),
    21408: Outcome(result=Result.LATER, code="twilio:21408", retry_after=_HOUR, cause=Cause.BLOCKED),
    21611: Outcome(result=Result.LATER, code="twilio:21611", retry_after=_HOUR, stops_pass=True),
    35125: Outcome(result=Result.LATER, code="twilio:35125", retry_after=_HOUR, stops_pass=True),
    63038: Outcome(result=Result.LATER, code="twilio:63038", retry_after=_HOUR, stops_pass=True),
}
"""Certainly not sent: too many requests (20429), country disabled in the console (21408; others continue), sender's
queue full (21611), too many scheduled (35125), daily limit reached (63038)."""

STOPPED = 21610
"""The recipient replied STOP. Only they can undo it."""


def sms_error_outcome(status: int, code: int | None) -> Outcome:
    """The outcome of a failed create, by HTTP ``status`` and Twilio's ``code``, if the body had one.

    Codes that are not listed are judged by status: 429 was never processed; 401 and 403 concern our credentials; any
    other 4xx concerns this text; a 5xx may have been accepted (page of error 20500: a create is not idempotent). A 4xx
    without a code comes from a proxy, not from Twilio: it says nothing about the text, so it does not refuse it.
    """
    name = f"twilio:{code}" if code else f"http:{status}"
    if not 400 <= status < 500 or (status == 408 and not code):
        return Outcome(result=Result.UNKNOWN, code=name, stops_pass=True)
    if code == STOPPED:
        return Outcome(result=Result.REFUSED, code=name, cause=Cause.REFUSED_RECIPIENT)
    if code in RETRY_LATER:
        return RETRY_LATER[code]
    if status == 429:
        return Outcome(result=Result.LATER, code=name, stops_pass=True)
    if code in CONFIGURATION or code is None or status in (401, 403):
        return Outcome(result=Result.BROKEN, code=name, stops_pass=True)
    return Outcome(result=Result.REFUSED, code=name, cause=Cause.UNUSABLE_DATA)
