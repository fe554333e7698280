"""Maps Google's errors to rows of the calendar decision table.

The sources are the pages "Handle API errors" and "Manage quotas" of the Calendar API's guide.
"""

import json
from datetime import timedelta

from reconciler.domain.decide.calendar_decision_table import RESULTS, Seen, Whose, step
from reconciler.domain.gaps import Cause
from reconciler.domain.intents import Outcome, Result
from reconciler.ports import DUPLICATE
from reconciler.timing.retry_after import retry_after

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
"""A 404 answer to an insert can only mean that there is no such calendar.

A status that is not listed here is a failure, and the call may have taken effect.
"""
UNCLEAR = frozenset({408, 409, 412})
"""A call that got one of these may have taken effect, if the answer has no reason from Calendar."""


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
        # The answer is from a proxy and not from Calendar, so it says nothing about the event.
        return Seen.TURNED_AWAY
    return ROWS.get(status, Seen.FAILED)


def reason_of(content: bytes) -> str | None:
    """``error.errors[0].reason``. The client's ``error_details`` prefers another list, which has no reasons."""
    try:
        reason = json.loads(content)["error"]["errors"][0]["reason"]
    except (ValueError, LookupError, TypeError):
        return None
    return reason if isinstance(reason, str) and reason.isalnum() else None
