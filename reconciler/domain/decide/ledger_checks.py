"""What our own ledger says about a broken rule: the part of the verdict that texts and events share."""

from collections.abc import Iterator
from datetime import UTC, datetime

from reconciler.domain.bookings import Booking
from reconciler.domain.decide.verdicts import (
    Check,
    Condition,
    Hold,
    Refusal,
    Verdict,
    check,
    failed_condition,
    held,
    refused,
)
from reconciler.domain.gaps import Cause
from reconciler.domain.intents import BY_A_PERSON, LONGEST_PAUSE, SUBJECT_PARTS, Intent, State


def judge_ledger(last: Intent | None, subject: str, cause: Cause, now: datetime) -> Verdict | None:
    """The verdict that the newest intent of the booking imposes, ``None`` if it imposes none.

    An *unknown* outcome is never tried again blindly. A refusal holds as long as what was refused (``subject``) is
    the same. A *done* intent is the caller's business: what a vanished effect means differs between texts and events.
    """
    if last is None:
        return None
    match last.state:
        case State.UNKNOWN:
            return refused(Refusal.UNKNOWN)
        case State.NEEDS_HUMAN:
            return refused(why_a_person(last))
        case State.DROPPED if last.code == BY_A_PERSON:
            return failed_condition(Condition.UNDECIDED)
        case State.SENDING:
            return held(Hold.IN_FLIGHT, cause)
        case State.REFUSED if _same_subject(last, subject):
            return refused(_named(last.code), last.cause)
        case State.PLANNED if last.not_before is not None and now < last.not_before <= now + LONGEST_PAUSE:
            # Some refusals are looked at again after a while: a person may have put things right.
            return refused(_named(last.code)) if last.code in _REFUSALS else held(Hold.BACKOFF, last.cause or cause)
        case _:
            return None


def why_a_person(last: Intent) -> Refusal:
    """Why an intent waits for a person's word."""
    known = {Cause.UNKNOWN_OUTCOME: Refusal.NOT_PROVABLE, Cause.UNUSABLE_DATA: Refusal.NOT_DELIVERED}
    return known.get(last.cause, Refusal.GIVEN_UP) if last.cause else Refusal.GIVEN_UP


def _same_subject(last: Intent, subject: str) -> bool:
    """A recipient who said no is not asked again in other words; anything else may fare better when it has changed."""
    if last.cause is Cause.REFUSED_RECIPIENT:
        return last.subject.partition(SUBJECT_PARTS)[0] == subject.partition(SUBJECT_PARTS)[0]
    return last.subject == subject


LEDGER = "ledger"
"""The name of the check that asks our own ledger."""


def said_of(last: Intent | None) -> str:
    """What our ledger has of the booking, in a few words."""
    if last is None:
        return "nothing"
    code = f" ({last.code})" if last.code else ""
    return f"generation {last.generation} {last.state}{code}, {last.attempts} attempts"


def generation_check(last: Intent | None, most: int) -> Check:
    """Whether one effect of one booking was begun anew too often."""
    generation = last.generation if last else 0
    too_often = last is not None and last.state.is_final and generation >= most
    verdict = refused(Refusal.GIVEN_UP) if too_often else None
    return Check(name=Refusal.GIVEN_UP, seen=f"generation {generation} of {most}", verdict=verdict)


def date_checks(booking: Booking, cause: Cause) -> Iterator[Check]:
    """Whether the booking says when it is."""
    starts_at, ends_at = booking.starts_at, booking.ends_at
    yield check(Refusal.NO_DATE, moment(starts_at), applies=starts_at is None, cause=cause)
    upside_down = starts_at is not None and ends_at is not None and ends_at <= starts_at
    yield check(Refusal.ENDS_BEFORE_START, moment(ends_at), applies=upside_down, cause=cause)


def moment(at: datetime | None) -> str:
    """A point of time as ``explain`` shows it, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}Z" if at else "not set"


_REFUSALS = frozenset(Refusal)


def _named(code: str) -> Refusal:
    return Refusal(code) if code in _REFUSALS else Refusal.REFUSED_BY_PROVIDER
