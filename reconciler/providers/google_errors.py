"""What Google's errors mean (Calendar API, Handle API errors; Manage quotas)."""

import json
from datetime import timedelta

from reconciler.domain.gaps import Cause
from reconciler.domain.intents import Outcome, Result
from reconciler.ports import DUPLICATE
from reconciler.providers.retry_after import retry_after

_HOUR = timedelta(hours=1)
SECONDS_LONG = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "usageLimits"})
"""The windows of these quotas are a minute long."""
HOURS_LONG = frozenset({"quotaExceeded", "calendarUsageLimitsExceeded", "dailyLimitExceeded"})
ABOUT_THE_EVENT = frozenset({400, 410})
"""Repeating the same call would be refused again, and another booking may fare better."""
ABOUT_US = frozenset({401, 403, 404})
UNCLEAR = frozenset({408, 409, 412})
"""It may have happened, now or before. Ours can be asked for by its id."""


def outcome(status: int, content: bytes, wait: str | None = None) -> Outcome:
    """What an error answer (``wait``: its *Retry-After*) means for a write.

    404 is the calendar: an insert has no other thing to miss.

    An answer without a reason is not Calendar's, but of something on the way: it says nothing about the event.
    """
    reason = reason_of(content)
    code = f"google:{reason}" if reason else f"http:{status}"
    if status == 429 or (status == 403 and reason in SECONDS_LONG):
        return Outcome(result=Result.LATER, code=code, stops_pass=True, retry_after=retry_after(wait))
    if status == 403 and reason in HOURS_LONG:
        return Outcome(result=Result.LATER, code=code, stops_pass=True, retry_after=_HOUR)
    if code == DUPLICATE and status == 409:
        return Outcome(result=Result.REFUSED, code=DUPLICATE)
    if status in ABOUT_US or (reason is None and 400 <= status < 500 and status not in UNCLEAR):
        return Outcome(result=Result.BROKEN, code=code, stops_pass=True)
    if status in ABOUT_THE_EVENT:
        return Outcome(result=Result.REFUSED, code=code, cause=Cause.UNUSABLE_DATA)
    return Outcome(result=Result.UNKNOWN, code=code, stops_pass=reason is None or status >= 500 or status == 408)


def reason_of(content: bytes) -> str | None:
    """``error.errors[0].reason``; the client's own ``error_details`` prefers another list that lacks it."""
    try:
        reason = json.loads(content)["error"]["errors"][0]["reason"]
    except (ValueError, LookupError, TypeError):
        return None
    return reason if isinstance(reason, str) and reason.isalnum() else None
