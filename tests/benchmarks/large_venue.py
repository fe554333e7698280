"""A database with as many bookings as wanted, each with its text and its event, but for some gaps."""

from collections.abc import Iterator
from contextlib import contextmanager

from reconciler.sandbox.postgres import EmbeddedPostgres
from tests.support.application_db import Venue

_INDEXES = {
    "private_bookings_created_at": "private_bookings (created_at)",
    "private_booking_sms_queue_booking": "private_booking_sms_queue (booking_id)",
    "private_booking_sms_queue_lately": "private_booking_sms_queue ((coalesce(sent_at, created_at)))",
}
"""What the reference schema has, and what the doctor offers for a large venue."""
_BOOKINGS = """
    INSERT INTO private_bookings (id, customer_name, customer_first_name, contact_phone, event_date, start_time,
                                  end_time, status, calendar_event_id, created_at, updated_at)
    SELECT md5(n::text)::uuid, 'Ana Lima', 'Ana', '+447700900' || lpad(mod(n, 1000)::text, 3, '0'),
           (made + (10 + mod(n, 190)) * interval '1 day')::date, '19:30', '23:00',
           CASE WHEN mod(n, 20) = 0 THEN 'cancelled' ELSE 'confirmed' END,
           CASE WHEN {every} = 0 OR mod(n, greatest({every}, 1)) <> 1 THEN 'app' || n END, made, made
    FROM generate_series(1, {bookings}) n,
         LATERAL (SELECT now() - interval '1 hour' - least(n, {lately}) * interval '365 days' / {lately}
                         - greatest(n - {lately}, 0) * interval '1500 days' / {bookings}) AS one(made)
"""
_QUEUE = """
    INSERT INTO private_booking_sms_queue (booking_id, trigger_type, template_key, scheduled_for, message_body,
                                           customer_phone, customer_name, status, sent_at, twilio_message_sid,
                                           created_at)
    SELECT id, 'booking_confirmed', 'confirmed', created_at, 'Your party is confirmed', contact_phone, customer_name,
           'sent', created_at, 'SM' || md5(id::text), created_at
    FROM private_bookings WHERE calendar_event_id IS NOT NULL
"""


AHEAD_AND_CONFIRMED = 0.28 * 0.95


def _every(bookings: int, gaps: int) -> int:
    return max(2, round(bookings * AHEAD_AND_CONFIRMED / gaps)) if gaps else 0


@contextmanager
def large_venue(bookings: int, gaps: int, lately: int | None = None) -> Iterator[Venue]:
    """A year of bookings, of which about 28 in a hundred are ahead.

    ``gaps``: about so many of them lack text and event, at most half of them. ``lately``: so many of the bookings are
    of the last year, and the others are up to four years older; by default all of them.
    """
    with EmbeddedPostgres() as server:
        server.create_application("venue")
        venue = Venue(server, "venue")
        venue.migrate()
        with server.connect("venue") as connection:
            connection.execute("SET session_replication_role = replica")  # no foreign key is checked row by row
            for name in _INDEXES:
                connection.execute(f"DROP INDEX IF EXISTS {name}")
            every = _every(bookings, gaps)
            connection.execute(_BOOKINGS.format(bookings=bookings, lately=lately or bookings, every=every))
            connection.execute(_QUEUE)
            for name, on in _INDEXES.items():
                connection.execute(f"CREATE INDEX {name} ON {on}")
            connection.execute("VACUUM ANALYZE")
        venue.settle_in()
        venue.sql("UPDATE reconciler.installation SET since = '2020-01-01'")
        yield venue
