"""``sms.missing``: a booking should have a confirmation text, but none is queued or sent. This rule repairs.

If two message ids become known for one intent, it opens ``sms.duplicate``. Nothing can be repaired then.
"""

from reconciler.domain.decide.verdicts import Condition, Refusal
from reconciler.domain.gaps import Cause, Effect, GapKind
from reconciler.domain.rules.rule import TO_REPAIR, DrillGap, Rule

RULE = Rule(
    kind=GapKind.SMS_MISSING,
    order=10,
    summary="A booking has no text queued or sent.",
    job="sms_missing",
    effect=Effect.SMS,
    conditions=(*TO_REPAIR, Condition.PHONE, Condition.NO_TEXT, Condition.UNDECIDED),
    refusals=(
        Refusal.ID_AGAIN,
        Refusal.NO_DATE,
        Refusal.ENDS_BEFORE_START,
        Refusal.REFERENCE,
        Refusal.NUMBER_KIND,
        Refusal.PHONE_UNUSABLE,
        Refusal.COUNTRY,
        Refusal.OPTED_OUT,
        Refusal.MAY_HAVE_LEFT,
        Refusal.OLD,
        Refusal.TOO_SOON,
        Refusal.LAPSED,
        Refusal.TEXT_UNWRITABLE,
        Refusal.TOO_LONG,
        Refusal.UNKNOWN,
        Refusal.REFUSED_BY_PROVIDER,
        Refusal.GIVEN_UP,
        Refusal.NOT_PROVABLE,
        Refusal.NOT_DELIVERED,
        Refusal.TAKEN_BACK,
    ),
    remedies={
        Cause.DELETED_BY_HAND: "we handed these texts to the application and a person removed them from its "
        "queue: if that was a mistake, confirm another way",
    },
    also=(GapKind.SMS_DUPLICATE,),
    also_remedies={
        GapKind.SMS_DUPLICATE: "the customer has two messages for one text: apologise; if both are ours and it happens "
        "again, raise limits.settle, because lists show messages later than that; if the application sent one, raise "
        "bookings.grace",
    },
    backlog_label="without text",
    drill=(DrillGap(kind=GapKind.SMS_MISSING, text=None, names_event=True, events=1),),
)
