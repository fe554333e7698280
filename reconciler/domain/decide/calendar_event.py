"""The content and the id of a booking's calendar event, the checks before it is made, and which events are its own."""

import base64
import hashlib
import html
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from reconciler.domain.alerting.public_codes import identifies_alone
from reconciler.domain.bookings import Booking, BookingId
from reconciler.domain.decide.ledger_checks import (
    LEDGER,
    date_checks,
    describe_latest,
    is_reviewed,
    judge_ledger,
    reference_checks,
)
from reconciler.domain.decide.policies import CalendarPolicy
from reconciler.domain.decide.verdicts import Check, Verdict, first_blocking
from reconciler.domain.gaps import Cause
from reconciler.domain.hashing import digest
from reconciler.domain.intents import Intent

ID_PREFIX = "rcl"
LONGEST_TITLE = 200
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventBody:
    """An event as it should be. Times are instants in the venue's zone; the description is escaped HTML."""

    id: str
    title: str = field(repr=False)
    description: str = field(repr=False)
    starts_at: datetime
    ends_at: datetime
    zone: str
    booking: BookingId
    generation: int
    is_canary: bool = False
    """Whether it is a canary: a private event that blocks no time in the calendar and is made to be deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarEvent:
    """An event as the calendar shows it. ``live`` is ``False`` for a tombstone: a deleted event keeps its id."""

    id: str
    live: bool
    title: str = field(repr=False)
    starts_at: datetime | None
    recurring: bool
    marker: str | None
    """The booking id in our private property, ``None`` without one. It is a hint and never proves ownership."""


def event_id(installation: str, booking: str, generation: int) -> str:
    """The event's id. It can be computed again from the ledger, so a repeated insert collides with the first one.

    ``booking`` is the key of its identity (``Intent.key``).

    Google allows ``a-v0-9``, 5 to 1024 characters (Calendar API, Event.id: base32hex).
    """
    hashed = hashlib.sha256(f"{installation}:{booking}:{generation}".encode()).digest()
    return ID_PREFIX + base64.b32hexencode(hashed).decode().rstrip("=").lower()


def body(booking: Booking, policy: CalendarPolicy, event_id: str, generation: int) -> EventBody:
    """The event of a booking that has a date. Nothing in it depends on the current time, so a repeat is identical."""
    starts_at, ends_at = times(booking, policy)
    status = booking.status.upper()
    name = _CONTROL.sub(" ", booking.name).strip() or "Booking"
    title = f"[{status}] - {booking.reference} - {name}"
    lines = [f"Booking {booking.reference}", name]
    lines += [f"Guests: {booking.guests}"] if booking.guests is not None else []
    lines += [f"Occasion: {_CONTROL.sub(' ', booking.occasion)}"] if booking.occasion else []
    return EventBody(
        id=event_id,
        title=title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1] + "…",
        description="<br>".join(html.escape(line) for line in lines),
        starts_at=starts_at.astimezone(policy.zone),
        ends_at=ends_at.astimezone(policy.zone),
        zone=policy.zone.key,
        booking=booking.id,
        generation=generation,
    )


def times(booking: Booking, policy: CalendarPolicy) -> tuple[datetime, datetime]:
    """Start and end as instants. The default length is elapsed time, also across a DST change.

    Raises:
        ValueError: the booking has no date.
    """
    if booking.starts_at is None:
        raise ValueError("a booking without a date has no event")
    return booking.starts_at, booking.ends_at or booking.starts_at.astimezone(UTC) + policy.default_length


def subject(booking: Booking, policy: CalendarPolicy) -> str:
    """Digest of what a refusal is about: the content of the event, and the policy for a deleted event."""
    times = (moment.isoformat() if moment else "" for moment in (booking.starts_at, booking.ends_at))
    said = [booking.status, booking.name, str(booking.guests), booking.occasion or ""]
    said += [booking.code.written] if booking.code else []
    return digest(*times, *said, policy.deleted_by_hand)


def judge_event(booking: Booking, last: Intent | None, policy: CalendarPolicy, now: datetime) -> Verdict:
    """The verdict of a booking without an event id: the first refusal, else the first hold, else repair."""
    return first_blocking(event_checks(booking, last, policy, now, None), Cause.NEVER_CREATED)


def event_cause(last: Intent | None, review_before: datetime | None) -> Cause:
    """Why there is no event: nobody made one; or the provider refused it, until it answers anew."""
    return (last and last.cause if is_reviewed(last, review_before) else None) or Cause.NEVER_CREATED


def event_checks(
    booking: Booking, last: Intent | None, policy: CalendarPolicy, now: datetime, review_before: datetime | None
) -> Iterator[Check]:
    """Every check that can block an event. The first one that blocks decides, so the order matters."""
    from_ledger = judge_ledger(last, subject(booking, policy), Cause.NEVER_CREATED, now, review_before)
    yield Check(name=LEDGER, seen=describe_latest(last), verdict=from_ledger)
    yield from date_checks(booking, Cause.NEVER_CREATED)
    yield from reference_checks(booking, Cause.NEVER_CREATED)


def is_made_for(booking: Booking, event: CalendarEvent) -> bool:
    """Whether everything that the event shows says that the application made it for the booking, live or deleted.

    Its title names the booking, the event starts when the booking starts, it does not recur, and it has no marker of
    another booking. A live event of ours that the ledger has lost may qualify, and so may a person's copy of it. A
    deleted event of ours does not qualify: the application deleted it.
    """
    return (
        not event.recurring
        and event.starts_at == booking.starts_at
        and event.marker in (None, booking.id)
        and (event.live or not event.id.startswith(ID_PREFIX))
        and _names(event, booking)
    )


def _names(event: CalendarEvent, booking: Booking) -> bool:
    """Whether the reference is a field of its own in the title, and cannot be there by chance.

    The beginning of a random UUID identifies the booking, and so does a code that is no plain word or number. A
    number, or a beginning that other ids share, does not: the title must show the booking's name as well.
    """
    fields = _fields(event.title)
    if booking.reference not in fields:
        return False
    identifies = identifies_alone(booking.reference) if booking.code else _is_random(booking.id)
    if identifies or event.marker == booking.id:
        return True
    name = booking.name.strip().casefold()
    endings = (" - ".join(fields[index:]).casefold() for index in range(len(fields)))
    return bool(name) and any(re.match(rf"{re.escape(name)}(?!\w)", ending) for ending in endings)


def _fields(title: str) -> list[str]:
    return [part.strip() for part in title.split(" - ")]


def _is_random(booking: BookingId) -> bool:
    try:
        return uuid.UUID(booking).version == RANDOM_UUID
    except ValueError:
        return False


RANDOM_UUID = 4
"""The version of random UUIDs (RFC 9562, 5.4). Version 7 begins with the time, as the ids of its neighbours do."""
ADOPTION_WINDOW = timedelta(days=1)
"""How far around the booking's start the calendar is searched for an event to adopt."""
