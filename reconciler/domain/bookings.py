"""The application's booking, as far as the rules need it. We read bookings and never create or delete one."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NewType

BookingId = NewType("BookingId", str)

REFERENCE_LENGTH = 8
"""Without a public code, the first eight characters of the booking id stand in event titles and texts."""

MOST_AHEAD = timedelta(days=1)
"""How far ahead a booking's creation time may lie: its column may be in another zone. One that lies further says
nothing: a clock that was wrong has written it."""


def reference(booking: BookingId) -> str:
    """The short booking reference in texts and event titles."""
    return booking[:REFERENCE_LENGTH]


def hashed_key(booking: BookingId, *, tenant: str = "", source: str = "", incarnation: int = 0) -> str:
    """The part of a derived id that stands for the booking.

    For the first incarnation of the first source it is the bare id, as in ledgers that knew nothing else: what was
    made under those ids keeps colliding.
    """
    if not tenant and not source and not incarnation:
        return booking
    return "\x1f".join(("", tenant, source, str(incarnation), booking))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """What the booking's row says about its event right now."""

    event_id: str | None
    eligible: bool
    """Whether the booking's status is one that the rules cover, and the booking is not marked as deleted."""
    starts_at: datetime | None
    created_at: datetime
    cancelled: bool
    """Whether the status is listed in ``bookings.cancelled``."""
    deleted: bool
    """Whether the mapped column marks the booking as deleted."""
    has_date: bool
    """Whether the booking has a usable date that is no placeholder."""
    in_scope: bool
    """Whether we look after the booking (``only``). What another process looks after, we leave alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppFailure:
    """A ``failed`` row that the application itself wrote to its queue."""

    row: str
    """The row's id."""
    provider_id: str | None
    message: str | None = field(repr=False)


class DueBasis(StrEnum):
    """Where a due moment comes from."""

    CREATED = "created"
    """The occasion begins with the booking itself."""
    MAPPED = "mapped"
    """The application's column says it."""
    STORED = "stored"
    """The ledger says it: the first scan that saw the booking call for it."""
    ESTIMATED = "estimated"
    """Nobody has recorded it yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Since when a booking calls for what a rule is about."""

    at: datetime
    basis: DueBasis
    occasion: str
    """The trigger of the text, or the event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicCode:
    """What the application itself calls a booking (``bookings.reference``), such as ``B-2026-0042``."""

    written: str
    """'' if it is not usable: it may be personal then."""
    fault: str = ""
    """Why no text and no event may carry it; '' for a usable one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """One booking, with the facts that the refusals need. Times are instants. ``repr`` shows no personal field."""

    id: BookingId
    status: str
    created_at: datetime
    starts_at: datetime | None
    ends_at: datetime | None
    """The stored end; ``None`` if the booking has none. If the booking ends past midnight, it is on the next day."""
    event_id: str | None
    first_name: str = field(repr=False)
    name: str = field(repr=False)
    phones: tuple[str, ...] = field(repr=False)
    """The stored numbers that are not blank, in order of preference: the booking's own, then the customer's."""
    customer_refuses: bool = False
    """Whether the booking's own customer opted out of texts or is not active."""
    guests: int | Decimal | str | None = None
    """A whole number if it is one, else as it stands there."""
    occasion: str | None = field(default=None, repr=False)
    facts: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """What ``bookings.facts`` names, and what stands there: '' where nothing does. Only texts need them."""
    app_failures: tuple[AppFailure, ...] = ()
    not_after: datetime | None = None
    """When what its text confirms lapses (``not_after`` of its message); ``None``: never."""
    due: Due | None = None
    """``None`` under a rule that only reports, and where the status calls for nothing."""
    code: PublicCode | None = None
    """``None`` where ``bookings.reference`` is not mapped."""

    def without_details(self) -> "Booking":
        """The booking without what only a decision needs: names, numbers, guests. A pass has many of them in memory."""
        return replace(
            self,
            ends_at=None,
            first_name="",
            name="",
            phones=(),
            guests=None,
            occasion=None,
            facts=(),
            app_failures=(),
        )

    def without_times(self) -> "Booking":
        """The booking without what only a repair needs: its start, its event, and since when it is due."""
        return replace(self, starts_at=None, event_id=None, not_after=None, due=None)

    @property
    def due_at(self) -> datetime:
        """Since when the text or the event is due."""
        return self.due.at if self.due else self.created_at

    @property
    def due_without_ledger(self) -> datetime:
        """The same by the application's tables alone: a ledger that was restored may have lost what it stored."""
        return self.due.at if self.due and self.due.basis is DueBasis.MAPPED else self.created_at

    @property
    def reference(self) -> str:
        """What texts and titles call it. With a code that is not usable there is neither (``Refusal.REFERENCE``)."""
        return self.code.written if self.code and not self.code.fault else reference(self.id)
