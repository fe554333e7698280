"""What happens at a venue in a year: the application, its staff and its customers, by the calendar and the seed."""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from psycopg import Connection, sql

from reconciler.sandbox.world import Sandbox
from tests.support.application_db import LONDON
from tests.year.days import Breakage, Size, midnight
from tests.year.drawing import CONFIRMED, DRAFT, EVENT, Booking, Drawing

Action = Callable[[datetime], None]
TRIGGERS = {DRAFT: "booking_created", CONFIRMED: "booking_confirmed"}
ENDS_AFTER = timedelta(hours=3)


@dataclass
class Agenda:
    """What is to come, the soonest first."""

    _heap: list[tuple[datetime, int, Action]] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def add(self, at: datetime, action: Action) -> None:
        # Sums of a local time and a duration are wrong where the clocks change.
        heapq.heappush(self._heap, (at.astimezone(UTC), next(self._numbers), action))

    def pop(self) -> tuple[datetime, Action]:
        at, _, action = heapq.heappop(self._heap)
        return at, action

    def __bool__(self) -> bool:
        return bool(self._heap)


@dataclass(frozen=True, slots=True)
class Silence:
    """What the application did not do and said nothing about: a text or an event."""

    booking: Booking
    what: str
    due_at: datetime
    alone: bool
    """One booking's; otherwise it belongs to a stretch."""


@dataclass
class Life:
    connection: "Connection[tuple[Any, ...]]"
    """The application's own."""
    sandbox: Sandbox
    size: Size
    seed: int
    agenda: Agenda
    want_pass: Callable[[datetime, timedelta], None]
    """A pass is wanted at the first slot of the schedule this long after a moment."""
    bookings: dict[str, Booking] = field(default_factory=dict)
    """By reference."""
    silences: list[Silence] = field(default_factory=list)
    sids: set[str] = field(default_factory=set)
    """Messages that are not ours."""
    event_ids: set[str] = field(default_factory=set)
    """Events that the application made."""
    ended: set[str] = field(default_factory=set)
    """Events that the application or a person deleted."""
    opted_out: set[str] = field(default_factory=set)
    draw: Drawing = field(init=False)
    _writes: list[tuple[Any, tuple[Any, ...]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.draw = Drawing(self.size, self.seed)

    # --- the day

    def begin_day(self, now: datetime) -> None:
        today = now.astimezone(LONDON).date()
        for made_at in self.draw.moments(today):
            self.agenda.add(made_at, self._book)
        self._write(
            "UPDATE private_bookings SET status = 'completed' WHERE status = 'confirmed' AND event_date < %s",
            today,
        )
        following = midnight(today + timedelta(days=1))
        if following < self.size.ends:
            self.agenda.add(following, self.begin_day)

    def _book(self, now: datetime) -> None:
        booking = self.draw.booking(now)
        self.bookings[booking.reference] = booking
        self.insert(booking)
        later = self.agenda.add
        later(now + self.draw.soon(1, 4), partial(self._make_event, booking))
        later(now + self.draw.soon(), partial(self._text, booking, DRAFT))
        open_for = booking.starts_at - now - timedelta(hours=2, minutes=30)
        if self.draw.chances(0.75):
            after = min(timedelta(days=self.draw.chance.expovariate(0.5)), open_for * 0.8)
            later(now + max(after, timedelta(minutes=20)), partial(self._confirm, booking))
        for share, action in (
            (0.07, self._move),
            (0.08, self._cancel),
            (0.01, self._delete_by_hand),
            (0.01, self._leave),
        ):
            if self.draw.chances(share):
                later(now + self.draw.chance.uniform(0.01, 0.95) * open_for, partial(action, booking))
        if self.draw.chances(0.02):
            later(now + self.draw.soon(0.5, 8), partial(self._text_outside, booking))
        if self.draw.chances(0.05):
            self.want_pass(now, timedelta(0))  # before the application has done its own work

    def insert(self, booking: Booking, **values: Any) -> None:
        if booking.customer:
            self._write(
                "INSERT INTO customers (id, first_name, mobile_e164) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                booking.customer,
                booking.name.partition(" ")[0],
                booking.number,
            )
        if booking.opted_out:
            self._opt_out(booking)
        local = booking.starts_at.astimezone(LONDON)
        row = {
            "id": booking.id,
            "customer_id": booking.customer,
            "customer_name": booking.name,
            "customer_first_name": booking.name.partition(" ")[0],
            "contact_phone": booking.phone,
            "event_date": local.date(),
            "start_time": local.time().replace(second=0, microsecond=0),
            "status": booking.status,
            "created_at": booking.made_at,
            "updated_at": booking.made_at,
            **values,
        }
        booking.starts_at = local.replace(second=0, microsecond=0)
        self._insert("private_bookings", row)

    # --- the application

    def _text(self, booking: Booking, what: str, now: datetime) -> None:
        """Its own text of a status; what it cannot or may not send is nothing that it forgot."""
        if booking.status != what or booking.number is None or self.refuses(booking):
            return
        stretch = self.draw.lacks_texts(now)
        if stretch or what in booking.silent:
            self._silence(booking, what, now, alone=not stretch)
            return
        booking.texted.add(what)
        if not self.size.is_broken(now, Breakage.TWILIO_AWAY):
            self._queue(booking, TRIGGERS[what], now, sid=self._send(booking, now), status="sent", sent_at=now)
            return
        # It tries again itself once Twilio is back.
        row = self._queue(booking, TRIGGERS[what], now, status="pending")
        back_at = self.size.end_of(Breakage.TWILIO_AWAY, now)
        self.agenda.add(back_at + self.draw.soon(), partial(self._send_late, booking, row))

    def note_text(self, booking: Booking, trigger: str, at: datetime) -> None:
        """A row of a text of long ago."""
        self._queue(booking, trigger, at, sid=f"SM{self.draw.new_id().replace('-', '')}", status="sent", sent_at=at)

    def _send_late(self, booking: Booking, row: str, now: datetime) -> None:
        done = (
            "UPDATE private_booking_sms_queue SET status = 'sent', twilio_message_sid = %s, sent_at = %s WHERE id = %s"
        )
        self._write(done, self._send(booking, now), now, row)

    def _send(self, booking: Booking, now: datetime) -> str:
        assert booking.number
        message = self.sandbox.twilio.add_message(booking.number, f"Your party! Ref {booking.reference}", now)
        self.sids.add(message.sid)
        return message.sid

    def _queue(self, booking: Booking, trigger: str, now: datetime, sid: str | None = None, **values: Any) -> str:
        row = {
            "id": self.draw.new_id(),
            "booking_id": booking.id,
            "trigger_type": trigger,
            "template_key": trigger,
            "scheduled_for": now,
            "message_body": "Hi",
            "customer_phone": booking.number,
            "customer_name": booking.name,
            "twilio_message_sid": sid,
            "created_at": now,
            **values,
        }
        self._insert("private_booking_sms_queue", row)
        return str(row["id"])

    def _make_event(self, booking: Booking, now: datetime) -> None:
        if booking.status not in (DRAFT, CONFIRMED):
            return
        stretch = not self._reaches_google(now)
        if stretch or EVENT in booking.silent:
            self._silence(booking, EVENT, now, alone=not stretch)
            return
        event_id = self.put_event(booking)
        if self.draw.chances(0.01):  # the event is there, and its id is lost
            self.want_pass(now, timedelta(minutes=10))
            return
        self._write("UPDATE private_bookings SET calendar_event_id = %s WHERE id = %s", event_id, booking.id)

    def put_event(self, booking: Booking) -> str:
        title = f"[{booking.status.upper()}] - {booking.reference} - {booking.name} @ Main Bar"
        event_id = f"app{booking.reference}{len(booking.events)}"
        self.sandbox.google.put(title, booking.starts_at, booking.starts_at + ENDS_AFTER, id=event_id)
        self.event_ids.add(event_id)
        booking.events.add(event_id)
        return event_id

    def _confirm(self, booking: Booking, now: datetime) -> None:
        if booking.status != DRAFT:
            return
        booking.status, booking.confirmed_at = CONFIRMED, now
        self._write("UPDATE private_bookings SET status = 'confirmed' WHERE id = %s", booking.id)
        self.agenda.add(now + self.draw.soon(), partial(self._text, booking, CONFIRMED))
        if CONFIRMED in booking.silent or self.draw.lacks_texts(now):
            self.want_pass(now, timedelta(0))  # the first scan that sees it says since when the text is due

    def _move(self, booking: Booking, now: datetime) -> None:
        if booking.status not in (DRAFT, CONFIRMED) or not self._reaches_google(now) or booking.no_event_wanted:
            return
        new = self.draw.start_on(now.date() + timedelta(days=self.draw.chance.randint(2, 90)))
        booking.starts_at = new
        self._write(
            "UPDATE private_bookings SET event_date = %s, start_time = %s WHERE id = %s",
            new.date(),
            new.time(),
            booking.id,
        )
        for event_id in self._live_events(booking):
            times = {"start": new, "end": new + ENDS_AFTER}
            body = {edge: {"dateTime": moment.isoformat()} for edge, moment in times.items()}
            with self.sandbox.google.lock:
                title = self.sandbox.google.calendar.get(event_id)["summary"]
                self.sandbox.google.calendar.update(event_id, {"summary": title, **body}, None)
        if (
            booking.number
            and not self.refuses(booking)
            and not self.size.is_broken(now, Breakage.TWILIO_AWAY, Breakage.NO_TEXTS)
        ):
            self._queue(booking, "date_changed", now, sid=self._send(booking, now), status="sent", sent_at=now)

    def _cancel(self, booking: Booking, now: datetime) -> None:
        """It deletes the event, if it reaches Google; else the event and its id stay."""
        if booking.status not in (DRAFT, CONFIRMED):
            return
        booking.status, booking.over_at = "cancelled", now
        self._write("UPDATE private_bookings SET status = 'cancelled' WHERE id = %s", booking.id)
        if not self._reaches_google(now):
            return
        for event_id in self._live_events(booking):
            self._end_event(booking, event_id)
            self._write("UPDATE private_bookings SET calendar_event_id = NULL WHERE id = %s", booking.id)

    # --- people

    def _delete_by_hand(self, booking: Booking, now: datetime) -> None:
        """Of a booking that keeps the id."""
        for event_id in self._live_events(booking):
            booking.no_event_wanted = True
            self._end_event(booking, event_id)

    def _leave(self, booking: Booking, now: datetime) -> None:
        if booking.customer:
            self._opt_out(booking)

    def _opt_out(self, booking: Booking) -> None:
        self.opted_out |= {booking.number or ""} - {""}
        self._write("UPDATE customers SET sms_opt_in = false WHERE id = %s", booking.customer)

    def _text_outside(self, booking: Booking, now: datetime) -> None:
        """A person writes to the customer by hand: about this booking, or about something else."""
        if booking.number is None or self.refuses(booking) or self.size.is_broken(now, Breakage.TWILIO_AWAY):
            return
        is_about_it = self.draw.chances(0.5)
        said = f"You are booked in, see you soon! {booking.reference}" if is_about_it else "Did you leave a scarf here?"
        self.sids.add(self.sandbox.twilio.add_message(booking.number, said, now).sid)
        if is_about_it:
            booking.texted.add(booking.status)

    # --- the rest

    def refuses(self, booking: Booking) -> bool:
        return booking.opted_out or booking.number in self.opted_out

    def _reaches_google(self, now: datetime) -> bool:
        return not self.size.is_broken(now, Breakage.NO_EVENTS, Breakage.GOOGLE_AWAY)

    def _silence(self, booking: Booking, what: str, now: datetime, *, alone: bool) -> None:
        due_at = booking.due_at(what)
        self.silences.append(Silence(booking, what, due_at, alone))
        if what != EVENT and self.draw.chances(0.1):  # a person has noticed it
            self.agenda.add(now + self.draw.soon(0.5, 3), partial(self._text_outside, booking))
        # At the end of the grace period. What a confirmation calls for is due since a scan saw it: up to a slot later.
        self.want_pass(due_at, timedelta(minutes=20 if what == CONFIRMED else 10))

    def _live_events(self, booking: Booking) -> list[str]:
        """Those it has, whoever made them."""
        events = self.sandbox.google.calendar.events
        return [one for one in sorted(booking.events) if events[one]["status"] != "cancelled"]

    def _end_event(self, booking: Booking, event_id: str) -> None:
        self.sandbox.google.delete_by_hand(event_id)
        self.ended.add(event_id)
        booking.events.discard(event_id)

    def _insert(self, table: str, row: dict[str, Any]) -> None:
        self._write(_insertion(table, tuple(row)), *row.values())

    def _write(self, statement: Any, *values: Any) -> None:
        self._writes.append((statement, values))

    def flush(self) -> None:
        """What was written since the last time, in one go: statement by statement takes most of a year's time."""
        if not self._writes:
            return
        writes, self._writes = self._writes, []
        with self.connection.pipeline():
            for statement, values in writes:
                self.connection.execute(statement, values)


_statements: dict[tuple[str, tuple[str, ...]], str] = {}


def _insertion(table: str, columns: tuple[str, ...]) -> str:
    if (table, columns) not in _statements:
        composed = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.SQL(", ").join(sql.Placeholder() for _ in columns),
        )
        _statements[table, columns] = composed.as_string()
    return _statements[table, columns]
