"""The application's booking, as far as it concerns us. Rows are read, never created or deleted by us."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NewType

BookingId = NewType("BookingId", str)

REFERENCE_LENGTH = 8
"""The application puts the first eight characters of the booking id into its event titles; texts carry the same."""


def reference(booking: BookingId) -> str:
    """The short booking reference that stands in texts and titles."""
    return booking[:REFERENCE_LENGTH]


@dataclass(frozen=True, slots=True, kw_only=True)
class AppFailure:
    """A ``failed`` queue row of the application's own."""

    row: str
    """The row's id."""
    provider_id: str | None
    message: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """One booking with the facts the refusals need. Times are instants; personal fields stay out of ``repr``."""

    id: BookingId
    status: str
    created_at: datetime
    starts_at: datetime | None
    ends_at: datetime | None
    """As stored; ``None`` where the booking has no end. Already moved to the next day where the booking says so."""
    event_id: str | None
    first_name: str = field(repr=False)
    name: str = field(repr=False)
    phones: tuple[str, ...] = field(repr=False)
    """As stored, non-blank, in the order of preference: the booking's own, then the customer's."""
    customer_refuses: bool = False
    """The booking's own customer opted out of texts or is not active."""
    guests: int | None = None
    occasion: str | None = field(default=None, repr=False)
    app_failures: tuple[AppFailure, ...] = ()

    @property
    def reference(self) -> str:
        return reference(self.id)
