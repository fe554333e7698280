"""``reconciler doctor`` as a person runs it: bad input is told in a line, in time, with no traceback."""

import json
import os
import pty
import select
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import Exit
from reconciler.sandbox.fakes.google import GoogleStandIn
from reconciler.sandbox.fakes.twilio import AUTH_TOKEN, PHONE_NUMBER
from reconciler.sandbox.fakes.twilio_messages import ACCOUNT_SID
from tests.support.command import COMMAND, Ran, environment, reconciler
from tests.support.doctor_runner import DoctorRunner
from tests.support.network import closed_port
from tests.support.sandbox_world import World

NOBODY = f"https://{'.'.join(['x' * 60] * 5)}.invalid"
"""A name that nobody outside is asked for: it is too long."""
PAGE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 18\r\nConnection: close\r\n\r\n<html>proxy</html>"
)


@pytest.fixture(scope="module")
def variables() -> dict[str, str]:
    """Everything set, pointing at a port where nobody listens."""
    google = GoogleStandIn(lambda: datetime.now(UTC))
    key = google.service_account_info()
    google._server.server_close()
    nobody = closed_port()
    return {
        "DATABASE_URL": nobody.replace("http://", "postgresql://job:s3cret-pass@") + "/venue",
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "TWILIO_PHONE_NUMBER": PHONE_NUMBER,
        "TWILIO_API_URL": nobody,
        "GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(key),
        "GOOGLE_CALENDAR_ID": "venue@group.calendar.google.com",
        "GOOGLE_API_URL": nobody,
        "GOOGLE_TOKEN_URL": nobody,
        "SENTRY_DSN": nobody.replace("http://", "http://publickey@") + "/42",
    }


@contextmanager
def listening(answer: bytes | None) -> Iterator[str]:
    """A port that takes every connection, and says ``answer`` or nothing at all."""
    open_: list[socket.socket] = []

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            open_.append(connection)
            if answer:
                connection.recv(10_000)
                connection.sendall(answer)
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    for connection in open_:
        connection.close()


def said_of(ran: Ran, check: str) -> str:
    """All lines of one check, as ``--json`` has them."""
    everything = ran.out + ran.err
    assert "Traceback" not in everything
    assert not [secret for secret in ("s3cret-pass", AUTH_TOKEN, "PRIVATE KEY") if secret in everything]
    lines = [line for line in json.loads(ran.out) if line["check"] == check]
    assert lines, f"nothing is said of {check}"
    return " / ".join(f"{line['status']} {line['message']} -> {line['remedy']}" for line in lines)


def test_nothing_is_set(tmp_path: Path) -> None:
    ran = reconciler("doctor", "--json", folder=tmp_path)
    assert ran.code == Exit.CONFIGURATION
    for name in (
        "DATABASE_URL",
        "TWILIO_ACCOUNT_SID",
        "TWILIO_AUTH_TOKEN",
        "TWILIO_PHONE_NUMBER",
        "GOOGLE_CALENDAR_ID",
    ):
        assert f"FAIL {name}" in said_of(ran, "settings")
    assert said_of(ran, "all others") == "SKIP (settings) -> "


def rarely(*values: str) -> Any:
    return pytest.param(*values, marks=pytest.mark.long)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "GOOGLE_SERVICE_ACCOUNT_KEY",
            '{"installed": {"client_id": "1", "client_secret": "s3cret-pass"}}',
            "GOOGLE_SERVICE_ACCOUNT_KEY: ",
        ),
        rarely("GOOGLE_CALENDAR_ID", "venue @group.calendar.google.com", "GOOGLE_CALENDAR_ID: is no calendar's id"),
        rarely("TWILIO_AUTH_TOKEN", "your_auth_token", "TWILIO_AUTH_TOKEN: still holds a placeholder"),
        rarely("DATABASE_URL", "postgresql://job:s3cret-pass@db..example/venue", "DATABASE_URL: not a URL"),
    ],
)
def test_a_mistake_in_one_variable_and_the_database_is_looked_at_all_the_same(
    tmp_path: Path, variables: dict[str, str], name: str, value: str, said: str
) -> None:
    ran = reconciler("doctor", "--json", "--defaults", folder=tmp_path, **variables | {name: value})
    provider = {"G": "google", "T": "twilio", "D": "settings"}[name[0]]
    assert ran.code == (Exit.CONFIGURATION if name == "DATABASE_URL" else Exit.NEEDS_A_HUMAN)
    assert said in said_of(ran, provider)
    if name == "DATABASE_URL":
        return
    assert said_of(ran, "settings").startswith("OK no cron.yaml, all defaults, ")
    assert said_of(ran, "database").startswith("FAIL PostgreSQL at DATABASE_URL cannot be reached")


def test_nobody_answers_anywhere(tmp_path: Path, variables: dict[str, str]) -> None:
    ran = reconciler("doctor", "--json", "--defaults", folder=tmp_path, **variables)
    assert ran.code == Exit.WORK_LEFT
    assert said_of(ran, "database").startswith("FAIL PostgreSQL at DATABASE_URL cannot be reached")
    assert said_of(ran, "schema") == "SKIP (database) -> "
    assert "could not be asked (no_connection)" in said_of(ran, "twilio")
    assert "could not be asked (token:unavailable)" in said_of(ran, "google")
    assert "Sentry does not accept events (ConnectionError)" in said_of(ran, "sentry")


@pytest.mark.long
def test_names_that_do_not_resolve(tmp_path: Path, variables: dict[str, str]) -> None:
    names = dict.fromkeys(("TWILIO_API_URL", "GOOGLE_API_URL", "GOOGLE_TOKEN_URL"), NOBODY)
    names["DATABASE_URL"] = NOBODY.replace("https://", "postgresql://job:s3cret-pass@") + "/venue"
    names["SENTRY_DSN"] = NOBODY.replace("https://", "https://publickey@") + "/42"
    ran = reconciler("doctor", "--json", "--defaults", folder=tmp_path, **variables | names)
    assert ran.code == Exit.WORK_LEFT
    for check in ("database", "twilio", "google", "sentry"):
        assert said_of(ran, check).startswith("FAIL")


def test_a_proxy_answers_for_everybody(tmp_path: Path, variables: dict[str, str]) -> None:
    with listening(PAGE) as proxy:
        names = dict.fromkeys(("TWILIO_API_URL", "GOOGLE_API_URL", "GOOGLE_TOKEN_URL"), proxy)
        names["DATABASE_URL"] = proxy.replace("http://", "postgresql://job:s3cret-pass@") + "/venue"
        ran = reconciler("doctor", "--json", "--defaults", folder=tmp_path, **variables | names)
    assert ran.code == Exit.WORK_LEFT
    for check in ("database", "twilio", "google"):
        assert said_of(ran, check).startswith("FAIL")
    assert "<html>" not in ran.out + ran.err


@pytest.mark.long
def test_a_database_that_takes_the_connection_and_says_nothing(tmp_path: Path, variables: dict[str, str]) -> None:
    """Ten seconds is how long we wait for one; once is enough to know."""
    with listening(None) as mute:
        url = mute.replace("http://", "postgresql://job:s3cret-pass@") + "/venue"
        began = time.monotonic()
        ran = reconciler("doctor", "--json", "--defaults", folder=tmp_path, **variables | {"DATABASE_URL": url})
    assert (ran.code, time.monotonic() - began < 25) == (Exit.WORK_LEFT, True)
    assert said_of(ran, "database").startswith("FAIL PostgreSQL at DATABASE_URL cannot be reached")


# What a person sees.


def on_a_terminal(world: World, columns: int, *arguments: str) -> list[str]:
    """The lines that the command draws on a terminal so wide."""
    world.write_settings()
    ours, theirs = pty.openpty()
    given = environment(world.sandbox.environment() | world.environment | {"COLUMNS": str(columns), "TERM": "xterm"})
    child = subprocess.Popen([COMMAND, *arguments], env=given | {"NO_COLOR": "1"}, stdout=theirs, stdin=theirs)
    os.close(theirs)
    seen = b""
    while select.select([ours], [], [], 30)[0]:
        try:
            piece = os.read(ours, 10_000)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    child.wait(10)
    os.close(ours)
    return seen.decode().replace("\x1b[1m", "").replace("\x1b[0m", "").replace("\x1b[2m", "").split("\r\n")


@pytest.mark.parametrize("columns", [80, pytest.param(120, marks=pytest.mark.long)])
def test_lines_are_folded_under_each_other_and_sql_is_not(world: World, columns: int) -> None:
    world.venue.alter("ALTER TABLE private_booking_sms_queue DROP COLUMN trigger_type, DROP COLUMN template_key")
    world.sandbox.google.role = "reader"
    lines = on_a_terminal(world, columns, "doctor")
    assert [line for line in lines if len(line) > columns and "ALTER TABLE" not in line] == []
    (statement,) = [line for line in lines if "ALTER TABLE" in line]
    assert statement.strip().endswith(
        '"trigger_type" pg_catalog.text, ADD COLUMN IF NOT EXISTS "template_key" pg_catalog.text;'
    )
    starts = {len(line) - len(line.lstrip()) for line in lines if line.startswith("      ")}
    assert starts == {19}


def test_sql_alone_is_what_psql_can_read(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runner = DoctorRunner(world, monkeypatch, capsys)
    world.venue.alter("ALTER TABLE private_booking_sms_queue DROP COLUMN trigger_type")
    world.venue.alter("DROP POLICY reconciler_select ON customers")
    world.sandbox.google.role = "reader"
    said = runner.doctor("--sql")
    shown = [line["sql"] for line in runner.doctor("--json").lines if line["sql"] and line["status"] == "FAIL"]
    assert said.code == Exit.NEEDS_A_HUMAN
    wanted = [statement for sql in shown for statement in sql.splitlines()]
    assert [line for line in said.out.splitlines() if line in wanted] == wanted
    assert 'SET LOCAL ROLE "venue_owner";' in said.out
    runner.as_owner(said.out)
    world.sandbox.google.role = "writer"
    well = runner.doctor("--sql")
    assert (well.code, well.out) == (Exit.AS_DESIRED, "")
    warned = [line["sql"] for line in runner.doctor("--json").lines if line["sql"]]
    assert [("SET DEFAULT pg_catalog.now()" in sql) for sql in warned] == [True, True], (
        "to be read first, so not in --sql"
    )


@pytest.mark.long
def test_it_works_before_migrate_and_says_what_is_next(world: World, tmp_path: Path) -> None:
    world.venue.alter("DROP SCHEMA reconciler CASCADE; CREATE SCHEMA reconciler AUTHORIZATION reconciler_job")
    world.write_settings()
    ran = reconciler("doctor", folder=tmp_path, **world.sandbox.environment())
    assert ran.code == Exit.AS_DESIRED
    assert "WARN  ledger       schema `reconciler` not created yet; read-only commands work without it" in ran.out
    assert "remedy: reconciler migrate" in ran.out
    assert "Nothing was written." in ran.out
