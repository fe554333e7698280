"""How soon the status page answers with a million bookings, 10,000 open gaps and a ledger of a year and a month.

The real command over real HTTP, one question after the other. Wanted: a median under 100 ms for the page itself.
"""

import statistics
import tempfile
import time
from pathlib import Path

import requests

from reconciler.sandbox.postgres import EmbeddedPostgres
from tests.support.application_db import Venue
from tests.support.status_page import CRON_YAML, command

BOOKINGS, OPEN, CLOSED, RUNS = 1_000_000, 10_000, 200_000, 60_000
ROUNDS = 51
WANTED = 100
"""Milliseconds."""
FILLED = (
    f"""
    INSERT INTO private_bookings (id, customer_name, customer_first_name, contact_phone, event_date, start_time, status,
                                  calendar_event_id, created_at, updated_at)
    SELECT md5(i::text)::uuid, 'Ana Lima', 'Ana', '+447700900101', current_date + 30, '19:30', 'confirmed',
           'event' || i, now() - i * interval '30 s', now() FROM generate_series(1, {BOOKINGS}) i
    """,
    f"""
    INSERT INTO private_booking_sms_queue (booking_id, trigger_type, template_key, scheduled_for, message_body,
                                           customer_phone, customer_name, status, sent_at, twilio_message_sid,
                                           created_at)
    SELECT md5(i::text)::uuid, 'booking_confirmed', 'confirmed', now(), 'Hi', '+447700900101', 'Ana Lima', 'sent',
           now() - i * interval '30 s', 'SM' || md5(i::text), now() - i * interval '30 s'
    FROM generate_series(1, {BOOKINGS}) i WHERE mod(i, 100) <> 0
    """,
    f"""
    INSERT INTO reconciler.gap (scope, kind, about, cause, key, reason, detail, opened_at, seen_at)
    SELECT '', CASE mod(i, 3) WHEN 0 THEN 'calendar.missing' WHEN 1 THEN 'sms.missing' ELSE 'sms.stuck' END,
           md5((i * 100)::text)::uuid::text, 'blocked', '', CASE mod(i, 4) WHEN 0 THEN 'integration' ELSE 'no_date' END,
           '{{}}', now() - i * interval '1 min', now() FROM generate_series(1, {OPEN}) i
    """,
    f"""
    INSERT INTO reconciler.gap (scope, kind, about, cause, key, reason, detail, noted_at, opened_at, seen_at, closed_at,
                                closed_by)
    SELECT '', 'sms.missing', md5(i::text)::uuid::text, 'never_queued', '', '', '{{}}', now(), at, at, at, 'repaired'
    FROM generate_series(1, {CLOSED}) i, LATERAL (SELECT now() - i * interval '2 min') AS one(at)
    """,
    f"""
    INSERT INTO reconciler.intent (id, scope, booking, effect, trigger, generation, state, subject, provider_id,
                                   attempted_at, created_at, updated_at)
    SELECT gen_random_uuid(), '', md5(i::text)::uuid::text, 'sms', 'booking_confirmed', 1, 'done', 's', 'SM' || i,
           at, at, at FROM generate_series(1, {CLOSED}) i, LATERAL (SELECT now() - i * interval '2 min') AS one(at)
    """,
    f"""
    INSERT INTO reconciler.run (job, scope, settings, started_at, finished_at, full_scan, result, counts)
    SELECT (ARRAY['sms_missing', 'calendar_missing', 'sms_delivery', 'unsettled_repairs'])[mod(i, 4) + 1], '', '', at,
           at + interval '1 s', false, 'as_desired', '{{"sent": 1, "repaired": 1, "fine": 12}}'
    FROM generate_series(1, {RUNS}) i, LATERAL (SELECT now() - i * interval '2 min') AS one(at)
    """,
    "ANALYZE",
)


def milliseconds(url: str) -> float:
    began = time.perf_counter()
    assert requests.get(url, timeout=30).status_code == 200
    return (time.perf_counter() - began) * 1000


def main() -> None:
    with EmbeddedPostgres() as server, tempfile.TemporaryDirectory() as folder:
        server.create_application("venue")
        venue = Venue(server, "venue")
        venue.migrate()
        for statement in FILLED:
            venue.sql(statement)
        (Path(folder) / "cron.yaml").write_text(CRON_YAML)
        ((gap,),) = venue.sql("SELECT about FROM reconciler.gap WHERE closed_at IS NULL ORDER BY opened_at LIMIT 1")
        with command(Path(folder), {"DATABASE_URL": venue.url()}) as (url, _):
            asked = {
                "the page": "/", "one booking": f"/bookings/{gap}", "by reference": f"/bookings?ref={gap[:8]}",
                "for programs": f"/api/bookings/{gap}", "metrics": "/metrics", "readyz": "/readyz",
            }  # fmt: skip
            print(f"{BOOKINGS:,} bookings, {OPEN:,} open gaps, {CLOSED:,} closed, {RUNS:,} runs; ms:")  # noqa: T201 - its output
            for name, path in asked.items():
                times = sorted(milliseconds(url + path) for _ in range(ROUNDS))
                low, high = (round(times[index]) for index in (ROUNDS // 4, -1 - ROUNDS // 4))
                wanted = f" (wanted: under {WANTED})" if path == "/" else ""
                print(f"{name:<14} median {statistics.median(times):.0f}, middle half {low} to {high}{wanted}")  # noqa: T201 - its output


if __name__ == "__main__":
    main()
