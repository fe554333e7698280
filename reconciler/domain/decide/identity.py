"""Which booking an id means. An id alone does not say it: two tables may use it, and one table may use it again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reconciler.domain.bookings import Booking
from reconciler.domain.decide.verdicts import Check, Refusal, check
from reconciler.domain.gaps import Cause
from reconciler.domain.intents import Intent


class Same(StrEnum):
    """Whether the booking is the one that its newest intent is about."""

    YES = "yes"
    NO = "no"
    """The id came again: another table row, or a sequence that was restarted."""
    DOUBTFUL = "doubtful"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the ledger knows about a booking: its newest intent, unless that is about an earlier booking of this id."""

    last: Intent | None
    incarnation: int
    doubtful: bool = False


def identify(booking: Booking, last: Intent | None, recipient: Callable[[], str]) -> Known:
    """What the ledger knows about this booking.

    ``recipient`` returns the digest of the number that the booking has now, '' without one. It is rarely called.
    """
    if last is None:
        return Known(last=None, incarnation=0)
    same = same_booking(booking, last, recipient)
    if same is Same.NO:
        return Known(last=None, incarnation=last.incarnation + 1)
    return Known(last=last, incarnation=last.incarnation, doubtful=same is Same.DOUBTFUL)


def identity_checks(known: Known) -> Iterator[Check]:
    """The check that the ledger's newest intent for this id is about this booking. None if the ledger has no intent."""
    if known.last:
        seen = "perhaps" if known.doubtful else "no"
        yield check(Refusal.ID_AGAIN, seen, applies=known.doubtful, cause=Cause.UNUSABLE_DATA)


def same_booking(booking: Booking, last: Intent, recipient: Callable[[], str]) -> Same:
    """Whether ``last`` is about this booking.

    An intent is never older than its booking. If it is, the id came again, provided that recipient and start both
    differ. What is not known never counts as different. An intent that is not final is finished first.
    """
    if not last.state.is_final or booking.created_at <= last.updated_at:
        return Same.YES
    other_recipient = _differ(recipient(), last.recipient)
    other_start = _differ(booking.starts_at, last.starts_at)
    if other_recipient and other_start:
        return Same.NO
    return Same.YES if other_recipient is other_start is False else Same.DOUBTFUL


def _differ(one: str | datetime | None, other: str | datetime | None) -> bool | None:
    """``None`` if one of them is not known."""
    return one != other if one and other else None
