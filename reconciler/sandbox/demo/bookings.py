"""The demo's bookings: a week with silently missing texts and events, and cases that only seem to miss them."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from itertools import count
from typing import Any

from reconciler.sandbox.demo.fixtures import (
    STAFF,
    ZONE,
    DemoBooking,
    Moments,
    Row,
    SeedEvent,
    booking_id,
    demo_event_id,
    e164,
    phone,
    sid,
)

CUSTOMER_NAMES = (
    "Ana Lima", "Ben Okafor", "Chloe Martin", "Dev Patel", "Ella Novak", "Finn Byrne", "Grace Chen", "Hugo Weiss",
    "Ines Costa", "Jack Doyle", "Kira Sato", "Liam Walsh", "Mona Haddad", "Noah Berg", "Olga Petrova", "Pau Ferrer",
)  # fmt: skip
LATE_BOOKING_NUMBER = 900
"""The number of the booking that is added later, far from all other numbers."""
OLDER_NOTE = "Event date/time to be confirmed by customer"


class Stories:
    """Builds bookings one by one. Each gets its own number, name, phone and date."""

    def __init__(self, now: datetime, first: int = 1) -> None:
        self.at = Moments(now)
        self._numbers = count(first)

    def add(
        self,
        group: str,
        *,
        text: str,
        calendar: str,
        texted: bool | str = False,
        event: str = "",
        customer: Row | None = None,
        others: tuple[Row, ...] = (),
        queue: tuple[Row, ...] = (),
        **columns: Any,
    ) -> DemoBooking:
        """Build one booking. ``texted``: with a sent row (of that trigger); ``event``: stored, lost or deleted."""
        number = next(self._numbers)
        own_id, name = booking_id(number), columns.pop("customer_name", CUSTOMER_NAMES[number % len(CUSTOMER_NAMES)])
        row = {
            "id": own_id,
            "customer_name": name,
            "customer_first_name": name.split(" ")[0],
            "contact_phone": phone(number),
            "event_date": self.at.day(3 + number % 25),
            "start_time": time(19, 30),
            "end_time": time(23, 0),
            "end_time_next_day": False,
            "guest_count": 20 + number,
            "event_type": "Birthday",
            "status": "confirmed",
            "source": "manual",
            "created_at": self.at.ago(hours=2, minutes=number),
            **columns,
        }
        row["updated_at"] = row["created_at"]
        seed = self._event(number, row, event) if event else None
        row["calendar_event_id"] = seed.id if seed and seed.stored else None
        customers = others
        if customer is not None:
            own = {"id": booking_id(10_000 + number), "first_name": name.split(" ")[0], **customer}
            row["customer_id"] = own["id"]
            customers = (own, *others)
        texts = queue
        if texted:
            trigger = texted if isinstance(texted, str) else f"booking_{_created_or_confirmed(row['status'])}"
            texts = (*queue, self.queue_row(trigger_type=trigger, sent_at=self.at.ago(hours=1, minutes=30)))
        return DemoBooking(
            id=own_id,
            group=group,
            row=row,
            customers=customers,
            texts=tuple(_complete_row(text_row, row, index) for index, text_row in enumerate(texts)),
            event=seed,
            text=text,
            calendar=calendar,
        )

    def queue_row(self, **columns: Any) -> Row:
        return {
            "trigger_type": "booking_confirmed",
            "template_key": "private_booking",
            "scheduled_for": self.at.ago(hours=1, minutes=40),
            "message_body": "Hi, your booking is in our diary.",
            "status": "sent",
            "created_at": self.at.ago(hours=1, minutes=40),
            **columns,
        }

    def _event(self, number: int, row: Row, kind: str) -> SeedEvent:
        starts_at = datetime.combine(row["event_date"], row["start_time"], tzinfo=ZONE)
        return SeedEvent(
            id=demo_event_id(number),
            title=f"[{row['status'].upper()}] - {row['id'][:8]} - {row['customer_name']} @ Main Bar",
            starts_at=starts_at,
            ends_at=starts_at + timedelta(hours=3),
            stored=kind == "stored",
            deleted=kind == "deleted",
        )


def _created_or_confirmed(status: str) -> str:
    return "created" if status == "draft" else "confirmed"


def _complete_row(text_row: Row, booking: Row, index: int) -> Row:
    written = booking["contact_phone"] or phone(0)
    own_id = booking_id(20_000 + int(booking["id"][:6], 16) * 4 + index)
    return {
        "id": own_id,
        "twilio_message_sid": sid(own_id) if text_row["status"] == "sent" else None,
        "booking_id": booking["id"],
        "customer_name": booking["customer_name"],
        "customer_phone": written,
        "recipient_phone": written,
        **text_row,
    }


def one_more(now: datetime) -> DemoBooking:
    """Maya's booking, which the demo adds later: a draft, whose text is due since it was made."""
    return Stories(now, first=LATE_BOOKING_NUMBER).add(
        "late", text="sent", calendar="created", status="draft", customer_name="Maya Reyes"
    )


def demo_bookings(now: datetime) -> list[DemoBooking]:
    """All bookings of the demo, placed around ``now``: the same cases at any hour, including DST days."""
    stories = Stories(now)
    groups = (_in_order, _missing, _not_applicable, _delicate, _odd, _unreliable)
    return [booking for group in groups for booking in group(stories)]


def _in_order(s: Stories) -> Iterator[DemoBooking]:
    for status in ("confirmed", "confirmed", "draft", "confirmed", "draft", "confirmed"):
        yield s.add("healthy", text="ok", calendar="ok", texted=True, event="stored", status=status)
    for status, trigger in (("draft", "deposit_received"), ("confirmed", "deposit_received")):
        yield s.add("another trigger", text="ok", calendar="ok", texted=trigger, event="stored", status=status)
    for status, due in (("pending", s.at.now + timedelta(days=1)), ("approved", s.at.ago(minutes=5))):
        row = s.queue_row(status=status, scheduled_for=due)
        yield s.add("queued, not sent yet", text="ok", calendar="ok", queue=(row,), event="stored")


def _missing(s: Stories) -> Iterator[DemoBooking]:
    for status in ("draft", "confirmed"):
        yield s.add("no text", text="sent", calendar="ok", event="stored", status=status)
        yield s.add("no event", text="ok", calendar="created", texted=True, status=status)
        yield s.add("neither", text="sent", calendar="created", status=status)
    failed = s.queue_row(
        status="failed",
        error_message='insert failed: violates check constraint "private_booking_sms_queue_trigger_type_check"',
    )
    yield s.add("application's failed row", text="sent", calendar="ok", queue=(failed,), event="stored")
    yield s.add("event made, id lost", text="ok", calendar="adopted", texted=True, event="lost")
    yield s.add("event made, id lost", text="sent", calendar="adopted", event="lost", status="draft")


def _unreliable(s: Stories) -> Iterator[DemoBooking]:
    """Bookings that have a text, so we send none. The application has not sent it, or has no proof that it did."""
    made = s.at.ago(hours=6)
    queued = s.queue_row(status="approved", scheduled_for=s.at.ago(hours=5))
    yield s.add("queued and stuck", text="stuck", calendar="ok", queue=(queued,), event="stored", created_at=made)
    unproven = s.queue_row(sent_at=s.at.ago(hours=5), twilio_message_sid=None)
    yield s.add("sent without SID", text="unproven", calendar="ok", queue=(unproven,), event="stored",
                created_at=made)  # fmt: skip


def _not_applicable(s: Stories) -> Iterator[DemoBooking]:
    for _ in range(3):
        yield s.add("cancelled", text="not_applicable", calendar="not_applicable", status="cancelled")
    yield s.add("completed", text="not_applicable", calendar="not_applicable", status="completed")
    rejected = s.queue_row(status="cancelled", approved_by=STAFF)
    yield s.add("rejected by a person", text="not_applicable", calendar="ok", queue=(rejected,), event="stored")
    yield s.add("no phone", text="not_applicable", calendar="created", contact_phone=None)
    yield s.add("no phone", text="not_applicable", calendar="ok", contact_phone="  ", customer={}, event="stored")
    yield s.add("date to be confirmed", text="not_applicable", calendar="not_applicable", date_tbd=True)
    yield s.add("date to be confirmed", text="not_applicable", calendar="not_applicable", internal_notes=OLDER_NOTE)
    for days in (1, 4):
        yield s.add(
            "past",
            text="not_applicable",
            calendar="not_applicable",
            event_date=s.at.day(-days),
            created_at=s.at.ago(days=8),
        )


def _delicate(s: Stories) -> Iterator[DemoBooking]:
    unclear = s.queue_row(status="failed", error_message="timeout of 30000ms exceeded")
    yield s.add("may have left", text="needs_human", calendar="ok", queue=(unclear,), event="stored")
    yield s.add("made a minute ago", text="held", calendar="held", created_at=s.at.ago(minutes=1))
    yield s.add("unusable phone", text="needs_human", calendar="created", contact_phone="07700 90")
    yield s.add("unusable phone", text="needs_human", calendar="ok", contact_phone="020 7946 0123", event="stored")
    spelled_otherwise = {"id": booking_id(30_001), "first_name": "Sam", "mobile_number": "07700 900 901"}
    yield s.add(
        "opted out, another customer row",
        text="needs_human",
        calendar="created",
        contact_phone=e164(901),
        customer={"mobile_e164": e164(901)},
        others=({**spelled_otherwise, "sms_opt_in": False},),
    )
    yield s.add("opted out", text="needs_human", calendar="ok", customer={"sms_status": "opted_out"}, event="stored")
    yield s.add("made too long ago", text="needs_human", calendar="created", created_at=s.at.ago(days=5))
    soon = (s.at.now + timedelta(minutes=75)).astimezone(ZONE)
    yield s.add(
        "starts too soon",
        text="needs_human",
        calendar="created",
        event_date=soon.date(),
        start_time=soon.time().replace(microsecond=0),
        end_time=None,
    )
    recent = tuple(s.queue_row(status="sent", sent_at=s.at.ago(hours=hours)) for hours in (3, 6, 9))
    earlier = s.add(
        "three texts today", text="ok", calendar="ok", queue=recent, event="stored", contact_phone=phone(950)
    )
    yield earlier
    yield s.add("enough texts for now", text="held", calendar="ok", contact_phone=e164(950), event="stored")
    yield s.add("event deleted by hand", text="ok", calendar="left_alone", texted=True, event="deleted")


def _odd(s: Stories) -> Iterator[DemoBooking]:
    only_there = {"mobile_e164": e164(910), "mobile_number": phone(910)}
    yield s.add("phone at the customer", text="sent", calendar="created", contact_phone=None, customer=only_there)
    national = {"mobile_number": "07700 900 911"}
    yield s.add("phone at the customer", text="sent", calendar="ok", contact_phone="", customer=national,
                event="stored")  # fmt: skip
    for number in ("+33 6 39 98 01 23", "+1 415 555 0132"):
        yield s.add("abroad", text="sent", calendar="created", contact_phone=number)
    for name in ("<b>Zoë & Sons</b> <script>alert(1)</script>", "Mia 🎉🎂", "Maximiliane " + "von Hohenstein " * 20):
        yield s.add("unusual name", text="sent", calendar="created", customer_name=name)
    yield s.add("past midnight", text="ok", calendar="created", texted=True, start_time=time(20, 0),
                end_time=time(1, 30), end_time_next_day=True)  # fmt: skip
    for forward in (True, False):
        yield s.add("clock change", text="ok", calendar="created", texted=True, **_small_hours(s, forward=forward))
    # With NULL in a column, the table's CHECK on times passes.
    yield s.add("ends before start", text="needs_human", calendar="needs_human", start_time=time(20, 0),
                end_time=time(18, 0), end_time_next_day=None)  # fmt: skip


def _small_hours(s: Stories, *, forward: bool) -> dict[str, Any]:
    """01:30 on the day of a clock change: this time does not exist, or exists twice."""
    return {"event_date": s.at.next_change(forward=forward), "start_time": time(1, 30), "end_time": time(4, 0)}
