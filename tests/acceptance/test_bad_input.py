"""What a person gets to read who got something wrong: every mistake, the remedy, the exit code, no traceback."""

import json
import signal
import socket
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.errors import Exit
from reconciler.sandbox.fakes.google import GoogleStandIn
from reconciler.sandbox.fakes.twilio import AUTH_TOKEN, PHONE_NUMBER
from reconciler.sandbox.fakes.twilio_messages import ACCOUNT_SID
from reconciler.store.ledger.schema import REVISION
from tests.support.application_db import Venue
from tests.support.command import COMMAND, Ran, environment, reconciler

pytestmark = pytest.mark.one_server

SECRETS = ("s3cret", AUTH_TOKEN, "PRIVATE KEY")


@pytest.fixture(scope="session")
def variables() -> dict[str, str]:
    """Everything set, pointing at ports where nobody listens."""
    google = GoogleStandIn(lambda: datetime.now(UTC))
    key = google.service_account_info()
    google._server.server_close()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = f"http://127.0.0.1:{listener.getsockname()[1]}"
    return {
        "DATABASE_URL": nobody.replace("http://", "postgresql://job:s3cret@") + "/venue",
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


def assert_clear(ran: Ran, code: Exit, *said: str) -> None:
    everything = ran.out + ran.err
    assert (ran.code, "Traceback" in everything) == (code, False), everything
    for words in said:
        assert words in everything
    assert not [secret for secret in SECRETS if secret in everything]


def test_an_empty_environment_names_all_that_is_missing(tmp_path: Path) -> None:
    ran = reconciler("once", "--do", "--defaults", folder=tmp_path)
    wanted = ("DATABASE_URL: not set", "TWILIO_ACCOUNT_SID: not set", "TWILIO_PHONE_NUMBER", "GOOGLE_CALENDAR_ID:")
    assert_clear(ran, Exit.CONFIGURATION, *wanted, "remedy: ")


def test_every_mistake_of_file_and_environment_at_once(tmp_path: Path, variables: dict[str, str]) -> None:
    (tmp_path / "cron.yaml").write_text(
        "rules:\n  sms.missing:\n    quiet_hour: 21:00-09:00\n    region: England\nlimits: {pass: none}\n"
        "bookings: {grace: 10}\n"
    )
    ran = reconciler(
        "once", folder=tmp_path, **variables | {"TWILIO_AUTH_TOKEN": "<token>", "DATABASE_URL": "mysql://x"}
    )
    assert_clear(
        ran,
        Exit.CONFIGURATION,
        "cron.yaml:3: rules.sms.missing.quiet_hour: unknown key, did you mean quiet_hours?",
        "cron.yaml:4: rules.sms.missing.region",
        "cron.yaml:5: limits.pass",
        "cron.yaml:6: bookings.grace",
        "TWILIO_AUTH_TOKEN: still holds a placeholder",
        "DATABASE_URL: must begin with postgresql://",
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("once", "missing_text"), "no such job: missing_text, did you mean sms_missing?"),
        (("once", "--max", "-1"), "--max"),
        (("onec",), "No such command"),
        (("once", "--config", "nowhere.yaml"), "nowhere.yaml: cannot be read"),
        (("migrate", "--role", "job"), "--role requires --sql"),
        (("grants", "--role", "a\nb"), "all of them printable"),
    ],
)
def test_a_command_line_that_is_wrong(
    tmp_path: Path, variables: dict[str, str], arguments: tuple[str, ...], said: str
) -> None:
    assert_clear(reconciler(*arguments, folder=tmp_path, **variables), Exit.CONFIGURATION, said)


@pytest.mark.parametrize(
    "arguments",
    [
        ("once", "--do", "--defaults"),
        ("status",),
        *(
            pytest.param(one, marks=pytest.mark.long)
            for one in (("once",), ("explain", "1a2b3c4d"), ("migrate", "--defaults"))
        ),
    ],
    ids=" ".join,
)
def test_nobody_listens_at_the_database(tmp_path: Path, variables: dict[str, str], arguments: tuple[str, ...]) -> None:
    ran = reconciler(*arguments, folder=tmp_path, **variables)
    assert_clear(ran, Exit.WORK_LEFT, "PostgreSQL at DATABASE_URL cannot be reached", "remedy: ", "try again")


def test_no_such_host(tmp_path: Path, variables: dict[str, str]) -> None:
    url = {"DATABASE_URL": "postgresql://somebody@database.invalid/venue"}
    ran = reconciler("explain", "1a2b3c4d", folder=tmp_path, **variables | url)
    assert_clear(ran, Exit.WORK_LEFT, "PostgreSQL at DATABASE_URL cannot be reached", "host and port")


@pytest.mark.long
def test_a_database_that_never_answers(tmp_path: Path, variables: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = {"DATABASE_URL": f"postgresql://somebody@127.0.0.1:{mute.getsockname()[1]}/venue"}
        ran = reconciler("explain", "1a2b3c4d", folder=tmp_path, **variables | url)
    assert_clear(ran, Exit.WORK_LEFT, "PostgreSQL at DATABASE_URL cannot be reached", "host and port")


def test_a_wrong_database_name(tmp_path: Path, variables: dict[str, str], venue: Venue) -> None:
    url = venue.url().replace(f"/{venue.name}", "/nowhere")
    ran = reconciler("once", folder=tmp_path, **variables | {"DATABASE_URL": url})
    assert_clear(ran, Exit.NEEDS_A_HUMAN, "there is no database of this name", "check the database name")


def test_providers_that_are_away_are_told_and_nothing_is_lost(
    tmp_path: Path, variables: dict[str, str], venue: Venue
) -> None:
    (tmp_path / "cron.yaml").write_text(
        "bookings: {since: 2026-01-01}\nrules: {sms.missing: {quiet_hours: off, queue_failed_resent: no}}\n"
    )
    booking = venue.booking(event_date="2999-01-01", created_at="2026-11-20", customer_name="Ana Lima")
    venue.sql("UPDATE private_bookings SET created_at = clock_timestamp() - interval '1 hour'")
    ran = reconciler("once", "--do", folder=tmp_path, **variables | {"DATABASE_URL": venue.url()})
    assert_clear(
        ran,
        Exit.WORK_LEFT,
        "FAIL  integration.twilio  the provider could not be asked (no_connection)",
        "FAIL  integration.google",
    )
    assert (venue.rows("private_booking_sms_queue"), venue.stored_event(booking)) == ([], None)
    status = reconciler("status", folder=tmp_path, DATABASE_URL=venue.url())
    assert_clear(status, Exit.NEEDS_A_HUMAN, "integration.twilio / blocked")


def test_the_printed_schema_is_what_migrate_makes(tmp_path: Path, bare_venue: Venue) -> None:
    """An owner runs what `migrate --sql` prints; then the jobs' role works, and `migrate` finds nothing to do."""
    printed = reconciler("migrate", "--sql", "--role", "reconciler_job", folder=tmp_path)
    assert printed.code == 0
    bare_venue.alter("DROP SCHEMA reconciler")
    bare_venue.sql(printed.out)
    url = {"DATABASE_URL": bare_venue.url()}
    assert (
        reconciler("migrate", "--defaults", folder=tmp_path, **url).out
        == f"schema reconciler is up to date ({REVISION})\n"
    )
    assert reconciler("status", folder=tmp_path, **url).out.startswith("no pass has run yet")


def test_a_schema_we_may_not_use_is_not_taken_for_a_missing_one(tmp_path: Path, bare_venue: Venue) -> None:
    bare_venue.alter("DROP SCHEMA reconciler")
    bare_venue.sql(reconciler("migrate", "--sql", folder=tmp_path).out)
    ran = reconciler("status", folder=tmp_path, DATABASE_URL=bare_venue.url())
    assert_clear(ran, Exit.NEEDS_A_HUMAN, "exists, but the role of DATABASE_URL may not use it", "GRANT USAGE ON")


def test_a_schema_from_a_newer_version(tmp_path: Path, venue: Venue) -> None:
    venue.alter("UPDATE reconciler.alembic_version SET version_num = '9999'")
    for command in (("migrate", "--defaults"), ("status",)):
        ran = reconciler(*command, folder=tmp_path, DATABASE_URL=venue.url())
        assert_clear(ran, Exit.NEEDS_A_HUMAN, "revision")


def test_ctrl_c_says_so_and_leaves_with_130(tmp_path: Path, variables: dict[str, str], venue: Venue) -> None:
    (tmp_path / "cron.yaml").write_text("bookings: {since: 2026-01-01}\n")
    with venue.postgres.connect(venue.name) as other, other.transaction():
        other.execute("LOCK TABLE private_bookings")
        child = subprocess.Popen(
            [COMMAND, "once"],
            cwd=tmp_path,
            env=environment(variables | {"DATABASE_URL": venue.url()}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s"
        while not venue.sql(waiting, venue.name):
            assert child.poll() is None
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)
    assert (child.returncode, "interrupted" in err, "Traceback" in out + err) == (130, True, False)
