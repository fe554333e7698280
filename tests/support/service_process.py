"""``reconciler run`` as a child process beside the stand-ins: real time, real signals."""

import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconciler.sandbox.world import Sandbox
from tests.support.application_db import Venue
from tests.support.command import COMMAND, environment, limited

CRON_YAML = """\
timezone: UTC
bookings: {since: 2026-01-01, grace: 1s}
rules: {sms.missing: {quiet_hours: off, queue_failed_resent: no}}
limits: {rate: {sms: 2000/s, calendar: 2000/s}, breaker: {sms: 5000, calendar: 5000}, pass: 1000, pass_budget: 900ms,
         lease: 20s, settle: 20s, per_recipient: 1000/24h, timeouts: {twilio: 3s, google: 3s, sql: 5s}}
reporting: {settled_after: 2s}
jobs:
  sms_missing: {every: 1s}
  calendar_missing: {every: 1s}
  sms_delivery: {every: 1s}
"""


@dataclass
class Service:
    """One process of the service."""

    child: "subprocess.Popen[str]"
    log: Path

    def stop(self, seconds: float = 20) -> int:
        """SIGTERM; its exit code."""
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(seconds)

    def page(self) -> int:
        """The process id of its page."""
        found: list[str] = []
        for children in Path(f"/proc/{self.child.pid}/task").glob("*/children"):
            found += children.read_text().split()
        (page,) = set(found)
        return int(page)

    def log_lines(self, event: str) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if f'"event": "{event}"' in line]


@contextmanager
def running(
    folder: Path, variables: Mapping[str, str], *arguments: str, descriptors: int | None = None
) -> Iterator[Service]:
    """``descriptors``: how many the service may have."""
    log = folder / f"{uuid.uuid4().hex}.log"
    with log.open("w") as out:
        child = subprocess.Popen(
            [*limited(descriptors), COMMAND, "run", *arguments], cwd=folder, env=environment(variables),
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, text=True,
        )  # fmt: skip
    try:
        yield Service(child, log)
    finally:
        child.kill()
        child.wait()


@contextmanager
def present_day(venue: Venue, folder: Path) -> Iterator[tuple[Sandbox, dict[str, str]]]:
    """The stand-ins in this process, by the real clock, and what the service needs to know of them."""
    venue.now = datetime.now(UTC)
    with Sandbox(postgres=venue.postgres, database=venue.name, bookings=()) as sandbox:
        (folder / "cron.yaml").write_text(CRON_YAML)
        variables = sandbox.environment()
        del variables["RECONCILER_CONFIG"]
        yield sandbox, variables


def plant(venue: Venue, number: int, *, first: int = 1) -> None:
    """So many bookings at once, made a moment ago, that lack text and event; each with a number of its own, from
    ``first`` on.
    """
    venue.sql(
        "INSERT INTO private_bookings (customer_name, customer_first_name, contact_phone, event_date, start_time,"
        " status, created_at, updated_at) SELECT 'Ana Lima', 'Ana', '+447700900' || lpad(i::text, 3, '0'),"
        " current_date + 30, '19:30', 'confirmed', now() - interval '2 s', now()"
        " FROM generate_series(%s::int, %s::int) i",
        first,
        first + number - 1,
    )


def eventually(happens: Callable[[], bool], within: timedelta) -> None:
    ends = time.monotonic() + within.total_seconds()
    while not happens():
        if time.monotonic() > ends:
            raise AssertionError(f"it did not happen within {within}")
        time.sleep(0.05)
