"""The loop that most people write first: a query for the bookings, and a query for each of them."""

import sys

import psycopg


def main(url: str) -> None:
    with psycopg.connect(url) as connection:
        ahead = connection.execute(
            "SELECT id, calendar_event_id FROM private_bookings WHERE status IN ('draft', 'confirmed') "
            "AND event_date + start_time > timezone('Europe/London', now())"
        ).fetchall()
        texts = events = 0
        for booking, event in ahead:
            queued = connection.execute(
                "SELECT 1 FROM private_booking_sms_queue WHERE booking_id = %s "
                "AND status NOT IN ('failed', 'cancelled') LIMIT 1",
                [booking],
            ).fetchone()
            texts += queued is None
            events += event is None
    sys.stdout.write(f"{texts} {events}\n")


if __name__ == "__main__":
    main(sys.argv[1])
