"""Compares the demo's database, Twilio and Google with the expected results of its bookings."""

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.sandbox.demo.fixtures import DemoBooking
from reconciler.sandbox.world import Sandbox

MIN_PLANTED_LENGTH = 5
"""Characters. A shorter name may occur within ordinary words."""
GAP_WORDS = {"sms.missing": "text", "sms.stuck": "stuck", "sms.unproven": "unproven", "calendar.missing": "event"}
"""Kind of an open gap -> the word for it in a comparison."""


@dataclass(frozen=True, slots=True)
class Surprise:
    """A booking that is not as expected. ``silent``: its text or event is missing, and no gap was reported."""

    reference: str
    effect: str
    expected: str
    seen: str

    @property
    def silent(self) -> bool:
        return self.seen == "nothing"


def surprises(sandbox: Sandbox) -> list[Surprise]:
    """Every difference from the hand-written expectations after one ``once --do``."""
    world = _World(sandbox)
    return [surprise for booking in sandbox.bookings for surprise in (*_text(world, booking), *_event(world, booking))]


def alerts_sent(sandbox: Sandbox) -> int:
    """The number of open gaps that were reported to a person."""
    return len(_World(sandbox).alerts)


def leaks(sandbox: Sandbox) -> tuple[list[str], int]:
    """The customers' names and numbers that Sentry received, and how many names and numbers were searched for."""
    columns = ("customer_name", "contact_phone", "first_name", "mobile_number", "mobile_e164")
    rows = [row for booking in sandbox.bookings for row in (booking.row, *booking.customers)]
    written = {str(row[column]).strip() for row in rows for column in columns if row.get(column)}
    planted = {value for value in written if len(value) > MIN_PLANTED_LENGTH}
    received = "\n".join(sandbox.sentry.raw)
    return [value for value in planted if value in received], len(planted)


class _World:
    def __init__(self, sandbox: Sandbox) -> None:
        self.sent = [message.body for message in sandbox.twilio.messages]
        self.live = {event["id"]: event for event in sandbox.google.live()}
        self.stored = dict(sandbox.rows("SELECT id::text, calendar_event_id FROM private_bookings"))
        sent = "SELECT booking_id::text FROM private_booking_sms_queue WHERE twilio_message_sid IS NOT NULL"
        self.marked = [booking for (booking,) in sandbox.rows(f"{sent} AND status = 'sent'")]
        gaps = sandbox.rows("SELECT about, kind, reason FROM reconciler.gap WHERE closed_at IS NULL")
        self.open = {(about, GAP_WORDS[kind]) for about, kind, _ in gaps if kind in GAP_WORDS}
        self.alerts = [row for row in gaps if row[2] and row[2] not in ("per_recipient", "quiet_hours")]


def _text(world: _World, booking: DemoBooking) -> Iterator[Surprise]:
    accepted = sum(booking.reference in body for body in world.sent)
    marked = world.marked.count(booking.id)
    facts = [name for name in ("stuck", "unproven") if (booking.id, name) in world.open]
    if accepted:
        facts.append("sent" if accepted == marked == 1 else f"{accepted} sent, {marked} marked")
    elif (booking.id, "text") in world.open:
        facts.append("reported")
    seen = ", ".join(facts) or "nothing"
    wanted = {"needs_human": "reported", "ok": "nothing", "not_applicable": "nothing"}.get(booking.text, booking.text)
    if booking.text == "held" and seen in ("nothing", "reported"):
        return
    if seen != wanted:
        yield Surprise(booking.reference, "text", booking.text, seen)


def _event(world: _World, booking: DemoBooking) -> Iterator[Surprise]:
    stored = world.stored[booking.id]
    live = [e["id"] for e in world.live.values() if booking.reference in e["summary"]]
    seeded = booking.event.id if booking.event else None
    if (booking.id, "event") in world.open:
        seen = "reported"
    elif stored and live == [stored]:
        seen = "adopted" if stored == seeded else "created"
    else:
        seen = "nothing" if not live else f"{len(live)} live, not the one stored"
    wanted = {
        "ok": "adopted",
        "needs_human": "reported",
        "left_alone": "reported",
        "not_applicable": "nothing",
        "held": "nothing",
    }.get(booking.calendar, booking.calendar)
    if seen != wanted:
        yield Surprise(booking.reference, "event", booking.calendar, seen)
