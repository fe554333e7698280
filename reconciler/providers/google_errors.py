"""What Google's errors mean (Calendar API, Handle API errors; Manage quotas)."""

import json
from datetime import timedelta

from reconciler.domain.gaps import Cause
from reconciler.domain.intents import Outcome, Result
from reconciler.ports import DUPLICATE

_HOUR = timedelta(hours=1)
SECONDS_LONG = frozenset({"rateLimitExceeded", "userRateLimitExceeded"})
HOURS_LONG = frozenset({"quotaExceeded", "calendarUsageLimitsExceeded", "dailyLimitExceeded", "usageLimits"})
ABOUT_THE_EVENT = frozenset({400, 410})
"""Repeating the same call would be refused again, and another booking may fare better."""
ABOUT_US = frozenset({401, 403, 404})


def outcome(status: int, content: bytes, retry_after: str | None = None) -> Outcome:
    """What an error answer means for a write. 404 is the calendar: an insert has no other thing to miss."""
    reason = reason_of(content)
    code = f"google:{reason}" if reason else f"http:{status}"
    if status == 429 or (status == 403 and reason in SECONDS_LONG):
        return Outcome(result=Result.LATER, code=code, stops_pass=True, retry_after=_seconds(retry_after))
    if status == 403 and reason in HOURS_LONG:
        return Outcome(result=Result.LATER, code=code, stops_pass=True, retry_after=_HOUR)
    if code == DUPLICATE and status == 409:
        return Outcome(result=Result.REFUSED, code=DUPLICATE)
    if status in ABOUT_US:
        return Outcome(result=Result.BROKEN, code=code, stops_pass=True)
    if status in ABOUT_THE_EVENT:
        return Outcome(result=Result.REFUSED, code=code, cause=Cause.UNUSABLE_DATA)
    # 408, 409 that is no duplicate, 412 and whatever is new: it may have happened. Ours can be asked for by its id.
    return Outcome(result=Result.UNKNOWN, code=code, stops_pass=status >= 500 or status == 408)


def reason_of(content: bytes) -> str | None:
    """``error.errors[0].reason``; the client's own ``error_details`` prefers another list that lacks it."""
    try:
        reason = json.loads(content)["error"]["errors"][0]["reason"]
    except (ValueError, LookupError, TypeError):
        return None
    return reason if isinstance(reason, str) and reason.isalnum() else None


def _seconds(header: str | None) -> timedelta | None:
    return timedelta(seconds=int(header)) if header and header.isdigit() else None
