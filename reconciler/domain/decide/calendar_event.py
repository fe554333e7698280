"""What a booking's calendar event looks like, which id it has, and what to do about events already there."""

import base64
import hashlib
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from reconciler.domain.bookings import Booking, BookingId
from reconciler.domain.decide.ledger_checks import LEDGER, date_checks, describe_latest, judge_ledger
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
    """An event as it should be. Times are instants of the venue's zone; the description is safe HTML."""

    id: str
    title: str = field(repr=False)
    description: str = field(repr=False)
    starts_at: datetime
    ends_at: datetime
    zone: str
    booking: BookingId
    generation: int
    is_canary: bool = False
    """Private, and it makes nobody busy: it is there to be deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarEvent:
    """An event as the calendar has it. ``live`` is ``False`` for a tombstone: deleting keeps the id."""

    id: str
    live: bool
    title: str = field(repr=False)
    starts_at: datetime | None
    recurring: bool
    marker: str | None
    """The booking id in our private property, ``None`` without one. A hint, never a proof of ownership."""


def event_id(installation: str, booking: BookingId, generation: int) -> str:
    """The id under which a repeat collides, recomputable from the ledger.

    Google allows ``a-v0-9``, 5 to 1024 characters (Calendar API, Event.id: base32hex).
    """
    hashed = hashlib.sha256(f"{installation}:{booking}:{generation}".encode()).digest()
    return ID_PREFIX + base64.b32hexencode(hashed).decode().rstrip("=").lower()


def body(booking: Booking, policy: CalendarPolicy, installation: str, generation: int) -> EventBody:
    """The event of a booking that has a date. No part depends on the time of writing: a repeat is the same event."""
    starts_at, ends_at = times(booking, policy)
    status = booking.status.upper()
    name = _CONTROL.sub(" ", booking.name).strip() or "Booking"
    title = f"[{status}] - {booking.reference} - {name}"
    lines = [f"Booking {booking.reference}", name]
    lines += [f"Guests: {booking.guests}"] if booking.guests is not None else []
    lines += [f"Occasion: {_CONTROL.sub(' ', booking.occasion)}"] if booking.occasion else []
    return EventBody(
        id=event_id(installation, booking.id, generation),
        title=title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1] + "…",
        description="<br>".join(html.escape(line) for line in lines),
        starts_at=starts_at.astimezone(policy.zone),
        ends_at=ends_at.astimezone(policy.zone),
        zone=policy.zone.key,
        booking=booking.id,
        generation=generation,
    )


def times(booking: Booking, policy: CalendarPolicy) -> tuple[datetime, datetime]:
    """Start and end as instants; the default length counts in elapsed time, also across a DST change."""
    if booking.starts_at is None:
        raise ValueError("a booking without a date has no event")
    return booking.starts_at, booking.ends_at or booking.starts_at.astimezone(UTC) + policy.default_length


def subject(booking: Booking, policy: CalendarPolicy) -> str:
    """Digest of what a refusal was about: what the event says, and what we would do about a deleted one."""
    times = (moment.isoformat() if moment else "" for moment in (booking.starts_at, booking.ends_at))
    said = (booking.status, booking.name, str(booking.guests), booking.occasion or "")
    return digest(*times, *said, policy.deleted_by_hand)


def judge_event(booking: Booking, last: Intent | None, policy: CalendarPolicy, now: datetime) -> Verdict:
    """The verdict of a booking without an event id: the first refusal, else the first hold, else repair."""
    return first_blocking(event_checks(booking, last, policy, now), Cause.NEVER_CREATED)


def event_checks(booking: Booking, last: Intent | None, policy: CalendarPolicy, now: datetime) -> Iterator[Check]:
    """Everything that could stand in the way of an event, in the order in which the first one decides."""
    from_ledger = judge_ledger(last, subject(booking, policy), Cause.NEVER_CREATED, now)
    yield Check(name=LEDGER, seen=describe_latest(last), verdict=from_ledger)
    yield from date_checks(booking, Cause.NEVER_CREATED)


def is_made_for(booking: Booking, event: CalendarEvent) -> bool:
    """Whether the application made this event, live or deleted, for the booking, by all that it shows.

    The reference stands as its own field of the title, the start is the booking's, it is single, and it carries nobody
    else's marker. A live event of ours that the ledger has lost may be one, and so may a person's copy of it; a deleted
    one of ours was the application's doing.
    """
    return (
        not event.recurring
        and event.starts_at == booking.starts_at
        and event.marker in (None, booking.id)
        and (event.live or not event.id.startswith(ID_PREFIX))
        and booking.reference in _fields(event.title)
    )


def _fields(title: str) -> list[str]:
    return [part.strip() for part in title.split(" - ")]


ADOPTION_WINDOW = timedelta(days=1)
"""How far around the booking's start the calendar is searched for an event to adopt."""
