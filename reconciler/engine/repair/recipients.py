"""The recipient of a booking: one number for sending, for limits and for telling two bookings of one id apart.

What the tables and the provider know of a number is asked for here, by the one definition of the same number.
"""

from collections.abc import Collection, Mapping
from datetime import datetime

from reconciler.domain.bookings import Booking
from reconciler.domain.decide.sms_settlement import SentMessages
from reconciler.domain.hashing import digest
from reconciler.engine.repair.repairer import Scope
from reconciler.ports import RepairServices, SmsGateway, Transaction


def recipient_of(services: RepairServices, booking: Booking) -> str | None:
    """Return the number from the first place that has one. A typo there never leads to another person's number."""
    return services.phones.e164(booking.phones[0]) if booking.phones else None


def refused_kind(services: RepairServices, booking: Booking) -> str:
    """Return the kind of that number in words, if numbers of its kind are never texted; else ''."""
    return services.phones.refused_kind(booking.phones[0]) if booking.phones else ""


def recipient_digest(scope: Scope, number: str | None) -> str:
    """Return what our ledger keeps of the number, '' without one."""
    return digest(scope.installation, number) if number else ""


def refusing_customers(
    tx: Transaction, services: RepairServices, numbers: Collection[str]
) -> Mapping[str, frozenset[str]]:
    """Return number -> the ids of the refusing customers who may have it. A number that none has is absent."""
    found = tx.bookings.refusing_numbers(services.phones.tails(numbers))
    meant = services.phones.meant({written for _, written in found}, numbers)
    refusing: dict[str, frozenset[str]] = {}
    for customer, written in found:
        for number in meant[written]:
            refusing[number] = refusing.get(number, frozenset()) | {customer}
    return refusing


def texted_at(
    tx: Transaction, services: RepairServices, scope: Scope, numbers: Collection[str], since: datetime
) -> Mapping[str, list[datetime]]:
    """Return number -> the times of the texts to it since then, the oldest first."""
    found = tx.texts.texts_to(services.phones.tails(numbers), since)
    meant = services.phones.meant({written for written, _ in found}, numbers)
    times: dict[str, list[datetime]] = {number: [] for number in numbers}
    for written, at in found:
        for number in meant[written]:
            times[number].append(at)
    if numbers and scope.has_ledger and not tx.text_records.shows_texts:
        ours = {recipient_digest(scope, number): number for number in numbers}
        for recipient, at in tx.intents.texted(ours, since):
            times[ours[recipient]].append(at)
    return {number: sorted(some) for number, some in times.items()}


def messages_to(
    services: RepairServices, gateway: SmsGateway, number: str, since: datetime | None = None
) -> SentMessages:
    """Return the provider's messages to the number, whichever of its forms they were sent to.

    Raises:
        ProviderFailure: a list could not be read.
    """
    lists = [gateway.sent_to(form, since) for form in services.phones.forms(number)]
    return SentMessages(
        texts=[text for found in lists for text in found.texts], complete=all(found.complete for found in lists)
    )
