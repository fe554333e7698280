"""The applications that presets are for: their tables, and how a booking gets into them."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.presets import preset_text
from reconciler.wiring import assembly
from tests.support.application_db import LONDON, Venue
from tests.support.sandbox_world import World

_WITHOUT_REFERENCE = "DROP TABLE private_booking_sms_queue, private_bookings, customers CASCADE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A booking that is to be there."""

    number: str | None
    start: datetime
    made: datetime
    status: str

    @property
    def end(self) -> datetime:
        return self.start + timedelta(hours=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetVenue:
    """One of these applications."""

    preset: str
    tables: str
    bookings: str
    book_one: Callable[[Venue, Wanted], str]
    """Insert the booking with the rows that belong to it, and return its id."""
    status: str
    """The column of a booking's status."""
    confirmed: str
    cancelled: str
    shows_text: str
    """Says that the application has sent the text of the booking."""
    texts: Mapping[str, bool]
    """What may be said about a text of the booking, and whether that shows one."""
    events: Mapping[str, bool]
    """The same about an event."""
    a_day_later: str
    """A change that moves a booking."""

    def set_up(self, world: World) -> None:
        """Its tables in place of the reference application's, its preset, and the rights that `grants` prints."""
        world.venue.alter(f"{_WITHOUT_REFERENCE}; {self.tables}")
        text = preset_text(self.preset).replace("repairs: report ", "repairs: repair ")
        world.use_file(f"{text}\nlimits: {{rate: {{sms: 500/s, calendar: 500/s}}}}\n")
        world.venue.sql(assembly.grants(world.settings(), "reconciler_job"))
        world.migrate()

    def book(self, venue: Venue, number: str | None, *, days: int = 7, status: str = "", hours_old: float = 1) -> str:
        """A booking that lacks text and event and has nothing else wrong."""
        start = datetime.combine((venue.now + timedelta(days=days)).date(), datetime.min.time(), LONDON)
        start = start.replace(hour=19, minute=30)
        made = venue.now - timedelta(hours=hours_old)
        return self.book_one(venue, Wanted(number=number, start=start, made=made, status=status or self.confirmed))

    def change(self, venue: Venue, booking: str, change: str) -> None:
        venue.sql(f"UPDATE {self.bookings} SET {change} WHERE id::text = %s", booking)


def _insert(venue: Venue, table: str, **values: Any) -> str:
    names, places = ", ".join(f'"{name}"' for name in values), ", ".join(["%s"] * len(values))
    ((key,),) = venue.sql(f"INSERT INTO {table} ({names}) VALUES ({places}) RETURNING id::text", *values.values())
    return str(key)


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(tzinfo=None)


# One table

_SINGLE_TABLE = """
    CREATE TABLE bookings (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_name text NOT NULL, customer_phone text,
        starts_at timestamptz NOT NULL, ends_at timestamptz, status text NOT NULL DEFAULT 'pending',
        google_event_id text, confirmation_sent_at timestamptz, created_at timestamptz NOT NULL DEFAULT now())
"""


def _in_single_table(venue: Venue, one: Wanted) -> str:
    times = {"starts_at": one.start, "ends_at": one.end, "created_at": one.made}
    return _insert(venue, "bookings", customer_name="Ana Lima", customer_phone=one.number, status=one.status, **times)


# A day, a time, and a log of texts

_DATE_TIME = """
    CREATE TYPE appointment_state AS ENUM ('requested', 'booked', 'cancelled');
    CREATE TABLE appointments (
        id serial PRIMARY KEY, client_name varchar(80), client_phone varchar(20), day date, begins time, ends time,
        state appointment_state NOT NULL, booked_at timestamp NOT NULL);
    CREATE TABLE sms_messages (
        id serial PRIMARY KEY, appointment_id integer REFERENCES appointments, kind text, state text, recipient text,
        provider_sid text, sent_at timestamp)
"""


def _in_date_time(venue: Venue, one: Wanted) -> str:
    times = {"day": one.start.date(), "begins": one.start.time(), "ends": one.end.time(), "booked_at": _utc(one.made)}
    return _insert(venue, "appointments", client_name="Ana Lima", client_phone=one.number, state=one.status, **times)


# cal.com

_CAL_COM = """
    CREATE TYPE "BookingStatus" AS ENUM ('cancelled', 'accepted', 'rejected', 'pending', 'awaiting_host');
    CREATE TYPE "WorkflowMethods" AS ENUM ('EMAIL', 'SMS', 'WHATSAPP');
    CREATE TABLE "Booking" (
        id serial PRIMARY KEY, uid text NOT NULL UNIQUE, "userId" integer, title text NOT NULL,
        "startTime" timestamp(3) NOT NULL, "endTime" timestamp(3) NOT NULL, status "BookingStatus" NOT NULL,
        "createdAt" timestamp(3) NOT NULL, "smsReminderNumber" text);
    CREATE TABLE "Attendee" (
        id serial PRIMARY KEY, email text NOT NULL, name text NOT NULL, "timeZone" text NOT NULL, "phoneNumber" text,
        "bookingId" integer REFERENCES "Booking");
    CREATE TABLE "BookingReference" (
        id serial PRIMARY KEY, type text NOT NULL, uid text NOT NULL, deleted boolean,
        "bookingId" integer REFERENCES "Booking");
    CREATE TABLE "WorkflowReminder" (
        id serial PRIMARY KEY, "bookingUid" text REFERENCES "Booking" (uid), method "WorkflowMethods" NOT NULL,
        "scheduledDate" timestamp(3), "referenceId" text UNIQUE, cancelled boolean)
"""


def _in_cal_com(venue: Venue, one: Wanted) -> str:
    uid = f"b{uuid.uuid4().hex[:10]}"
    times = {"startTime": _utc(one.start), "endTime": _utc(one.end), "createdAt": _utc(one.made)}
    key = _insert(venue, '"Booking"', uid=uid, title="Consultation", status=one.status, **times)
    for name, number in (("Ana Lima", one.number), ("A guest", "+447700900199")):
        attendee = {"email": "ana@example.com", "name": name, "timeZone": "Europe/London", "phoneNumber": number}
        _insert(venue, '"Attendee"', bookingId=key, **attendee)
    return key


# Odoo

_ODOO = """
    CREATE TABLE res_partner (id serial PRIMARY KEY, name varchar, phone varchar, mobile varchar);
    CREATE TABLE calendar_event (
        id serial PRIMARY KEY, name varchar NOT NULL, start timestamp, stop timestamp, active boolean,
        google_id varchar, need_sync boolean, create_date timestamp);
    CREATE TABLE calendar_attendee (
        id serial PRIMARY KEY, event_id integer NOT NULL REFERENCES calendar_event,
        partner_id integer NOT NULL REFERENCES res_partner, state varchar, common_name varchar);
    CREATE TABLE sms_sms (
        id serial PRIMARY KEY, number varchar, body text, partner_id integer, state varchar NOT NULL,
        create_date timestamp);
    INSERT INTO res_partner (name, mobile) SELECT 'Staff', '+447700900199' FROM generate_series(1, 3)
"""


def _in_odoo(venue: Venue, one: Wanted) -> str:
    partner = _insert(venue, "res_partner", name="Ana Lima", phone=one.number)
    times = {"start": _utc(one.start), "stop": _utc(one.end), "create_date": _utc(one.made)}
    key = _insert(venue, "calendar_event", name="Haircut", active=one.status == "true", **times)
    for who in ("2", partner):
        _insert(venue, "calendar_attendee", event_id=key, partner_id=who, state="accepted")
    return key


_MARKED = "UPDATE bookings SET confirmation_sent_at = now() WHERE id::text = %s"
_ENTERED = "UPDATE bookings SET google_event_id = {} WHERE id::text = %s"
_TEXTED = "INSERT INTO sms_messages (appointment_id, kind, state) SELECT id, {} FROM appointments WHERE id::text = %s"
_REMINDED = """INSERT INTO "WorkflowReminder" ("bookingUid", "referenceId", method, cancelled)
               SELECT uid, gen_random_uuid(), {} FROM "Booking" WHERE id::text = %s"""
_REFERRED = 'INSERT INTO "BookingReference" (type, uid, deleted, "bookingId") SELECT {}, %s::int'
_LOGGED = """INSERT INTO sms_sms (number, state, create_date)
             SELECT {}, '{}', e.create_date + interval '{}' FROM calendar_event e
             JOIN calendar_attendee a ON a.event_id = e.id AND a.partner_id > 3
             JOIN res_partner p ON p.id = a.partner_id WHERE e.id::text = %s"""
PRESETS = {
    venue.preset: venue
    for venue in (
        PresetVenue(
            preset="single-table",
            tables=_SINGLE_TABLE,
            bookings="bookings",
            book_one=_in_single_table,
            status="status",
            confirmed="confirmed",
            cancelled="cancelled",
            shows_text=_MARKED,
            texts={_MARKED: True, _MARKED.replace("now()", "NULL"): False},
            events={_ENTERED.format("'x1'"): True, _ENTERED.format("''"): False, _ENTERED.format("' '"): False},
            a_day_later="starts_at = starts_at + interval '1 day', ends_at = ends_at + interval '1 day'",
        ),
        PresetVenue(
            preset="date-time",
            tables=_DATE_TIME,
            bookings="appointments",
            book_one=_in_date_time,
            status="state",
            confirmed="booked",
            cancelled="cancelled",
            shows_text=_TEXTED.format("'confirmation', 'sent'"),
            texts={
                _TEXTED.format("'confirmation', 'sent'"): True,
                _TEXTED.format("'confirmation', 'queued'"): True,
                _TEXTED.format("'confirmation', 'failed'"): False,
                _TEXTED.format("'confirmation', NULL"): False,
                _TEXTED.format("'reminder', 'sent'"): False,
            },
            events={},
            a_day_later="day = day + 1",
        ),
        PresetVenue(
            preset="cal.com",
            tables=_CAL_COM,
            bookings='"Booking"',
            book_one=_in_cal_com,
            status="status",
            confirmed="accepted",
            cancelled="cancelled",
            shows_text=_REMINDED.format("'SMS', NULL"),
            texts={
                _REMINDED.format("'SMS', NULL"): True,
                _REMINDED.format("'SMS', false"): True,
                _REMINDED.format("'SMS', true"): False,
                _REMINDED.format("'EMAIL', NULL"): False,
            },
            events={
                _REFERRED.format("'google_calendar', 'g1', NULL"): True,
                _REFERRED.format("'google_calendar', 'g1', false"): True,
                _REFERRED.format("'google_calendar', '', NULL"): False,
                _REFERRED.format("'google_calendar', 'g1', true"): False,
                _REFERRED.format("'office365_calendar', 'o1', NULL"): False,
            },
            a_day_later='"startTime" = "startTime" + interval $$1 day$$, "endTime" = "endTime" + interval $$1 day$$',
        ),
        PresetVenue(
            preset="odoo",
            tables=_ODOO,
            bookings="calendar_event",
            book_one=_in_odoo,
            status="active",
            confirmed="true",
            cancelled="false",
            shows_text=_LOGGED.format("p.phone", "sent", "1 minute"),
            texts={
                _LOGGED.format("p.phone", "sent", "1 minute"): True,
                _LOGGED.format("replace(p.phone, '+44', '0')", "outgoing", "1 minute"): True,
                _LOGGED.format("p.phone", "error", "1 minute"): False,
                _LOGGED.format("p.phone", "sent", "-1 minute"): False,
                _LOGGED.format("'+447700900555'", "sent", "1 minute"): False,
            },
            events={"UPDATE calendar_event SET google_id = 'g1' WHERE id::text = %s": True},
            a_day_later="start = start + interval '1 day', stop = stop + interval '1 day'",
        ),
    )
}
