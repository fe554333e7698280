"""The status page over real HTTP: in this process, or as the real command."""

import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import requests

from reconciler.cli.once import run_jobs
from reconciler.engine.jobs import available, raise_crash
from reconciler.ports import Mandate
from reconciler.sandbox.world import Sandbox
from reconciler.settings import Settings, load
from reconciler.web.server import bind, serving
from reconciler.wiring import assembly
from tests.support.application_db import Venue
from tests.support.command import COMMAND, environment, limited

CRON_YAML = """\
timezone: Europe/London
bookings: {since: 2026-01-01, grace: 1s}
rules: {sms.missing: {quiet_hours: off, queue_failed_resent: no}}
limits: {rate: {sms: 2000/s, calendar: 2000/s}, per_recipient: 1000/24h}
"""


@dataclass
class Site:
    """A page, and the venue behind it."""

    url: str
    venue: Venue
    settings: Settings
    sandbox: Sandbox

    def get(self, path: str, **options: object) -> requests.Response:
        return requests.get(self.url + path, timeout=20, allow_redirects=False, **options)  # type: ignore[arg-type]

    def answered(self, path: str) -> requests.Response:
        """Asked again while the page says that the database had no time, as it asks us to."""
        for _ in range(3):
            found = self.get(path)
            if found.status_code != 503:
                break
            time.sleep(float(found.headers["Retry-After"]))
        return found

    def once(self) -> None:
        """Every job, once."""
        with assembly.services(self.settings, Mandate(act=True)) as services:
            raise_crash(run_jobs(available(), services))

    def gap(self, kind: str = "sms.missing", about: str = "", **values: object) -> None:
        """An open gap as a pass would have written it, for a booking that need not be there."""
        row = {"cause": "unusable_data", "reason": "phone_unusable", "detail": "{}", "scope": "", "closed_at": None,
               "closed_by": None, "opened_at": datetime.now(UTC), **values}  # fmt: skip
        self.venue.sql(
            "INSERT INTO reconciler.gap (scope, kind, about, cause, key, reason, detail, opened_at, seen_at, closed_at,"
            " closed_by) VALUES (%s, %s, %s, %s, '', %s, %s, %s, now(), %s, %s)",
            *(row["scope"], kind, about, row["cause"], row["reason"], row["detail"], row["opened_at"]),
            *(row["closed_at"], row["closed_by"]),
        )


@contextmanager
def site(venue: Venue, folder: Path, cron_yaml: str = CRON_YAML, **variables: str) -> Iterator[Site]:
    """The page in this process, today, beside the stand-ins."""
    venue.now = datetime.now(UTC)
    with Sandbox(postgres=venue.postgres, database=venue.name, bookings=()) as sandbox:
        (folder / "cron.yaml").write_text(cron_yaml)
        settings = load(folder / "cron.yaml", sandbox.environment() | variables)
        with serving(bind("127.0.0.1:0", settings), settings) as page:
            yield Site(page.url.rstrip("/"), venue, settings, sandbox)


@contextmanager
def command(
    folder: Path,
    variables: Mapping[str, str],
    *arguments: str,
    log: IO[str] | None = None,
    descriptors: int | None = None,
) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """``reconciler serve`` as a child process; where it listens.

    ``log``: where its log goes, else into a pipe. ``descriptors``: how many it may have.
    """
    child = subprocess.Popen(
        [*limited(descriptors), COMMAND, "serve", "--listen", "127.0.0.1:0", *arguments], cwd=folder,
        env=environment(variables), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log or subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        assert child.stdout is not None
        found = re.fullmatch(r"status page: (http://127\.0\.0\.1:\d+)/\n", child.stdout.readline())
        assert found
        yield found[1], child
    finally:
        child.kill()
        child.communicate()
