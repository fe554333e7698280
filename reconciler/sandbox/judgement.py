"""Holds the world against what the demo's bookings should have become: the database, Twilio and Google are asked."""

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.sandbox.cast import DemoBooking
from reconciler.sandbox.world import Sandbox

SEEN_AS = {"sms.missing": "text", "calendar.missing": "event"}


@dataclass(frozen=True, slots=True)
class Surprise:
    """A booking whose world is not as it should be. ``silent``: something is missing, and nobody was told."""

    reference: str
    effect: str
    expected: str
    seen: str

    @property
    def silent(self) -> bool:
        return self.seen == "nothing"


def surprises(sandbox: Sandbox) -> list[Surprise]:
    """Every difference between the world and the hand-written expectations, after one ``once --do``."""
    world = _World(sandbox)
    return [surprise for booking in sandbox.bookings for surprise in (*_text(world, booking), *_event(world, booking))]


def told(sandbox: Sandbox) -> int:
    """Open gaps in our ledger that wait for a person."""
    return len(_World(sandbox).told)


class _World:
    def __init__(self, sandbox: Sandbox) -> None:
        self.sent = [message.body for message in sandbox.twilio.messages]
        self.live = {event["id"]: event for event in sandbox.google.live()}
        self.stored = dict(sandbox.rows("SELECT id::text, calendar_event_id FROM private_bookings"))
        sent = "SELECT booking_id::text FROM private_booking_sms_queue WHERE twilio_message_sid IS NOT NULL"
        self.marked = [booking for (booking,) in sandbox.rows(f"{sent} AND status = 'sent'")]
        gaps = sandbox.rows("SELECT about, kind, reason FROM reconciler.gap WHERE closed_at IS NULL")
        self.open = {(about, SEEN_AS[kind]) for about, kind, _ in gaps if kind in SEEN_AS}
        self.told = [row for row in gaps if row[2] and row[2] not in ("per_recipient", "quiet_hours")]


def _text(world: _World, booking: DemoBooking) -> Iterator[Surprise]:
    accepted = sum(booking.reference in body for body in world.sent)
    is_open = (booking.id, "text") in world.open
    if accepted:
        marked = world.marked.count(booking.id)
        seen = "sent" if accepted == marked == 1 else f"{accepted} sent, {marked} marked"
    else:
        seen = "told" if is_open else "nothing"
    wanted = {"sent": "sent", "refused": "told", "waiting": seen if accepted == 0 else "nothing sent yet"}
    if seen != wanted.get(booking.text, "nothing"):
        yield Surprise(booking.reference, "text", booking.text, seen)


def _event(world: _World, booking: DemoBooking) -> Iterator[Surprise]:
    stored = world.stored[booking.id]
    live = [e["id"] for e in world.live.values() if booking.reference in e["summary"]]
    seeded = booking.event.id if booking.event else None
    if (booking.id, "event") in world.open:
        seen = "told"
    elif stored and live == [stored]:
        seen = "adopted" if stored == seeded else "created"
    else:
        seen = "nothing" if not live else f"{len(live)} live, not the one stored"
    wanted = {
        "fine": "adopted",
        "refused": "told",
        "left_alone": "told",
        "not_asked": "nothing",
        "waiting": "nothing",
    }.get(booking.calendar, booking.calendar)
    if seen != wanted:
        yield Surprise(booking.reference, "event", booking.calendar, seen)
