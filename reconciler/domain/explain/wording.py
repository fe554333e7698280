"""What a person reads of a verdict: what was asked, what happens next, and what would change that.

One wording for terminal and page.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from reconciler.domain.decide.ledger_checks import LEDGER, moment
from reconciler.domain.decide.verdicts import Condition, Hold, Refusal, Standing
from reconciler.domain.explain.remediation import Lever, Place, Wanted
from reconciler.domain.formatting import shown

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
    Standing.REFUSED: "nothing by itself; told, and looked at again by {when}",
    Standing.REPAIR: "repaired by {when}, unless the breaker refuses",
}
TOMORROW = "the day's first {job} (older than lookback)"
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


def words(lever: Lever, columns: Mapping[Place, Mapping[str, str]]) -> str:
    """What would have to be where; ``columns`` are the application's names of ours, by the table they stand in."""
    name = columns.get(lever.place, {}).get(lever.name, lever.name)
    wanted = _wanted(lever)
    match lever.place:
        case Place.QUEUE:
            return f"{name} of {_rows(lever, 'row')}: {wanted}"
        case Place.CUSTOMER if lever.rows:
            return f"{name} of {_rows(lever, 'customer')}: {wanted}"
        case Place.CLOCK:
            return f"{name}: over at {_late_enough(lever.value)}"
        case Place.LEDGER:
            return f"{_rows(lever, 'intent')}: {wanted}"
        case Place.INTEGRATION:
            return f"{name}: not any more"
        case _:
            return f"{name}: {wanted}"


def _rows(lever: Lever, noun: str) -> str:
    named = ", ".join(shown(row[:8], 8) for row in lever.rows[:MOST_ROWS])
    return f"{noun}{'s' if len(lever.rows) > 1 else ''} {named}{', ..' if len(lever.rows) > MOST_ROWS else ''}"


MOST_ROWS = 3
"""So many are named."""


def _wanted(lever: Lever) -> str:
    match lever.wanted, lever.value:
        case Wanted.ONE_OF, tuple() as values:
            return " or ".join(shown(_written(value), 24) for value in values)
        case ((Wanted.FROM | Wanted.AFTER), datetime() as at):
            return f"{'not before' if lever.wanted is Wanted.FROM else 'after'} {_late_enough(at)}"
        case Wanted.AT_LEAST, timedelta() as long:
            return f"at least {_long(long + _MINUTE - timedelta.resolution)}"
        case Wanted.AT_MOST, timedelta() as long:
            return f"at most {_long(long)}"
        case ((Wanted.AT_LEAST | Wanted.WITHOUT), value):
            return f"{lever.wanted} {shown(str(value), 40)}"
        case _:
            return str(lever.wanted)


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
