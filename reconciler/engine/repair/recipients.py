"""The recipient of a booking: one number for sending, for limits and for telling two bookings of one id apart."""

from reconciler.domain.bookings import Booking
from reconciler.domain.hashing import digest
from reconciler.engine.repair.repairer import Scope
from reconciler.ports import RepairServices


def recipient_of(services: RepairServices, booking: Booking) -> str | None:
    """Return the number from the first place that has one. A typo there never leads to another person's number."""
    return services.phones.e164(booking.phones[0]) if booking.phones else None


def recipient_digest(scope: Scope, number: str | None) -> str:
    """Return what our ledger keeps of the number, '' without one."""
    return digest(scope.installation, number) if number else ""
