"""Repairs per second, beside a bare loop that sends the same statements and makes the same calls.

The providers answer at once. One run is recorded: each statement with its values, each commit, each call. The loop
repeats the recording on a copy of the database and on new stand-ins, and does nothing else.
"""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httplib2
import psycopg
import pytest
import requests
from sqlalchemy import event

from reconciler.engine.jobs import perform
from reconciler.ports import Mandate
from reconciler.sandbox.postgres import EmbeddedPostgres
from reconciler.sandbox.world import Sandbox
from reconciler.settings import load
from reconciler.wiring import assembly
from tests.benchmarks.measuring import ROUNDS, Figure, Section
from tests.support.application_db import Venue

REPAIRS = 300
JOBS = {"texts": "sms_missing", "events": "calendar_missing"}
CRON_YAML = """\
rules: {sms.missing: {quiet_hours: off, queue_failed_resent: no}}
limits:
  rate: {sms: 100000/s, calendar: 100000/s}
  pass: 1000
  breaker: {sms: 1000, calendar: 1000}
"""
BEGINS = "INSERT INTO reconciler.run"
BOOKINGS = """
    INSERT INTO private_bookings (customer_name, customer_first_name, contact_phone, event_date, start_time, end_time,
                                  status, created_at, updated_at)
    SELECT 'Ana Lima', 'Ana', '+447700900' || lpad(n::text, 3, '0'), current_date + 30, '19:30', '23:00', 'confirmed',
           now() - interval '2 hours', now() - interval '2 hours' FROM generate_series(1, %s) n
"""


@dataclass
class Recording:
    """What one run sent, in order."""

    steps: list[tuple[str, Any]] = field(default_factory=list)

    def keep_repairs(self) -> None:
        """Without the scan and the trial writes of the pass, whose rows have ids of their own each time."""
        first = next(place for place, (_, what) in enumerate(self.steps) if what and BEGINS in str(what[0]))
        self.steps = self.steps[first:]

    def counts(self) -> Counter[str]:
        return Counter(kind for kind, _ in self.steps)

    @contextmanager
    def of(self, engine: Any) -> Iterator[None]:
        plain_send, plain_request = requests.Session.send, httplib2.Http.request

        def send(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            self.steps.append(("call", (request.method, request.url, dict(request.headers), request.body)))
            return plain_send(session, request, **options)

        def request(
            http: Any, uri: str, method: str = "GET", body: Any = None, headers: Any = None, **more: Any
        ) -> Any:
            self.steps.append(("call", (method, uri, dict(headers or {}), body)))
            return plain_request(http, uri, method=method, body=body, headers=headers, **more)

        event.listen(engine, "before_cursor_execute", lambda *sent: self.steps.append(("statement", sent[2:4])))
        event.listen(engine, "commit", lambda _: self.steps.append(("commit", None)))
        event.listen(engine, "rollback", lambda _: self.steps.append(("rollback", None)))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(requests.Session, "send", send)
            patch.setattr(httplib2.Http, "request", request)
            yield


@contextmanager
def _stage(server: EmbeddedPostgres, folder: Path) -> Iterator[tuple[Venue, Sandbox, Any]]:
    server.create_database("repairs", "repairs_template")
    venue = Venue(server, "repairs")
    venue.settle_in()  # a copy is another place
    with Sandbox(postgres=server, database="repairs", bookings=()) as sandbox:
        (folder / "cron.yaml").write_text(CRON_YAML)
        yield venue, sandbox, load(folder / "cron.yaml", sandbox.environment())
    server.drop_database("repairs")


def _ours(server: EmbeddedPostgres, folder: Path, job: str, recording: Recording | None) -> tuple[float, str]:
    with _stage(server, folder) as (_, sandbox, settings), assembly.services(settings, Mandate(act=True)) as services:
        engine = services.store.database._engine  # type: ignore[attr-defined]
        began = time.perf_counter()
        if recording:
            with recording.of(engine):
                (result,) = perform(job, services)
        else:
            (result,) = perform(job, services)
        assert sum(number for (status, _), number in result.attempts.items() if status.is_repaired) == REPAIRS
        return time.perf_counter() - began, sandbox.twilio.url


def _bare(server: EmbeddedPostgres, folder: Path, recording: Recording) -> float:
    """The same statements and calls, to other ports. Only what the first answer must hold is not compared."""
    with _stage(server, folder) as (venue, sandbox, _), requests.Session() as session:
        urls = [sandbox.twilio.url, sandbox.google.url]
        with psycopg.connect(host=server.host, user="reconciler_job", dbname=venue.name) as connection:
            began = time.perf_counter()
            for kind, what in recording.steps:
                if kind == "statement":
                    statement, values = what
                    if isinstance(values, list):
                        connection.cursor().executemany(statement, values)
                    else:
                        connection.execute(statement, values)
                elif kind == "commit":
                    connection.commit()
                elif kind == "rollback":
                    connection.rollback()
                else:
                    method, url, headers, body = what
                    base = urls["2010-04-01" not in url]
                    path = "/" + url.split("/", 3)[3]
                    headers = {name: value for name, value in headers.items() if name.lower() != "content-length"}
                    session.request(method, base + path, headers=headers, data=body)
            return time.perf_counter() - began


def repairs(server: EmbeddedPostgres, folder: Path) -> Section:
    server.create_application("repairs_template")
    template = Venue(server, "repairs_template")
    template.migrate()
    template.settle_in()
    template.sql(BOOKINGS, REPAIRS)
    figures: list[Figure] = []
    for noun, job in JOBS.items():
        recording = Recording()
        _ours(server, folder, job, recording)
        recording.keep_repairs()
        counts = {kind: number / REPAIRS for kind, number in recording.counts().items()}
        rounds = [(_ours(server, folder, job, None)[0], _bare(server, folder, recording)) for _ in range(ROUNDS)]
        ours, bare = (sorted(times) for times in zip(*rounds, strict=True))
        floor = Figure(name=f"{noun}: the bare loop", seconds=bare)
        sends = f"{counts['statement']:.1f} statements, {counts['commit']:.1f} commits, {counts['call']:.1f} calls each"
        whole = Figure(name=f"{noun}: reconciler ({sends})", seconds=ours)
        figures += [floor, Figure(name=whole.name, seconds=ours, ratio=whole.median / floor.median, wanted="2")]
        figures.append(
            Figure(name=f"{noun} per second: {REPAIRS / whole.median:.0f}, the loop {REPAIRS / floor.median:.0f}")
        )
    return Section(title=f"{REPAIRS} repairs, one after the other, providers that answer at once", figures=figures)
