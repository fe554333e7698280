"""A venue with thousands of bookings from before the installation, and the command that is interrupted at them."""

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.world import Sandbox
from tests.support.application_db import Venue
from tests.support.command import Ran
from tests.support.morning import Morning

LEASE = 5.0
BACKFILL = ("backfill", "--since", "2026-01-01", "--do", "--max", "10000")
CRON_YAML = f"""\
rules: {{sms.missing: {{quiet_hours: off, queue_failed_resent: no, countries: [GB, FR]}}}}
limits:
  rate: {{sms: 2000/s, calendar: 2000/s}}
  timeouts: {{twilio: 2s, google: 900ms, sql: 1s}}
  lease: {LEASE:.0f}s
  settle: {LEASE:.0f}s
"""
INSERT = """\
INSERT INTO private_bookings (customer_name, customer_first_name, contact_phone, event_date, start_time, end_time,
                              status, created_at, updated_at)
SELECT 'Ana Lima', 'Ana', CASE WHEN n < 1000 THEN '+447700900' || lpad(n::text, 3, '0')
                               ELSE '+3363998' || lpad((n - 1000)::text, 4, '0') END,
       current_date + 30 + n / 4, '19:30', '23:00', 'confirmed', now() - interval '90 hours' + n * interval '1 minute',
       now()
FROM generate_series(1, %s) AS n
"""
"""Made before the first migrate: no pass would touch them. The sandbox's own sender has the first number."""


@dataclass
class Backlog(Morning):
    """The venue with its bookings, and the command that is repeated."""

    size: int
    command: tuple[str, ...] = BACKFILL

    def repeat(self) -> Ran:
        return self.run(*self.command, seconds=600)

    def interrupted(self, signum: signal.Signals, when: Callable[[], bool]) -> str:
        """Run it, send the signal as soon as ``when`` holds; what it said."""
        child = self.start(*self.command)
        while not when():
            assert child.poll() is None, child.communicate()
            time.sleep(0.002)
        child.send_signal(signum)
        out, err = child.communicate(timeout=30)
        assert (child.returncode, "Traceback" in err) == (130 if signum is signal.SIGINT else -signum, False), err
        return out

    def texts(self) -> int:
        return len(self.sandbox.twilio.messages)

    def events(self) -> int:
        return self.sandbox.google.writes

    def in_flight(self, operation: str, number: Callable[[], int], beyond: int) -> Callable[[], bool]:
        """Whether, once ``beyond`` effects are there, a call is under way whose answer lets wait for itself."""
        stand_in = self.sandbox.twilio if operation.startswith("messages") else self.sandbox.google
        ordered: list[bool] = []

        def happens() -> bool:
            if not ordered and number() >= beyond:
                stand_in.faults.next_calls(operation, Fault(kind=Misbehaviour.SLOW, seconds=1))
                ordered.append(True)
            return bool(ordered) and not stand_in.faults.pending(operation)

        return happens

    def assert_nothing_twice(self) -> None:
        messages = Counter(message.to for message in self.sandbox.twilio.messages)
        assert [number for number, times in messages.items() if times > 1] == []
        titles = Counter(event["summary"] for event in self.sandbox.google.live())
        assert [title for title, times in titles.items() if times > 1] == []

    def intents(self, effect: str) -> dict[str, str]:
        """Booking -> state of its only intent that counts."""
        query = "SELECT booking, state FROM reconciler.intent WHERE effect = %s AND state <> 'dropped'"
        rows = self.venue.sql(query, effect)
        assert len(rows) == len({booking for booking, _ in rows})
        return dict(rows)


@contextmanager
def backlog_of(size: int, venue: Venue, folder: Path) -> Iterator[Backlog]:
    """At most 10,999 bookings, each with a number of its own."""
    (folder / "cron.yaml").write_text(CRON_YAML)
    venue.sql(INSERT, size, role="venue_app")
    with Sandbox(postgres=venue.postgres, database=venue.name, bookings=()) as sandbox:
        yield Backlog(venue, sandbox, folder, size)
