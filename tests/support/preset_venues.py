"""The applications that presets are for: their tables, and how a booking gets into them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.presets import preset_text
from reconciler.wiring import assembly
from tests.support.application_db import LONDON, Venue
from tests.support.sandbox_world import World

_WITHOUT_REFERENCE = "DROP TABLE private_booking_sms_queue, private_bookings, customers CASCADE"
_SINGLE_TABLE = """
    CREATE TABLE bookings (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_name text NOT NULL, customer_phone text,
        starts_at timestamptz NOT NULL, ends_at timestamptz, status text NOT NULL DEFAULT 'pending',
        google_event_id text, confirmation_sent_at timestamptz, created_at timestamptz NOT NULL DEFAULT now())
"""
_DATE_TIME = """
    CREATE TYPE appointment_state AS ENUM ('requested', 'booked', 'cancelled');
    CREATE TABLE appointments (
        id serial PRIMARY KEY, client_name varchar(80), client_phone varchar(20), day date, begins time, ends time,
        state appointment_state NOT NULL, booked_at timestamp NOT NULL);
    CREATE TABLE sms_messages (
        id serial PRIMARY KEY, appointment_id integer REFERENCES appointments, kind text, state text, recipient text,
        provider_sid text, sent_at timestamp)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetVenue:
    """One of these applications."""

    preset: str
    tables: str
    bookings: str
    status: str
    """The column of a booking's status."""
    confirmed: str
    cancelled: str
    shows_text: str
    """Says that the application has sent the text of the booking."""

    def set_up(self, world: World) -> None:
        """Its tables in place of the reference application's, its preset, and the rights that `grants` prints."""
        world.venue.alter(f"{_WITHOUT_REFERENCE}; {self.tables}")
        text = preset_text(self.preset).replace("repairs: report ", "repairs: repair ")
        world.use_file(f"{text}\nlimits: {{rate: {{sms: 500/s, calendar: 500/s}}}}\n")
        world.venue.sql(assembly.grants(world.settings(), "reconciler_job"))
        world.migrate()

    def book(self, venue: Venue, number: str, *, days: int = 7, **values: Any) -> str:
        """A booking that lacks text and event and has nothing else wrong: made an hour ago."""
        start = datetime.combine((venue.now + timedelta(days=days)).date(), datetime.min.time(), LONDON)
        start = start.replace(hour=19, minute=30)
        made = venue.now - timedelta(hours=1)
        row = self._row(number, start, made) | {self.status: self.confirmed} | values
        names, places = ", ".join(row), ", ".join(["%s"] * len(row))
        statement = f"INSERT INTO {self.bookings} ({names}) VALUES ({places}) RETURNING id::text"
        ((key,),) = venue.sql(statement, *row.values())
        return str(key)

    def set(self, venue: Venue, booking: str, change: str) -> None:
        venue.sql(f"UPDATE {self.bookings} SET {change} WHERE id::text = %s", booking)

    def _row(self, number: str, start: datetime, made: datetime) -> Mapping[str, Any]:
        end = start + timedelta(hours=2)
        if self.preset == "single-table":
            return {
                "customer_name": "Ana Lima", "customer_phone": number, "starts_at": start, "ends_at": end,
                "created_at": made,
            }  # fmt: skip
        return {
            "client_name": "Ana Lima", "client_phone": number, "day": start.date(), "begins": start.time(),
            "ends": end.time(), "booked_at": made.astimezone(UTC).replace(tzinfo=None),
        }  # fmt: skip

    @property
    def later(self) -> str:
        """A change that moves a booking by a day."""
        return (
            "starts_at = starts_at + interval '1 day', ends_at = ends_at + interval '1 day'"
            if (self.preset == "single-table")
            else "day = day + 1"
        )


PRESETS = {
    venue.preset: venue
    for venue in (
        PresetVenue(
            preset="single-table",
            tables=_SINGLE_TABLE,
            bookings="bookings",
            status="status",
            confirmed="confirmed",
            cancelled="cancelled",
            shows_text="UPDATE bookings SET confirmation_sent_at = now() WHERE id::text = %s",
        ),
        PresetVenue(
            preset="date-time",
            tables=_DATE_TIME,
            bookings="appointments",
            status="state",
            confirmed="booked",
            cancelled="cancelled",
            shows_text="INSERT INTO sms_messages (appointment_id, kind, state) SELECT %s::int, 'confirmation', 'sent'",
        ),
    )
}
