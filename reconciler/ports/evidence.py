"""What shows that a text was sent or that a booking has an event, and where our own word about either goes.

Every method may raise ``DatabaseUnreachable`` and ``DatabaseDisagrees`` (``ports.store``).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from reconciler.domain.bookings import Booking, BookingId, StoredEvent
from reconciler.domain.decide.sms import Draft
from reconciler.domain.explain.queued_text import QueuedText
from reconciler.domain.intents import IntentId


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRecord:
    """Our record of a text in the application's tables. Its status never claims more than we know."""

    id: str
    intent: IntentId
    booking: Booking
    draft: Draft
    template: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecord:
    """Our record of a text, as stored."""

    number: str = field(repr=False)
    """'' where the application has no column for it."""
    body: str = field(repr=False)
    provider_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextState:
    """What our record says of a text."""

    status: str | None
    """``None``: not sent, in a status that nothing sends."""
    error: str | None = None
    """Why it was not sent."""
    provider_id: str | None = None
    at: datetime


class SentTexts(Protocol):
    """The texts that the application's tables show."""

    def queued(self, booking: BookingId) -> Sequence[QueuedText]:
        """The booking's rows in the text queue, newest first; empty where no queue is mapped."""
        ...

    def texts_to(self, tails: frozenset[str], since: datetime) -> Sequence[tuple[str, datetime]]:
        """Texts since then, sent or about to be sent, by the application or by us, oldest first: number and time.

        The number is as written, and may end in one of the tails.
        """
        ...

    def bookings_naming(self, provider_ids: Collection[str], besides: str) -> Mapping[str, frozenset[BookingId]]:
        """Those of these message ids that a record other than ``besides`` contains, each with its records' bookings."""
        ...

    def messages_sent(self, bookings: Collection[BookingId]) -> Mapping[tuple[BookingId, str], frozenset[str]]:
        """Return booking and trigger -> the message ids that records name and do not call failed or cancelled."""
        ...


class TextRecords(Protocol):
    """Our records in the application's tables; nothing at all where our word goes into the ledger alone."""

    @property
    def shows_texts(self) -> bool:
        """Whether ``SentTexts.texts_to`` returns our own texts, by these records."""
        ...

    def own_record(self, record: str) -> StoredRecord | None:
        """Our own record as it is now, ``None`` if there is none."""
        ...

    def own_records_in_doubt(self, booking: BookingId) -> Mapping[str, str]:
        """Of our records of this booking that say that a text may have left: the intent and the number of each.

        The number is '' where the application has no column for it.
        """
        ...

    def insert_record(self, record: TextRecord) -> None:
        """Insert our record as *in flight*, in a status that nothing sends (``record.in_flight``).

        If it exists already, reset it to that, unless it is *sent*.
        """
        ...

    def hand_over(self, record: TextRecord) -> None:
        """Insert the record as *approved*: from then on it belongs to the application, which sends it."""
        ...

    def try_mark_sent(self, record: str, booking: BookingId, at: datetime) -> None:
        """Dry-run the final write so that constraint violations surface before we call Twilio."""
        ...

    def mark_record(self, record: str, booking: BookingId, said: TextState) -> bool:
        """Write the outcome into our record.

        ``False`` if the record is gone, no longer ours, or already has these values.
        """
        ...


class StoredEvents(Protocol):
    """The event ids of bookings."""

    def recent_event_ids(self, limit: int) -> Sequence[str]:
        """Event ids of the most recently created bookings that store one."""
        ...

    def names_event(self, event_id: str, besides: BookingId) -> bool:
        """Whether another booking stores this event id."""
        ...

    def stored_events(self, bookings: Collection[BookingId]) -> Mapping[BookingId, StoredEvent]:
        """What these bookings store about their events; a deleted booking is absent."""
        ...

    def try_store_event_id(self, booking: BookingId, seen: str | None, event_id: str, starts_at: datetime) -> None:
        """Dry-run the write-back so that constraint violations surface before the event is created."""
        ...

    def store_event_id(self, booking: BookingId, seen: str | None, event_id: str, starts_at: datetime) -> bool:
        """Compare-and-set on the value ``seen`` (NULL and '' are equal), only while the booking is eligible and still
        starts at ``starts_at``. Returns whether it was written.
        """
        ...

    def try_clear_event_id(self, booking: BookingId, event_id: str) -> None:
        """Dry-run ``clear_event_id``, so that a constraint violation surfaces before the event is removed."""
        ...

    def clear_event_id(self, booking: BookingId, event_id: str) -> None:
        """Compare-and-set: forget the id of an event that is gone, so that the rule misses the event again."""
        ...
