"""What a person reads of a verdict: what was asked, what happens next, and what would change that.

One wording for terminal and page.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from reconciler.domain.decide.ledger_checks import LEDGER, moment
from reconciler.domain.decide.verdicts import Condition, Hold, Refusal, VerdictStatus
from reconciler.domain.explain.remediation import Constraint, Location, RequiredChange
from reconciler.domain.formatting import sanitize

HEADLINE = {
    VerdictStatus.OK: "FINE",
    VerdictStatus.NOT_APPLICABLE: "NOT ASKED",
    VerdictStatus.HELD: "WAITING",
    VerdictStatus.NEEDS_HUMAN: "REFUSED",
    VerdictStatus.REPAIRABLE: "GAP",
}
COMMON = (Condition.STATUS, Condition.SINCE, Condition.GRACE, Condition.AHEAD, Condition.DATE_SET)
"""Asked by more than one rule: sanitize once."""
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
    VerdictStatus.OK: "nothing, all is there",
    VerdictStatus.NOT_APPLICABLE: "nothing, it is not asked for",
    VerdictStatus.HELD: "looked at again by {when}",
    VerdictStatus.NEEDS_HUMAN: "nothing by itself; told, and looked at again by {when}",
    VerdictStatus.REPAIRABLE: "repaired by {when}, unless the breaker refuses",
}
TOMORROW = "the day's first {job} (older than scan_window)"
"""Whose look meets a booking that is out of sight for the others."""

WOULD_CHANGE: dict[str, str] = {
    Condition.SINCE: "reconciler backfill --booking reaches it",
    Condition.UNDECIDED: "a person decided against it",
    Refusal.OPTED_OUT: "only the person can undo that",
    Refusal.MAY_HAVE_LEFT: "look into the application's attempt, then cancel its row or mark it sent",
    Refusal.OLD: "reconciler backfill --stale-after lets it through once",
    Refusal.TOO_SOON: "better call them",
    Refusal.TEXT_UNWRITABLE: "its template needs what the booking lacks",
    Refusal.SEVERAL_CANDIDATES: "remove the events that are too many, or write the right id",
    Refusal.UNKNOWN: "the provider is asked what became of it",
    Refusal.NOT_PROVABLE: "look at the provider first",
    Refusal.NOT_DELIVERED: "reach them in another way",
    Refusal.GIVEN_UP: "find out why first",
    Refusal.TAKEN_BACK: "put it into the queue again, or leave it",
    Refusal.NOT_SENT: "the application has to send it, or somebody cancels it",
    Refusal.NO_PROOF: "look it up at Twilio and write its SID, or cancel it",
    Hold.INTEGRATION: "mend the integration: reconciler once says how",
    Hold.BREAKER: "reconciler once --do --max N",
    Hold.IN_FLIGHT: "somebody has it in hand",
    Hold.BUSY: "the application has to let go of it",
}
"""What is to be said about a reason besides the values that would change it."""

FOR_A_PERSON: dict[str, str] = {
    Refusal.NO_DATE: "give it a date",
    Refusal.ENDS_BEFORE_START: "correct its times",
    Refusal.PHONE_UNUSABLE: "correct its phone number",
    Refusal.DELETED_BY_HAND: "leave it, or set deleted_by_hand: restore",
    Refusal.REFUSED_BY_PROVIDER: "another number or text is tried as soon as it is there",
    Hold.POLICY: "policy and repairs in cron.yaml say report",
    Hold.SUSPENDED: "take SUSPEND_ALL_* out of the environment",
}
"""What to do about many with the same reason, where values would have to be named one by one."""

_MINUTE = timedelta(minutes=1)
_UNITS = {"d": 24 * 60, "h": 60, "min": 1}


def describe_change(change: RequiredChange, columns: Mapping[Location, Mapping[str, str]]) -> str:
    """What would have to be where; ``columns`` are the application's names of ours, by the table they stand in."""
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
            return f"{name}: not any more"
        case _:
            return f"{name}: {wanted}"


def _rows(change: RequiredChange, noun: str) -> str:
    named = ", ".join(sanitize(row[:8], 8) for row in change.rows[:MOST_ROWS])
    return f"{noun}{'s' if len(change.rows) > 1 else ''} {named}{', ..' if len(change.rows) > MOST_ROWS else ''}"


MOST_ROWS = 3
"""So many are named."""


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
        case ((Constraint.AT_LEAST | Constraint.WITHOUT), value):
            return f"{change.wanted} {sanitize(str(value), 40)}"
        case _:
            return str(change.wanted)


def _written(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _late_enough(at: object) -> str:
    """The full minute that is not too early."""
    return moment(at + _MINUTE - timedelta.resolution) if isinstance(at, datetime) else "some time"


def _long(duration: timedelta) -> str:
    """In full minutes, as cron.yaml writes it."""
    minutes = duration // _MINUTE
    unit, length = next((unit, length) for unit, length in _UNITS.items() if not minutes % length)
    return f"{minutes // length}{unit.removesuffix('in')}"
