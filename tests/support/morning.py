"""The morning after: a venue with bookings that nobody repaired, and the command that a person runs."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconciler.domain.bookings import BookingId
from reconciler.sandbox.world import Sandbox
from tests.support.application_db import Venue
from tests.support.command import COMMAND, Ran, environment, reconciler

CRON_YAML = (
    "rules: {sms.missing: {quiet_hours: off, queue_failed_resent: no}}\nlimits: {breaker: {sms: 1, ratio: 0.2}}\n"
)


@dataclass
class Morning:
    venue: Venue
    sandbox: Sandbox
    folder: Path

    @property
    def variables(self) -> dict[str, str]:
        return self.sandbox.environment() | {"RECONCILER_CONFIG": str(self.folder / "cron.yaml")}

    def run(self, *arguments: str, seconds: float = 60, **variables: str) -> Ran:
        return reconciler(*arguments, folder=self.folder, seconds=seconds, **self.variables | variables)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [COMMAND, *arguments],
            cwd=self.folder,
            env=environment(self.variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def booking(self, number: int, *, past: bool = False, name: str = "Ana Lima", **ago: float) -> BookingId:
        now = datetime.now(UTC)
        return self.venue.booking(
            customer_name=name,
            contact_phone=f"+4477009003{number:02d}",
            created_at=now - timedelta(**ago),
            event_date=(now + timedelta(days=-3 if past else 30 + number)).date(),
        )


@contextmanager
def morning_after(venue: Venue, folder: Path, cron_yaml: str = CRON_YAML) -> Iterator[Morning]:
    (folder / "cron.yaml").write_text(cron_yaml)
    with Sandbox(postgres=venue.postgres, database=venue.name, bookings=()) as sandbox:
        yield Morning(venue, sandbox, folder)
