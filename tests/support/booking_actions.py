"""What the application and its staff can do to one booking between or during passes."""

import itertools
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from psycopg.errors import RaiseException

from reconciler.domain.bookings import BookingId
from tests.support.application_db import LONDON
from tests.support.sandbox_world import World

STAFF = str(uuid.UUID(int=7))
NUMBERS = [f"+4477009001{number:02d}" for number in range(1, 9)]
_PLACE = uuid.UUID("5f0c7b1e-54c0-5d0e-9d8b-0c6a3f6f1f11")


@dataclass
class BookingActions:
    """Ids go by number, so that the same story has the same bookings on every run."""

    world: World
    alive: list[BookingId] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def book(self, status: str, minutes_ago: int) -> BookingId:
        number = next(self._numbers)
        made = self.world.venue.now - timedelta(minutes=minutes_ago)
        booking = self.world.venue.booking(
            id=str(uuid.uuid5(_PLACE, str(number))),
            status=status,
            contact_phone=NUMBERS[number % len(NUMBERS)],
            created_at=made,
            updated_at=made,
        )
        self.alive.append(booking)
        return booking

    def perform(self, action: str, booking: BookingId) -> None:
        """Nothing, if the booking is gone."""
        if booking in self.alive:
            ACTIONS[action](self, booking)

    def _set(self, booking: BookingId, **values: Any) -> None:
        changes = ", ".join(f"{column} = %s" for column in values)
        self.world.venue.sql(f"UPDATE private_bookings SET {changes} WHERE id = %s", *values.values(), booking)

    def confirms(self, booking: BookingId) -> None:
        self._set(booking, status="confirmed")

    def goes_back_to_a_draft(self, booking: BookingId) -> None:
        self._set(booking, status="draft")

    def cancels(self, booking: BookingId) -> None:
        self._set(booking, status="cancelled")

    def cancels_and_deletes_the_event(self, booking: BookingId) -> None:
        self.deletes_the_event(booking)
        self._set(booking, status="cancelled", calendar_event_id=None)

    def moves(self, booking: BookingId) -> None:
        self.world.venue.sql("UPDATE private_bookings SET event_date = event_date + 2 WHERE id = %s", booking)

    def moves_and_forgets_the_event(self, booking: BookingId) -> None:
        self.moves(booking)
        self.forgets_the_event(booking)

    def renames(self, booking: BookingId) -> None:
        self._set(booking, customer_name="Bea Marsh", customer_first_name="Bea")

    def gives_another_number(self, booking: BookingId) -> None:
        self._set(booking, contact_phone="07700900199")

    def gives_no_usable_number(self, booking: BookingId) -> None:
        self._set(booking, contact_phone="07700")

    def takes_the_number_out(self, booking: BookingId) -> None:
        self._set(booking, contact_phone=None)

    def deletes(self, booking: BookingId) -> None:
        """The application refuses that for a booking that was texted."""
        try:
            self.world.venue.sql("DELETE FROM private_bookings WHERE id = %s", booking)
        except RaiseException:
            return
        self.alive.remove(booking)

    def queues_a_text(self, booking: BookingId) -> None:
        self.world.venue.text(booking, id=self._id(), status="approved")

    def sends_a_text(self, booking: BookingId) -> None:
        number = self.world.venue.sql("SELECT contact_phone FROM private_bookings WHERE id = %s", booking)[0][0]
        message = self.world.sandbox.twilio.add_message(
            number or NUMBERS[0], f"See you soon! Ref {booking[:8]}", self.world.venue.now
        )
        row = {"sent_at": self.world.venue.now, "twilio_message_sid": message.sid}
        self.world.venue.text(booking, id=self._id(), status="sent", **row)

    def fails_to_queue_a_text(self, booking: BookingId) -> None:
        self.world.venue.text(booking, id=self._id(), status="failed", error_message="validation failed")

    def loses_track_of_a_text(self, booking: BookingId) -> None:
        self.world.venue.text(booking, id=self._id(), status="failed", error_message="socket hang up, timeout")

    def makes_an_event(self, booking: BookingId) -> None:
        self._set(booking, calendar_event_id=self._event(booking))

    def makes_an_event_and_loses_its_id(self, booking: BookingId) -> None:
        self._event(booking)

    def forgets_the_event(self, booking: BookingId) -> None:
        self._set(booking, calendar_event_id=None)

    def deletes_the_event(self, booking: BookingId) -> None:
        event_id = self.world.venue.stored_event(booking)
        if event_id in {event["id"] for event in self.world.sandbox.google.live()}:
            self.world.sandbox.google.delete_by_hand(event_id or "")

    def deletes_an_event_that_is_not_stored(self, booking: BookingId) -> None:
        stored = self.world.venue.stored_event(booking)
        for event in self.world.sandbox.google.live():
            if booking[:8] in event["summary"] and event["id"] != stored:
                self.world.sandbox.google.delete_by_hand(event["id"])

    def takes_a_text_out_of_the_queue(self, booking: BookingId) -> None:
        rejected = "UPDATE private_booking_sms_queue SET status = 'cancelled', approved_by = %s"
        self.world.venue.sql(f"{rejected} WHERE booking_id = %s AND status = 'approved'", STAFF, booking)

    def _event(self, booking: BookingId) -> str:
        query = "SELECT status, customer_name, event_date, start_time FROM private_bookings WHERE id = %s"
        ((status, name, day, begins),) = self.world.venue.sql(query, booking)
        starts = datetime.combine(day, begins, tzinfo=LONDON)
        title = f"[{status.upper()}] - {booking[:8]} - {name} @ Main Bar"
        new = f"app{next(self._numbers):05d}"
        return self.world.sandbox.google.put(title, starts, starts + timedelta(hours=3), id=new)

    def _id(self) -> str:
        return str(uuid.uuid5(_PLACE, f"row {next(self._numbers)}"))


ACTIONS: dict[str, Callable[[BookingActions, BookingId], None]] = {
    name: action
    for name, action in vars(BookingActions).items()
    if callable(action) and not name.startswith("_") and name not in ("book", "perform")
}
