"""The words for a verdict: conditions, checks, what happens next, and what would change the verdict.

The terminal and the page share them; the page has room for longer names of conditions.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from reconciler.domain.decide.ledger_checks import LEDGER, moment
from reconciler.domain.decide.verdicts import Condition, Hold, Refusal, VerdictStatus
from reconciler.domain.explain.remediation import Constraint, Location, RequiredChange
from reconciler.domain.formatting import sanitize

HEADLINE = {
    VerdictStatus.OK: "OK",
    VerdictStatus.NOT_APPLICABLE: "N/A",
    VerdictStatus.HELD: "HELD",
    VerdictStatus.NEEDS_HUMAN: "HUMAN",
    VerdictStatus.REPAIRABLE: "GAP",
}
COMMON = (Condition.STATUS, Condition.AHEAD, Condition.SINCE, Condition.GRACE, Condition.DATE_SET)
"""The conditions that several rules share. They are shown once."""
ASKED = {
    Condition.STATUS: "status",
    Condition.ONLY: "only",
    Condition.SINCE: "due since",
    Condition.GRACE: "grace over",
    Condition.AHEAD: "start ahead",
    Condition.DATE_SET: "date set",
    Condition.PHONE: "has a phone",
    Condition.NO_TEXT: "lacks a text",
    Condition.UNDECIDED: "not rejected",
    Condition.NO_EVENT: "lacks an event",
    Condition.OVERDUE: "overdue text",
    Condition.UNPROVEN: "unproven text",
}
"""The meaning of each condition if it holds."""
ASKED_IN_FULL = ASKED | {
    Condition.ONLY: "selected by only",
    Condition.SINCE: "due since bookings.since",
    Condition.GRACE: "grace period over",
    Condition.AHEAD: "start is ahead",
    Condition.OVERDUE: "a text is overdue",
    Condition.UNPROVEN: "a text lacks proof",
}
"""The same for the page, where each condition has a line of its own. On a terminal they share few lines."""
CHECKED = {
    LEDGER: "ledger",
    Refusal.ID_AGAIN: "other booking",
    Refusal.NO_DATE: "start",
    Refusal.ENDS_BEFORE_START: "end",
    Refusal.REFERENCE: "reference",
    Refusal.OPTED_OUT: "opted out",
    Refusal.NUMBER_KIND: "kind of number",
    Refusal.PHONE_UNUSABLE: "phone",
    Refusal.COUNTRY: "country",
    Refusal.MAY_HAVE_LEFT: "application",
    Refusal.OLD: "age",
    Refusal.TOO_SOON: "notice",
    Refusal.LAPSED: "kept",
    Refusal.TEXT_UNWRITABLE: "text",
    Refusal.TOO_LONG: "segments",
    Refusal.GIVEN_UP: "restarts",
    Hold.QUIET_HOURS: "quiet hours",
    Hold.PER_RECIPIENT: "texted",
    Hold.POLICY: "policy",
    Hold.SUSPENDED: "kill switch",
    Hold.INTEGRATION: "integration",
}

NEXT = {
    VerdictStatus.OK: "nothing, it is there",
    VerdictStatus.NOT_APPLICABLE: "nothing, the rule does not apply",
    VerdictStatus.HELD: "re-checked by {when}",
    VerdictStatus.NEEDS_HUMAN: "needs a human; re-checked by {when}",
    VerdictStatus.REPAIRABLE: "repaired by {when}, unless the breaker refuses",
}
FULL_SCAN = "the next full scan of {job}, at most {within} from now"
"""The run that reaches a booking outside the scan window."""

WOULD_CHANGE: dict[str, str] = {
    Condition.SINCE: "reconciler backfill --booking reaches it",
    Condition.UNDECIDED: "a person decided against it",
    Refusal.ID_AGAIN: "check which booking the ledger means, then do it by hand",
    Refusal.REFERENCE: "texts and events carry it, and are found again by it",
    Refusal.OPTED_OUT: "only the customer can undo that",
    Refusal.MAY_HAVE_LEFT: "check the application's own attempt, then cancel its row or mark it sent",
    Refusal.OLD: "reconciler backfill --booking lets it through once",
    Refusal.TOO_SOON: "better call them",
    Refusal.LAPSED: "the customer is told nothing: what the text confirms is over",
    Refusal.COUNTRY: "list it only if you expect customers from there",
    Refusal.TEXT_UNWRITABLE: "its template needs a value that the booking lacks",
    Refusal.SEVERAL_CANDIDATES: "remove the extra events, or write the right id",
    Refusal.UNKNOWN: "the provider is asked for its outcome",
    Refusal.NOT_PROVABLE: "check at the provider first",
    Refusal.NOT_DELIVERED: "contact the customer another way",
    Refusal.GIVEN_UP: "find out why first",
    Refusal.TAKEN_BACK: "queue it again, or leave it",
    Hold.ANOTHER_TEXT: "ends when the queue has its SID or rules.sms.missing.ignore matches it; "
    "otherwise, at the deadline, it needs a human",
    Hold.CAUTION: "ends when Twilio proves, by a message that has arrived, that it has not sent it; "
    "else, at its deadline, it needs a human",
    Hold.CHANGED: "plan the backfill again",
    Refusal.NOT_SENT: "the application has to send it, or a person cancels it",
    Refusal.NO_PROOF: "look it up at Twilio and write its SID, or cancel it",
    Hold.INTEGRATION: "fix the integration: reconciler once says how",
    Hold.IN_FLIGHT: "a process is repairing it",
    Hold.BUSY: "the application has to release its lock",
}
"""Advice for a reason, in addition to the values that would change it."""

FOR_A_PERSON: dict[str, str] = {
    Refusal.NO_DATE: "give the booking a date",
    Refusal.ENDS_BEFORE_START: "correct the times",
    Refusal.REFERENCE: "give the booking a reference of its own",
    Refusal.NUMBER_KIND: "ask the customer for a mobile number",
    Refusal.PHONE_UNUSABLE: "correct the phone number",
    Refusal.TOO_LONG: "shorten the template, or raise limits.segments",
    Refusal.DELETED_BY_HAND: "leave it, or set deleted_by_hand: restore",
    Refusal.REFUSED_BY_PROVIDER: "a new number or text is tried at once",
    Hold.POLICY: "policy and repairs in cron.yaml say report",
    Hold.SUSPENDED: "take SUSPEND_ALL_* out of the environment",
}
"""Advice for many bookings with one reason, because their values would have to be listed one by one."""

_MINUTE = timedelta(minutes=1)
_UNITS = {"d": 24 * 60, "h": 60, "min": 1}


def describe_change(change: RequiredChange, columns: Mapping[Location, Mapping[str, str]]) -> str:
    """One required change in words. ``columns`` maps our column names to the application's, by table."""
    name = columns.get(change.place, {}).get(change.name, change.name)
    wanted = _wanted(change)
    match change.place:
        case Location.QUEUE:
            return f"{name} of {_rows(change, 'row')}: {wanted}"
        case Location.CUSTOMER if change.rows:
            return f"{name} of {_rows(change, 'customer')}: {wanted}"
        case Location.CLOCK:
            return f"{name}: over at {_late_enough(change.value)}"
        case Location.LEDGER:
            return f"{_rows(change, 'intent')}: {wanted}"
        case Location.INTEGRATION:
            return f"{name}: works again"
        case _:
            return f"{name}: {wanted}"


def _rows(change: RequiredChange, noun: str) -> str:
    named = ", ".join(sanitize(row[:8], 8) for row in change.rows[:MOST_ROWS])
    return f"{noun}{'s' if len(change.rows) > 1 else ''} {named}{', ..' if len(change.rows) > MOST_ROWS else ''}"


MOST_ROWS = 3
"""The largest number of rows that are listed by id."""


def _wanted(change: RequiredChange) -> str:
    match change.wanted, change.value:
        case Constraint.ONE_OF, tuple() as values:
            return " or ".join(sanitize(_written(value), 24) for value in values)
        case ((Constraint.FROM | Constraint.AFTER), datetime() as at):
            return f"{'not before' if change.wanted is Constraint.FROM else 'after'} {_late_enough(at)}"
        case Constraint.AT_LEAST, timedelta() as long:
            return f"at least {_long(long + _MINUTE - timedelta.resolution)}"
        case Constraint.AT_MOST, timedelta() as long:
            return f"at most {_long(long)}"
        case ((Constraint.AT_LEAST | Constraint.WITHOUT | Constraint.INCLUDING), value):
            return f"{change.wanted} {sanitize(str(value), 40)}"
        case _:
            return str(change.wanted)


def _written(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _late_enough(at: object) -> str:
    """The first full minute that is not before ``at``."""
    return moment(at + _MINUTE - timedelta.resolution) if isinstance(at, datetime) else "some time"


def _long(duration: timedelta) -> str:
    """The duration in full minutes, as cron.yaml writes it."""
    minutes = duration // _MINUTE
    unit, length = next((unit, length) for unit, length in _UNITS.items() if not minutes % length)
    return f"{minutes // length}{unit.removesuffix('in')}"
