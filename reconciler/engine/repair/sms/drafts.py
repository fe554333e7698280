"""What the text for a booking would say, and to which number."""

from reconciler.domain.bookings import Booking
from reconciler.domain.decide.sms import Draft
from reconciler.engine.repair.recipients import recipient_of
from reconciler.ports import RepairServices, Unwritable


def draft_of(services: RepairServices, booking: Booking) -> Draft | None:
    """The text as it would be sent now; ``None`` without a number, a date or words for it."""
    return draft_to(services, booking, recipient_of(services, booking))


def draft_to(services: RepairServices, booking: Booking, number: str | None) -> Draft | None:
    """The same for a number that is known already."""
    if number is None or booking.starts_at is None:
        return None
    try:
        return services.message_writer.write(booking, number)
    except Unwritable:
        return None
