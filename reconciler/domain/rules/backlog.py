"""``backlog``: bookings from before the installation break a rule. Passes leave them alone; they stay in sight."""

from reconciler.domain.gaps import Cause, GapKind
from reconciler.domain.rules.rule import AggregateRule

RULE = AggregateRule(
    kind=GapKind.BACKLOG,
    order=5,
    summary="Bookings made before `bookings.since` break a rule. This rule only reports.",
    job="coverage",
    cause=Cause.BEFORE_INSTALLATION,
    remedy="repair them with `reconciler backfill`, or write them off with `reconciler open --write-off`",
)
