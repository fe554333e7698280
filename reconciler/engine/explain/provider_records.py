"""The providers' records of one booking, to show to a person. Read only."""

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.domain.bookings import Booking
from reconciler.domain.decide.sms_settlement import contains_reference
from reconciler.domain.gaps import Effect
from reconciler.engine.repair.recipients import messages_to, recipient_of
from reconciler.ports import ProviderFailure, Services


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRecord:
    """One line about a provider's record: codes, ids and times only."""

    provider: str
    message: str


def ask(booking: Booking, services: Services) -> Iterator[ProviderRecord]:
    """Twilio's messages that carry the reference, and the event that the booking names.

    A provider that cannot be queried also gives a line.
    """
    for effect, provider in ((Effect.SMS, "twilio"), (Effect.CALENDAR, "google")):
        if effect in services.access_faults:
            yield ProviderRecord(provider=provider, message=f"not asked: {services.access_faults[effect].seen}")
    if services.sms:
        try:
            yield from _texts(booking, services)
        except ProviderFailure as failure:
            yield ProviderRecord(provider="twilio", message=f"could not be asked ({failure.outcome.code})")
    if services.calendar:
        try:
            yield from _event(booking, services)
        except ProviderFailure as failure:
            yield ProviderRecord(provider="google", message=f"could not be asked ({failure.outcome.code})")


def _texts(booking: Booking, services: Services) -> Iterator[ProviderRecord]:
    number = recipient_of(services, booking)
    if number is None or services.sms is None:
        yield ProviderRecord(provider="twilio", message="no usable number to ask for")
        return
    trail = messages_to(services, services.sms, number)
    ours = [text for text in trail.texts if contains_reference(text.body.lower(), booking.reference.lower())]
    for text in ours:
        yield ProviderRecord(
            provider="twilio", message=f"{text.sid} {text.status}, made {text.made_at:%Y-%m-%d %H:%M}Z"
        )
    if not ours:
        more = "" if trail.complete else "; there are more than were read"
        yield ProviderRecord(provider="twilio", message=f"no message to its number carries {booking.reference}{more}")


def _event(booking: Booking, services: Services) -> Iterator[ProviderRecord]:
    if booking.event_id is None or services.calendar is None:
        yield ProviderRecord(provider="google", message="the booking names no event")
        return
    found = services.calendar.get(booking.event_id)
    state = "is not there" if found is None else "is there" if found.live else "was deleted"
    yield ProviderRecord(provider="google", message=f"event {booking.event_id[:12]}.. {state}")
