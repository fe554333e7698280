"""``coverage.no_bookings``: no booking has been made for much longer than ever before."""

from reconciler.domain.gaps import Cause, GapKind
from reconciler.domain.rules.rule import AggregateRule

RULE = AggregateRule(
    kind=GapKind.COVERAGE_NO_BOOKINGS,
    order=60,
    summary="No booking was made for three times the longest pause of a year. This rule only reports.",
    job="coverage",
    cause=Cause.UNUSUAL,
    remedy="check that the application still takes bookings, and that it writes them where cron.yaml says",
)
