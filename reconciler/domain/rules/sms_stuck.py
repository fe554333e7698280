"""``sms.stuck``: a text is queued, but the application does not send it. Report-only: sending it is not our task."""

from datetime import timedelta

from reconciler.domain.decide.verdicts import Condition, Refusal
from reconciler.domain.gaps import Cause, GapKind
from reconciler.domain.rules.rule import TO_REPORT, DrillGap, PlantedText, Report, Rule

QUEUED = ("pending", "approved")

RULE = Rule(
    kind=GapKind.SMS_STUCK,
    order=20,
    summary="A text is queued, and the application does not send it. This rule only reports.",
    job="sms_delivery",
    effect=None,
    conditions=(*TO_REPORT, Condition.OVERDUE),
    refusals=(Refusal.NOT_SENT,),
    report=Report(
        refusal=Refusal.NOT_SENT,
        statuses=QUEUED,
        times=("scheduled_for", "created_at"),
        after=timedelta(hours=1),
        after_means="due this long ago: a gap; more where a person presses Send, nights included",
        covers_hand_over=True,
    ),
    remedies={
        Cause.APP_FAILED: "these texts are queued and not sent: press Send, or find out why the application's "
        "sender has stopped",
    },
    backlog_label="with a text that was not sent",
    drill=(
        DrillGap(
            kind=GapKind.SMS_STUCK,
            text=PlantedText(statuses=QUEUED, is_sent=False, has_proof=False),
            names_event=True,
            events=1,
        ),
    ),
)
