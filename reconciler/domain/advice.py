"""What a person reads of a verdict: what was asked, what happens next, and what would change that.

One wording for terminal and page.
"""

from reconciler.domain.judging import LEDGER
from reconciler.domain.verdicts import Condition, Hold, Refusal, Standing

HEADLINE = {
    Standing.FINE: "FINE",
    Standing.NOT_ASKED: "NOT ASKED",
    Standing.WAITING: "WAITING",
    Standing.REFUSED: "REFUSED",
    Standing.REPAIR: "GAP",
}
COMMON = (Condition.STATUS, Condition.SINCE, Condition.GRACE, Condition.AHEAD, Condition.DATE_SET)
"""Asked by more than one rule: shown once."""
ASKED = {
    Condition.STATUS: "status",
    Condition.ONLY: "asked for",
    Condition.SINCE: "made since",
    Condition.GRACE: "grace over",
    Condition.AHEAD: "party ahead",
    Condition.DATE_SET: "date set",
    Condition.PHONE: "has a phone",
    Condition.NO_TEXT: "lacks a text",
    Condition.UNDECIDED: "nobody rejected it",
    Condition.NO_EVENT: "lacks an event",
    Condition.OVERDUE: "a text is overdue",
    Condition.UNPROVEN: "a text lacks proof",
}
"""What each condition says of a booking for which it holds."""
CHECKED = {
    LEDGER: "ledger",
    Refusal.NO_DATE: "party",
    Refusal.ENDS_BEFORE_START: "end",
    Refusal.OPTED_OUT: "refuses texts",
    Refusal.PHONE_UNUSABLE: "phone",
    Refusal.MAY_HAVE_LEFT: "application",
    Refusal.OLD: "age",
    Refusal.TOO_SOON: "notice",
    Refusal.TEXT_UNWRITABLE: "segments",
    Refusal.GIVEN_UP: "begun anew",
    Hold.QUIET_HOURS: "quiet hours",
    Hold.PER_RECIPIENT: "texted",
    Hold.POLICY: "policy",
    Hold.SUSPENDED: "kill switch",
    Hold.INTEGRATION: "integration",
}

NEXT = {
    Standing.FINE: "nothing, all is there",
    Standing.NOT_ASKED: "nothing, it is not asked for",
    Standing.WAITING: "looked at again by {when}",
    Standing.REFUSED: "nothing by itself; it is told, and looked at again by {when}",
    Standing.REPAIR: "repaired by {when}, unless the breaker refuses",
}

WOULD_CHANGE: dict[str, str] = {
    Condition.STATUS: "a status of bookings.statuses would ask for it",
    Condition.ONLY: "the rule's `only` would have to name it",
    Condition.SINCE: "bookings.since, or reconciler backfill --booking, reaches it",
    Condition.GRACE: "the application has bookings.grace to do it by itself",
    Condition.AHEAD: "only a later date would ask for it",
    Condition.DATE_SET: "a confirmed date would ask for it",
    Condition.PHONE: "a phone number would ask for it",
    Condition.NO_TEXT: "without that text it would be a gap",
    Condition.UNDECIDED: "a person decided against it",
    Condition.NO_EVENT: "without that id it would be a gap",
    Refusal.NO_DATE: "give it a date",
    Refusal.ENDS_BEFORE_START: "correct its times",
    Refusal.PHONE_UNUSABLE: "correct its phone number",
    Refusal.OPTED_OUT: "only the person can undo that",
    Refusal.MAY_HAVE_LEFT: "look into the application's attempt, then cancel its row or mark it sent",
    Refusal.OLD: "stale_after, or backfill --stale-after, would let it through",
    Refusal.TOO_SOON: "min_notice would have to be shorter; better call them",
    Refusal.TEXT_UNWRITABLE: "its template needs what the booking lacks",
    Refusal.DELETED_BY_HAND: "deleted_by_hand: restore would make it again",
    Refusal.SEVERAL_CANDIDATES: "remove the events that are too many, or write the right id",
    Refusal.UNKNOWN: "the provider is asked what became of it",
    Refusal.NOT_PROVABLE: "look at the provider, then reconciler resolve",
    Refusal.GIVEN_UP: "find out why, then reconciler resolve",
    Refusal.REFUSED_BY_PROVIDER: "another number or text would be tried",
    Refusal.TAKEN_BACK: "put it into the queue again, or leave it",
    Refusal.NOT_SENT: "the application has to send it, or somebody cancels it",
    Refusal.NO_PROOF: "look it up at Twilio and write its SID, or cancel it",
    Hold.POLICY: "policy and repairs in cron.yaml say report",
    Hold.SUSPENDED: "take SUSPEND_ALL_* out of the environment",
    Hold.INTEGRATION: "mend the integration: reconciler once says how",
    Hold.BREAKER: "reconciler once --do --max N",
    Hold.IN_FLIGHT: "somebody has it in hand",
    Hold.BACKOFF: "its pause has to end",
    Hold.QUIET_HOURS: "quiet hours have to end",
    Hold.PER_RECIPIENT: "older texts to the number have to leave per_recipient's period",
    Hold.BUSY: "the application has to let go of it",
}
"""What a person can do about a reason, or what it waits for."""
