"""``coverage.dropped``: the rules apply to fewer of the new bookings than they used to, for one reason."""

from reconciler.domain.gaps import Cause, GapKind
from reconciler.domain.rules.rule import AggregateRule

RULE = AggregateRule(
    kind=GapKind.COVERAGE_DROPPED,
    order=50,
    summary="New bookings fall out of a rule, for a reason that was rare before. This rule only reports.",
    job="coverage",
    cause=Cause.UNUSUAL,
    remedy="look at some new bookings with `reconciler explain`: correct what the application writes, or what "
    "cron.yaml says about it",
)
