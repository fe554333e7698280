"""What Twilio's error codes mean for a text (Twilio error dictionary, www.twilio.com/docs/errors/<code>)."""

from datetime import timedelta

from reconciler.domain.gaps import Cause
from reconciler.domain.intents import Outcome, Result

_HOUR = timedelta(hours=1)
NO_SUCH_THING = 20404


def _later(code: int, pause: timedelta | None = None) -> Outcome:
    return Outcome(result=Result.LATER, code=f"twilio:{code}", retry_after=pause, stops_pass=True)


RECIPIENT = {
    21211: "the number is not a phone number",
    21214: "the number cannot be reached",
    21217: "the number is not a phone number",
    21604: "no number was given",
    21612: "the number cannot be reached from this sender",
    21614: "the number is not a mobile",
    21602: "the text is empty",
    21619: "the text is empty",
    21617: "the text is longer than 1600 characters",
    30003: "the handset is off or out of reach",
    30005: "the number is unknown or no longer in use",
    30006: "the number is a landline, or its carrier takes no texts",
    35111: "a scheduled text lacks its time",
    35114: "a scheduled text lies too near or too far",
}
"""Permanent errors that are certainly about this one text: it would be refused again unchanged.

Every other code is about us until another text fares better. Twilio renames and splits codes without notice (change log
of 10 July 2024), so a code that nobody here has seen never costs a booking its text.
"""

CONFIGURATION = {
    10001: "the account is not active",
    20003: "account SID or token is wrong, revoked or of another region",
    20005: "the account is not active",
    NO_SUCH_THING: "there is no such account to create a message in",
    21212: "the sender is not a phone number",
    21267: "a trial account has no alphanumeric sender",
    21601: "the sender cannot text",
    21603: "no sender was given",
    21606: "the sender is not ours or cannot text",
    21608: "a trial account texts verified numbers only",
    21659: "the sender is not a number of Twilio's",
    21660: "the sender is not a number of this account",
    21661: "the sender cannot text",
    21701: "the messaging service does not exist",
    21703: "the messaging service has no usable sender",
    21704: "the messaging service has no sender",
    21705: "the messaging service's SID is wrong",
    30002: "the account was suspended",
    30024: "the carrier does not know the sender",
    30032: "the toll-free sender is not verified",
    30034: "the sender is not registered for A2P 10DLC",
    35118: "scheduling needs a messaging service",
}
"""What is wrong with us, in words, for the codes whose page says so."""

RETRY_LATER = {
    14107: _later(14107),
    20429: _later(20429),
    21408: Outcome(result=Result.LATER, code="twilio:21408", retry_after=_HOUR, cause=Cause.BLOCKED),
    21611: _later(21611, _HOUR),
    21730: _later(21730),
    30001: _later(30001),
    30022: _later(30022),
    30023: _later(30023, _HOUR),
    30450: _later(30450, _HOUR),
    35125: _later(35125, _HOUR),
    63038: _later(63038, _HOUR),
}
"""Certainly not sent, and it passes: too many requests (14107, 20429, 21730), country disabled in the console (21408;
others continue), a queue that is full (21611, 30001), the campaign's rate or daily cap (30022, 30023), a destination
that is limited for now (30450), too many scheduled (35125), daily limit reached (63038)."""

STOPPED = 21610
"""The recipient replied STOP. Only they can undo it."""


def sms_error_outcome(status: int, code: int | None) -> Outcome:
    """The outcome of a failed create, by HTTP ``status`` and Twilio's ``code``, if the body had one.

    A code that is not listed is about us, as long as no other text fares better. Without a code the status decides: 429
    was never processed; any other 4xx comes from a proxy and not from Twilio, and says nothing about the text. A 5xx
    may have been accepted (page of error 20500: a create is not idempotent).
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
    if code in RECIPIENT:
        return Outcome(result=Result.REFUSED, code=name, cause=Cause.UNUSABLE_DATA)
    said = CONFIGURATION.get(code, "") if code else ""
    return Outcome(result=Result.BROKEN, code=name, said=said, stops_pass=True)
