"""What Google's statuses and reasons mean for a call about an event.

The sources are the pages "Handle API errors" and "Manage quotas" of the Calendar API's guide.
"""

from reconciler.domain.decide.calendar_decision_table import Seen

NOT_FOUND = "google:notFound"
PER_MINUTE_QUOTAS = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "usageLimits"})
"""Reasons whose quota window is a minute."""
DAILY_QUOTAS = frozenset({"quotaExceeded", "calendarUsageLimitsExceeded", "dailyLimitExceeded"})
ABOUT_THE_EVENT = frozenset({"timeRangeEmpty"})
"""Reasons of a 400 that are certainly about this one event. Any other may be about what all events of ours share."""
ROWS = {
    400: Seen.OBJECTED,
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
