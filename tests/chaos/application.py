"""The application, and the people beside it, acting upon bookings while we repair them."""

import contextlib
import itertools
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

import psycopg

from reconciler.domain.bookings import BookingId
from reconciler.sandbox.world import Sandbox
from tests.chaos.scenarios import Act, Deed, Scenario, Start
from tests.support.application_db import LONDON, Venue

NUMBER = "+4477009001{:02d}"
_OTHER_CUSTOMER = "+447700900999"
_START = (time(19, 30), time(23, 0))
OURS = "reconciler"
"""The template of our rows in its queue."""


@dataclass
class Application:
    """Writes with its own role, makes its own texts and events, and remembers which are its own."""

    venue: Venue
    sandbox: Sandbox
    bookings: list[BookingId] = field(default_factory=list)
    sent: set[str] = field(default_factory=set)
    """SIDs of its texts."""
    made: set[str] = field(default_factory=set)
    """Ids of its events."""
    removed_by_hand: set[str] = field(default_factory=set)
    """Ids of events that a person deleted."""
    announced: set[str] = field(default_factory=set)
    """Drafts that have the application's text about the draft."""
    retried: set[str] = field(default_factory=set)
    """Bookings whose text it could not send, and will send again."""
    confirmed: set[str] = field(default_factory=set)
    """Drafts that were confirmed: they may have a text for each."""
    long_gone: set[str] = field(default_factory=set)
    """Bookings that were deleted more than a day ago."""
    replaced: set[str] = field(default_factory=set)
    """Ids that two bookings have had, one after the other."""
    most_texts: dict[str, int] = field(default_factory=dict)
    """Bookings that have wanted no text of ours from some moment on -> how many there may be."""

    def begin(self, scenario: Scenario) -> None:
        """The bookings there are at the start; the seed makes their ids."""
        chance, self.retries = random.Random(scenario.seed), scenario.failed_resent
        self._keys = (str(uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in itertools.count())
        self._phones = itertools.repeat(0) if scenario.one_phone else itertools.count()
        self._made_at = datetime.now(LONDON) - timedelta(days=scenario.days_old, hours=0 if scenario.days_old else 1)
        self.take(scenario.starts)
        if scenario.control:
            older = datetime.now(LONDON) - timedelta(hours=2)
            self.sent.add(self.sandbox.twilio.add_message(_OTHER_CUSTOMER, "Hello", older).sid)

    def take(self, starts: Sequence[Start]) -> None:
        """Bookings, as they come."""
        for start in starts:
            self.bookings.append(self._book(start, NUMBER.format(next(self._phones)), next(self._keys)))

    def _book(self, start: Start, phone: str, key: str) -> BookingId:
        values: dict[str, Any] = {"id": key, "contact_phone": phone, "created_at": self._made_at}
        if start is Start.OPTED_OUT:
            values["customer_id"] = self.venue.customer(mobile_e164=phone, sms_opt_in=False)
        if start in (Start.DRAFT, Start.ANNOUNCED):
            values["status"] = "draft"
        if start is Start.NO_NUMBER:
            values["contact_phone"] = "the landline"
        booking = self.venue.booking(**values)
        if start in (Start.TEXTED, Start.COMPLETE):
            self._text(booking)
        if start is Start.ANNOUNCED:
            self.announced.add(booking)
            self._text(booking, trigger="booking_created", body="We have pencilled you in, ref {}")
        if start is Start.FAILED:
            if self.retries:
                self.retried.add(booking)
            refused = {"status": "failed", "error_message": "violates check constraint", "sent_at": None}
            self.venue.text(booking, customer_phone=phone, message_body=f"Your party, ref {booking[:8]}", **refused)
        if start in (Start.ENTERED, Start.COMPLETE, Start.LOST_ID, Start.ANNOUNCED, Start.FAILED):
            self._event(booking, stores=start is not Start.LOST_ID)
        return booking

    def replace_all(self) -> None:
        """Other people's bookings, for other days, under the ids that there were."""
        for number, booking in enumerate(self.bookings):
            day = (datetime.now(LONDON) + timedelta(days=20)).date()
            values = {"contact_phone": f"+4477009004{number:02d}", "created_at": datetime.now(LONDON)}
            self.venue.booking(id=booking, event_date=day, customer_first_name="Bo", **values)
            self.replaced.add(booking)

    def do(self, deed: Deed, *, we_stand_still: bool) -> None:
        """One act; what the database refuses is the application's own business.

        ``we_stand_still``: none of our processes goes on before the act has begun. Then we must notice it whenever it
        ends; otherwise only from its end on.
        """
        booking = self.bookings[deed.booking % len(self.bookings)]
        acts = {
            Act.QUEUE: self._queue,
            Act.TEXT: self._text,
            Act.EVENT: self._event,
            Act.CONFIRM: self._confirm,
            Act.CANCEL: self._cancel,
            Act.MOVE: self._move,
            Act.DELETE: self._delete,
            Act.DELETE_EVENT: self._delete_event,
            Act.RESEND: lambda _: self._resend(),
        }
        with contextlib.suppress(psycopg.Error):
            before, wants_no_more = self._may_still_be(), self._wants_no_more(deed.act, booking)
            acts[deed.act](booking)
            after = before if we_stand_still else self._may_still_be()
            for concerned in wants_no_more:
                most = after[concerned]
                self.most_texts[concerned] = min(most, self.most_texts.get(concerned, most))

    def _wants_no_more(self, act: Act, booking: BookingId) -> list[BookingId]:
        """The bookings that want no text of ours once this is done."""
        if act is Act.RESEND:
            return [own for _, own, template, *_ in self._failed_rows() if template != OURS]
        return [booking] if act in (Act.QUEUE, Act.TEXT, Act.CANCEL, Act.DELETE) else []

    def ours(self, booking: str) -> list[str]:
        """SIDs of the texts that Twilio has taken for this booking and that the application did not send."""
        return [m.sid for m in self.sandbox.twilio.messages if booking[:8] in m.body and m.sid not in self.sent]

    def _may_still_be(self) -> dict[str, int]:
        """How many texts of ours each booking may have, if it wants none from now on: a call may be on its way."""
        under_way = self.venue.sql("SELECT booking FROM reconciler.intent WHERE effect = 'sms' AND state = 'sending'")
        return {booking: len(self.ours(booking)) + ((booking,) in under_way) for booking in self.bookings}

    def _queue(self, booking: BookingId) -> None:
        self.venue.text(booking, status="pending", sent_at=None, scheduled_for=datetime.now(LONDON))

    def _text(self, booking: BookingId, trigger: str = "booking_confirmed", body: str = "Your party, ref {}") -> None:
        """Its row comes first, as a claim of its own; the SID once Twilio has answered."""
        for (phone,) in self._sql("SELECT contact_phone FROM private_bookings WHERE id = %s", booking):
            now = datetime.now(LONDON)
            claim = {"status": "approved", "error_message": "dispatching: by a person", "sent_at": None}
            said = {"trigger_type": trigger, "message_body": body.format(booking[:8])}
            row = self.venue.text(booking, twilio_message_sid=None, created_at=now, **claim, **said)
            self._send(row, phone, said["message_body"])

    def _send(self, row: str, phone: str, body: str) -> str:
        now = datetime.now(LONDON)
        message = self.sandbox.twilio.add_message(phone, body, now)
        self.sent.add(message.sid)
        self._sql(
            "UPDATE private_booking_sms_queue SET status = 'sent', twilio_message_sid = %s, error_message = NULL, "
            "sent_at = %s WHERE id = %s",
            message.sid,
            now,
            row,
        )
        return message.sid

    def _resend(self) -> None:
        """Its retry job takes every failed row. A text that we wrote is none of its own, whoever sends it."""
        for row, _, template, phone, body in self._failed_rows():
            sid = self._send(row, phone, body)
            self.sent -= {sid} if template == OURS else set()

    def _failed_rows(self) -> list[tuple[Any, ...]]:
        return self._sql(
            "SELECT id::text, booking_id::text, template_key, customer_phone, message_body "
            "FROM private_booking_sms_queue WHERE status = 'failed'"
        )

    def _event(self, booking: BookingId, *, stores: bool = True) -> None:
        for stored, starts_at, ends_at in self._read(booking):
            if stored:
                return
            event_id = self.sandbox.google.put(f"[CONFIRMED] - {booking[:8]} - Ana Lima @ Venue", starts_at, ends_at)
            self.made.add(event_id)
            if stores:
                self._sql("UPDATE private_bookings SET calendar_event_id = %s WHERE id = %s", event_id, booking)

    def _confirm(self, booking: BookingId) -> None:
        confirm = "UPDATE private_bookings SET status = 'confirmed' WHERE id = %s AND status = 'draft' RETURNING 1"
        if self._sql(confirm, booking):
            self.confirmed.add(booking)

    def _cancel(self, booking: BookingId) -> None:
        stored = [stored for stored, *_ in self._read(booking) if stored]
        self._sql("UPDATE private_bookings SET status = 'cancelled', calendar_event_id = NULL WHERE id = %s", booking)
        self._remove_live(stored)

    def _move(self, booking: BookingId) -> None:
        self._sql("UPDATE private_bookings SET event_date = event_date + 1 WHERE id = %s", booking)
        for stored, starts_at, ends_at in self._read(booking):
            with self.sandbox.google.lock:
                event = self.sandbox.google.calendar.events.get(stored)
                if event and event["status"] != "cancelled":
                    times = {"start": starts_at, "end": ends_at}
                    body = {name: {"dateTime": moment.isoformat()} for name, moment in times.items()}
                    self.sandbox.google.calendar.update(stored, {"summary": event["summary"], **body}, None)

    def _delete(self, booking: BookingId) -> None:
        self._sql("DELETE FROM private_bookings WHERE id = %s", booking)

    def _delete_event(self, booking: BookingId) -> None:
        self.removed_by_hand.update(self._remove_live(self.live_of(booking)))

    def live_of(self, booking: str) -> list[str]:
        """Ids of the live events whose title names this booking."""
        return [event["id"] for event in self.sandbox.google.live() if booking[:8] in event["summary"]]

    def _remove_live(self, ids: Sequence[str]) -> list[str]:
        with self.sandbox.google.lock:
            live = {event["id"] for event in self.sandbox.google.live()}
            for event_id in live.intersection(ids):
                self.sandbox.google.delete_by_hand(event_id)
        return sorted(live.intersection(ids))

    def _read(self, booking: BookingId) -> list[tuple[Any, ...]]:
        """The event id it stores, and when the party begins and ends."""
        rows = self._sql("SELECT calendar_event_id, event_date FROM private_bookings WHERE id = %s", booking)
        return [(stored, *(datetime.combine(day, edge, tzinfo=LONDON) for edge in _START)) for stored, day in rows]

    def _sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        return self.venue.sql(statement, *values, role="venue_app")
