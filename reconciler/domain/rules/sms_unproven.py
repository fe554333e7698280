"""``sms.unproven``: a text is marked as sent without the provider's id. Report-only, because it may have been sent."""

from datetime import timedelta

from reconciler.domain.decide.verdicts import Condition, Refusal
from reconciler.domain.gaps import Cause, GapKind
from reconciler.domain.rules.rule import TO_REPORT, DrillGap, PlantedText, Report, Rule

SENT = ("sent",)

RULE = Rule(
    kind=GapKind.SMS_UNPROVEN,
    order=30,
    summary="A text is marked as sent, and Twilio's id is not there to prove it. This rule only reports.",
    job="sms_delivery",
    effect=None,
    conditions=(*TO_REPORT, Condition.UNPROVEN),
    refusals=(Refusal.NO_PROOF,),
    report=Report(
        refusal=Refusal.NO_PROOF,
        statuses=SENT,
        times=("sent_at", "created_at"),
        after=timedelta(hours=2),
        after_means="marked this long ago: a gap",
    ),
    remedies={
        Cause.UNKNOWN_OUTCOME: "the application says sent and has no id to prove it: check the provider's log, or "
        "ask the customer",
    },
    backlog_label="with a text without proof",
    drill=(
        DrillGap(
            kind=GapKind.SMS_UNPROVEN,
            text=PlantedText(statuses=SENT, is_sent=True, has_proof=False),
            names_event=True,
            events=1,
        ),
    ),
)
