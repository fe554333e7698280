"""Maps Google's errors (Calendar API, Handle API errors; Manage quotas) to rows of the calendar decision table."""

import json
from datetime import timedelta

from reconciler.domain.decide.calendar_decision_table import RESULTS, Seen, Whose, step
from reconciler.domain.gaps import Cause
from reconciler.domain.intents import Outcome, Result
from reconciler.ports import DUPLICATE
from reconciler.providers.retry_after import retry_after

NOT_FOUND = "google:notFound"
_HOUR = timedelta(hours=1)
PER_MINUTE_QUOTAS = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "usageLimits"})
"""Reasons whose quota window is a minute."""
DAILY_QUOTAS = frozenset({"quotaExceeded", "calendarUsageLimitsExceeded", "dailyLimitExceeded"})
ROWS = {
    400: Seen.INVALID,
    401: Seen.UNAUTHORIZED,
    403: Seen.FORBIDDEN,
    404: Seen.NO_CALENDAR,
    409: Seen.CONFLICT,
    410: Seen.GONE,
    412: Seen.PRECONDITION,
    429: Seen.TOO_FAST,
}
"""A 404 of an insert can only mean the calendar. Any other status is a failure that may have taken effect."""
UNCLEAR = frozenset({408, 409, 412})
"""Without one of Calendar's reasons, these may still have taken effect."""


def calendar_error_outcome(status: int, content: bytes, retry_after_header: str | None, whose: Whose) -> Outcome:
    """The outcome of an error answer to a call about an event of kind ``whose``."""
    reason = reason_of(content)
    seen = _row(status, reason)
    result = RESULTS[step(seen, whose)]
    hours = seen is Seen.USED_UP
    is_about_this_event = reason is not None and status < 500 and status != 408
    return Outcome(
        result=result,
        code=f"google:{reason}" if reason else f"http:{status}",
        cause=Cause.UNUSABLE_DATA if result is Result.REFUSED and seen is Seen.INVALID else None,
        stops_pass=seen in _STOPS_PASS or not is_about_this_event,
        retry_after=_HOUR if hours else retry_after(retry_after_header) if seen is Seen.TOO_FAST else None,
    )


_STOPS_PASS = frozenset({Seen.UNAUTHORIZED, Seen.FORBIDDEN, Seen.NO_CALENDAR, Seen.TOO_FAST, Seen.USED_UP})


def _row(status: int, reason: str | None) -> Seen:
    if status == 403 and reason in PER_MINUTE_QUOTAS:
        return Seen.TOO_FAST
    if status == 403 and reason in DAILY_QUOTAS:
        return Seen.USED_UP
    if status == 409 and f"google:{reason}" == DUPLICATE:
        return Seen.DUPLICATE
    if reason is None and 400 <= status < 500 and status not in UNCLEAR and status != 429:
        # From a proxy, not from Calendar: it says nothing about the event.
        return Seen.TURNED_AWAY
    return ROWS.get(status, Seen.FAILED)


def reason_of(content: bytes) -> str | None:
    """``error.errors[0].reason``; the client's ``error_details`` prefers another list that lacks it."""
    try:
        reason = json.loads(content)["error"]["errors"][0]["reason"]
    except (ValueError, LookupError, TypeError):
        return None
    return reason if isinstance(reason, str) and reason.isalnum() else None
