"""``calendar.missing``: a booking should have a calendar event, but holds no event id. This rule repairs.

If a repair finds several events with the booking's reference, it makes no event and opens ``calendar.duplicate``.
An event of ours that no booking calls for is ``calendar.orphan``; its repair is the removal of the event.
"""

from reconciler.domain.decide.verdicts import Condition, Refusal
from reconciler.domain.gaps import Effect, GapKind
from reconciler.domain.rules.rule import PROVEN_TEXT, TO_REPAIR, DrillGap, Rule

RULE = Rule(
    kind=GapKind.CALENDAR_MISSING,
    order=40,
    summary="A booking names no calendar event.",
    job="calendar_missing",
    effect=Effect.CALENDAR,
    conditions=(*TO_REPAIR, Condition.NO_EVENT),
    refusals=(
        Refusal.ID_AGAIN,
        Refusal.NO_DATE,
        Refusal.ENDS_BEFORE_START,
        Refusal.REFERENCE,
        Refusal.DELETED_BY_HAND,
        Refusal.SEVERAL_CANDIDATES,
        Refusal.UNKNOWN,
        Refusal.REFUSED_BY_PROVIDER,
        Refusal.GIVEN_UP,
        Refusal.NOT_PROVABLE,
    ),
    also=(GapKind.CALENDAR_DUPLICATE,),
    removal=GapKind.CALENDAR_ORPHAN,
    backlog_label="without event",
    drill=(
        DrillGap(kind=GapKind.CALENDAR_MISSING, text=PROVEN_TEXT, names_event=False, events=0),
        DrillGap(kind=GapKind.CALENDAR_DUPLICATE, text=PROVEN_TEXT, names_event=False, events=2, only_if_repaired=True),
    ),
)
