"""Maps Google's errors to rows of the calendar decision table. ``codes`` says which reason means what."""

import json
from datetime import timedelta

from reconciler.domain.decide.calendar_decision_table import RESULTS, Seen, Whose, step
from reconciler.domain.gaps import Cause
from reconciler.domain.intents import Outcome, Result
from reconciler.ports import DUPLICATE
from reconciler.providers.google import codes
from reconciler.providers.retry_after import retry_after

_HOUR = timedelta(hours=1)


def calendar_error_outcome(status: int, content: bytes, retry_after_header: str | None, whose: Whose) -> Outcome:
    """The outcome of an error answer to a call about an event of kind ``whose``."""
    reason = reason_of(content)
    seen = _row(status, reason)
    result = RESULTS[step(seen, whose)]
    hours = seen is Seen.USED_UP
    is_calendars_own = reason is not None and status < 500 and status != 408
    return Outcome(
        result=result,
        code=f"google:{reason}" if reason else f"http:{status}",
        cause=Cause.UNUSABLE_DATA if result is Result.REFUSED and seen in _OF_THE_EVENT else None,
        stops_pass=result is Result.BROKEN or seen in _STOPS_PASS or not is_calendars_own,
        retry_after=_HOUR if hours else retry_after(retry_after_header) if seen is Seen.TOO_FAST else None,
    )


_OF_THE_EVENT = frozenset({Seen.INVALID, Seen.OBJECTED})
_STOPS_PASS = frozenset({Seen.UNAUTHORIZED, Seen.FORBIDDEN, Seen.NO_CALENDAR, Seen.TOO_FAST, Seen.USED_UP})


def _row(status: int, reason: str | None) -> Seen:
    if status == 400 and reason in codes.ABOUT_THE_EVENT:
        return Seen.INVALID
    if status == 403 and reason in codes.PER_MINUTE_QUOTAS:
        return Seen.TOO_FAST
    if status == 403 and reason in codes.DAILY_QUOTAS:
        return Seen.USED_UP
    if status == 409 and f"google:{reason}" == DUPLICATE:
        return Seen.DUPLICATE
    if reason is None and 400 <= status < 500 and status not in codes.UNCLEAR and status != 429:
        # The answer is from a proxy and not from Calendar, so it says nothing about the event.
        return Seen.TURNED_AWAY
    return codes.ROWS.get(status, Seen.FAILED)


def reason_of(content: bytes) -> str | None:
    """``error.errors[0].reason``. The client's ``error_details`` prefers another list, which has no reasons."""
    try:
        reason = json.loads(content)["error"]["errors"][0]["reason"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return reason if isinstance(reason, str) and reason.isalnum() else None
