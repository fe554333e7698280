"""The outside world: Twilio, Google Calendar, phone numbers, and the wording of messages."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from reconciler.domain.bookings import Booking
from reconciler.domain.decide.calendar_event import CalendarEvent, EventBody
from reconciler.domain.decide.sms import Draft
from reconciler.domain.decide.sms_settlement import SentMessages, SentSms
from reconciler.domain.doctor import Note
from reconciler.domain.gaps import IntegrationFault
from reconciler.domain.intents import Outcome
from reconciler.ports.doctor import CalendarFacts, SmsDelivery


class PhoneNumbers(Protocol):
    def e164(self, written: str) -> str | None:
        """The number in E.164 if a text can be sent to it, else ``None``. Never raises for bad input."""
        ...

    def refused_kind(self, written: str) -> str:
        """Why a valid number of this kind is never texted (premium rate, satellite), in words; '' for any other."""
        ...

    def country(self, e164: str) -> str:
        """The ISO 3166 code of the number's country; '' where it is not known."""
        ...

    def forms(self, e164: str) -> tuple[str, ...]:
        """The number in E.164, then the forms in which the same number may be listed at the provider."""
        ...

    def tails(self, numbers: Iterable[str]) -> frozenset[str]:
        """Digits of which one set stands in every field that may mean one of the numbers (E.164)."""
        ...

    def meant(self, written: Iterable[str], numbers: Iterable[str]) -> Mapping[str, frozenset[str]]:
        """Field as written -> those of the numbers (E.164) that it may mean. This defines "the same number"."""
        ...


class Unwritable(Exception):
    """The template cannot be filled for this booking; ``args[0]`` says why, never with a value of the booking."""

    def __init__(self, why: str, lacks: Sequence[str] = ()) -> None:
        super().__init__(why)
        self.lacks = tuple(lacks)
        """The variables that the template uses and the booking does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateTrial:
    """What became of a template on an invented booking."""

    status: str
    is_full: bool
    """Whether the booking has everything, and much of it; else it has only what a booking must have."""
    segments: int = 0
    """0 where the text cannot be written."""
    why: str = ""
    lacks: tuple[str, ...] = ()


class MessageWriter(Protocol):
    def write(self, booking: Booking, number: str) -> Draft:
        """The text for the booking's status, to ``number`` (E.164).

        Raises:
            Unwritable: the status has no message, a variable is missing, or the text would be too long.
        """
        ...

    def trials(self) -> Iterable[TemplateTrial]:
        """Each status's text for a booking with as little as possible, and for one with as much as possible."""
        ...


class ProviderFailure(Exception):
    """A read at a provider failed. ``outcome`` says how, as for a write; ``args`` hold its code only."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.code)
        self.outcome = outcome


class CredentialsRejected(ProviderFailure):
    """The provider does not know us: our credentials are wrong or revoked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingSms:
    number: str = field(repr=False)
    body: str = field(repr=False)
    validity: timedelta


class SmsGateway(Protocol):
    def check(self) -> IntegrationFault | None:
        """What would break every send (credentials, account, sender), ``None`` if nothing does.

        Raises:
            ProviderFailure: the provider could not be asked.
        """
        ...

    def send(self, text: OutgoingSms) -> Outcome:
        """Send once, never repeat. ``provider_id`` is the message SID of a *done* outcome."""
        ...

    def notes(self) -> Sequence[Note]:
        """Facts about account and sender that break nothing; asked after ``check`` found no fault.

        Raises:
            ProviderFailure: the provider could not be asked.
        """
        ...

    def delivery(self, provider_id: str) -> SmsDelivery:
        """The delivery of a message that was sent.

        Raises:
            ProviderFailure: the provider could not be asked.
        """
        ...

    @property
    def account(self) -> str:
        """The account id. Messages of another account are not in its lists."""
        ...

    def sent_to(self, number: str, since: datetime | None = None) -> SentMessages:
        """The outbound messages of the account to this number (E.164): all, or at least those made ``since`` then.

        Raises:
            ProviderFailure: the list could not be read.
        """
        ...

    def recent(self) -> Sequence[SentSms]:
        """The newest outbound messages of the account.

        Raises:
            ProviderFailure: the list could not be read.
        """
        ...


class Calendar(Protocol):
    """One calendar. Not safe to share between threads."""

    def check(self) -> IntegrationFault | None:
        """What would break every write (token, calendar, role), ``None`` if nothing does.

        Raises:
            ProviderFailure: the provider could not be asked.
        """
        ...

    def about(self) -> CalendarFacts:
        """Our role in the calendar, and the calendar's time zone.

        Raises:
            ProviderFailure: the provider could not be asked.
        """
        ...

    def get(self, event_id: str) -> CalendarEvent | None:
        """The event, live or tombstone; ``None`` if the calendar never had it.

        Raises:
            ProviderFailure: the answer says nothing about the event.
        """
        ...

    def around(self, starts_at: datetime, window: timedelta) -> Sequence[CalendarEvent]:
        """Every event, live or deleted, within ``window`` of ``starts_at``, all pages read.

        Raises:
            ProviderFailure: the list could not be read to its end.
        """
        ...

    def insert(self, event: EventBody) -> Outcome:
        """Insert under our own id. *refused* with ``DUPLICATE``: the id exists, live or deleted."""
        ...

    def delete(self, event_id: str) -> Outcome:
        """Delete an event of ours. Already deleted counts as *done*."""
        ...


DUPLICATE = "google:duplicate"
"""The code of the one refusal that concerns the event and not us: its id is taken."""
