"""The checks that read our own ledger, and the checks of a booking's date. Texts and events share them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from reconciler.domain.bookings import Booking
from reconciler.domain.decide.verdicts import (
    HOLDS_BY_THE_PROVIDER,
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
from reconciler.domain.intents import LONGEST_PAUSE, SUBJECT_PARTS, Intent, State


def judge_ledger(
    last: Intent | None, subject: str, cause: Cause, now: datetime, review_before: datetime | None = None
) -> Verdict | None:
    """The verdict that follows from the booking's latest intent, ``None`` if none follows.

    An *unknown* outcome is never retried blindly. A refusal holds while the refused ``subject`` is unchanged, and until
    it is looked at again (``is_reviewed``). The caller judges a *done* intent, because a vanished text and a vanished
    event have different meanings.
    """
    if last is None:
        return None
    match last.state:
        case State.UNKNOWN:
            return refused(Refusal.UNKNOWN)
        case State.NEEDS_HUMAN:
            return refused(refusal_needing_human(last))
        case State.DROPPED if last.resolved_by_person:
            return failed_condition(Condition.UNDECIDED)
        case State.SENDING:
            return held(Hold.IN_FLIGHT, cause)
        case State.REFUSED if _same_subject(last, subject) and not is_reviewed(last, review_before):
            return refused(_named(last.code), last.cause)
        case State.PLANNED if last.not_before is not None and now < last.not_before <= now + LONGEST_PAUSE:
            if last.code in _REFUSALS:
                # These refusals are rechecked after a while, because a person may have fixed the cause.
                return refused(_named(last.code))
            hold = Hold(last.code) if last.code in HOLDS_BY_THE_PROVIDER else Hold.BACKOFF
            return held(hold, last.cause or cause)
        case _:
            return None


REVIEW_AFTER = timedelta(days=1)
"""A refusal by a code of the provider is looked at again after this time."""


def is_reviewed(last: Intent | None, review_before: datetime | None) -> bool:
    """Whether a refusal is looked at again: the provider's code refused it before ``review_before``.

    A code may have been about us, and what it was about may be mended. The recipient's STOP stays, and so does what
    our own checks refused: they judge anew in every pass.
    """
    return (
        last is not None
        and last.state is State.REFUSED
        and last.cause is not Cause.REFUSED_RECIPIENT
        and last.code not in _REFUSALS
        and review_before is not None
        and last.updated_at < review_before
    )


def is_new_repair(last: Intent | None, review_before: datetime | None) -> bool:
    """Whether a repair is one that no earlier pass has planned. One that is looked at again was planned before."""
    return last is None or (last.state.is_final and not is_reviewed(last, review_before))


def refusal_needing_human(last: Intent) -> Refusal:
    """Why a *needs_human* intent needs a human."""
    known = {Cause.UNKNOWN_OUTCOME: Refusal.NOT_PROVABLE, Cause.UNUSABLE_DATA: Refusal.NOT_DELIVERED}
    return known.get(last.cause, Refusal.GIVEN_UP) if last.cause else Refusal.GIVEN_UP


def _same_subject(last: Intent, subject: str) -> bool:
    """Whether the refusal still applies.

    A refusal by the recipient holds for every text to that number. Any other refusal ends when the subject changes.
    """
    if last.cause is Cause.REFUSED_RECIPIENT:
        return last.subject.partition(SUBJECT_PARTS)[0] == subject.partition(SUBJECT_PARTS)[0]
    return last.subject == subject


LEDGER = "ledger"
"""The name of the check that reads our own ledger."""


def describe_latest(last: Intent | None) -> str:
    """The booking's latest intent in a few words."""
    if last is None:
        return "nothing"
    reasons = [last.code] if last.code else []
    reasons += ["effect gone"] if last.effect_gone else []
    code = f" ({', '.join(reasons)})" if reasons else ""
    return f"generation {last.generation} {last.state}{code}, {last.attempts} attempts"


def generation_check(last: Intent | None, most: int, review_before: datetime | None) -> Check:
    """The check that this effect of this booking was not restarted too often. What is looked at again is no restart."""
    generation = last.generation if last else 0
    restarts = last is not None and last.state.is_final and not is_reviewed(last, review_before)
    too_often = restarts and generation >= most
    verdict = refused(Refusal.GIVEN_UP) if too_often else None
    return Check(name=Refusal.GIVEN_UP, seen=f"generation {generation} of {most}", verdict=verdict)


def date_checks(booking: Booking, cause: Cause) -> Iterator[Check]:
    """The checks that the booking has a start, and an end after it."""
    starts_at, ends_at = booking.starts_at, booking.ends_at
    yield check(Refusal.NO_DATE, moment(starts_at), applies=starts_at is None, cause=cause)
    upside_down = starts_at is not None and ends_at is not None and ends_at <= starts_at
    yield check(Refusal.ENDS_BEFORE_START, moment(ends_at), applies=upside_down, cause=cause)


def reference_checks(booking: Booking, cause: Cause) -> Iterator[Check]:
    """The check that texts and titles can name the booking. Without a mapped code they always can."""
    if booking.code is not None:
        seen = booking.code.fault or "usable"
        yield check(Refusal.REFERENCE, seen, applies=bool(booking.code.fault), cause=cause)


def moment(at: datetime | None) -> str:
    """A time as ``explain`` shows it, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}Z" if at else "not set"


_REFUSALS = frozenset(Refusal)


def _named(code: str) -> Refusal:
    return Refusal(code) if code in _REFUSALS else Refusal.REFUSED_BY_PROVIDER
