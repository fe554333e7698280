"""The service as a child process: it mends what is planted while it runs, outlives its database, and ends quietly."""

import json
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path
from typing import Self
from urllib.parse import quote

import pytest

from reconciler.errors import Exit
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.postgres import EmbeddedPostgres
from reconciler.sandbox.world import Sandbox
from tests.support.application_db import ANA, Venue
from tests.support.command import COMMAND, environment, reconciler
from tests.support.pgbouncer import PooledPostgres
from tests.support.service_process import eventually, plant, present_day, running

pytestmark = pytest.mark.one_server

SOON = timedelta(seconds=15)


def texts_and_events(sandbox: Sandbox) -> tuple[int, int]:
    return len(sandbox.twilio.messages), len(sandbox.google.live())


def alerted(sandbox: Sandbox) -> set[tuple[str, str]]:
    return {(event["tags"]["kind"], event["tags"]["cause"]) for event in sandbox.sentry.events}


def assert_each_once(sandbox: Sandbox, venue: Venue, number: int) -> None:
    recipients = Counter(message.to for message in sandbox.twilio.messages)
    assert (len(recipients), set(recipients.values())) == (number, {1})
    stored = [row["calendar_event_id"] for row in venue.rows("private_bookings")]
    assert sorted(stored) == sorted(event["id"] for event in sandbox.google.live())
    assert len(set(stored)) == number


def test_it_repairs_what_is_planted_and_stops_when_asked(venue: Venue, tmp_path: Path) -> None:
    old = venue.sql("SELECT now() - interval '20 days'")[0][0]
    with present_day(venue, tmp_path) as (sandbox, variables):
        before_it_began = venue.booking(created_at=old, event_date="2999-01-01")
        with running(tmp_path, variables) as service:
            eventually(lambda: venue.stored_event(before_it_began) is not None, SOON)  # back to since, not scan_window
            plant(venue, 3)
            eventually(lambda: texts_and_events(sandbox) == (3, 4), SOON)
            eventually(lambda: bool(sandbox.sentry.check_ins), SOON)
            wanted = {("sms.missing", "never_queued"), ("calendar.missing", "never_created")}
            eventually(lambda: alerted(sandbox) >= wanted, SOON)
            assert service.stop() == 0
        (check_in,) = {check_in["status"] for check_in in sandbox.sentry.check_ins}
        assert check_in == "ok"
        assert [service.log_lines("started") != [], service.log_lines("stopped") != []] == [True, True]
        lines = [json.loads(line) for line in service.log.read_text().splitlines()]
        assert {line["job"] for line in lines if line["event"] == "pass"} == {
            "sms_missing", "calendar_missing", "sms_delivery", "unsettled_repairs", "integrations", "coverage"
        }  # fmt: skip
        assert not [secret for secret in (ANA, "Ana", "Lima", "7700900", "sandbox-token") if secret in str(lines)]


@pytest.mark.parametrize("signum", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
def test_asked_to_stop_it_finishes_the_call_in_hand_and_begins_no_other(
    venue: Venue, tmp_path: Path, signum: signal.Signals
) -> None:
    with present_day(venue, tmp_path) as (sandbox, variables):
        sandbox.twilio.faults.always("messages.create", Fault(kind=Misbehaviour.SLOW, seconds=1.5))
        plant(venue, 5)
        with running(tmp_path, variables) as service:
            eventually(lambda: len(sandbox.twilio.messages) == 1, SOON)
            service.child.send_signal(signum)
            assert service.child.wait(10) == 0
        assert len(sandbox.twilio.messages) == 1
        counted = "SELECT state, count(*)::int FROM reconciler.intent WHERE effect = 'sms' GROUP BY 1 ORDER BY 1"
        states = venue.sql(counted)
        assert states == [("done", 1), ("planned", 4)]
        assert venue.sql("SELECT count(*)::int FROM private_booking_sms_queue WHERE status = 'sent'") == [(1,)]


@pytest.mark.long
@pytest.mark.parametrize("number", [200])
def test_three_replicas_share_the_gaps(venue: Venue, tmp_path: Path, number: int) -> None:
    with present_day(venue, tmp_path) as (sandbox, variables), ExitStack() as stack:
        plant(venue, number)
        services = [stack.enter_context(running(tmp_path, variables)) for _ in range(3)]
        eventually(lambda: texts_and_events(sandbox) == (number, number), timedelta(minutes=3))
        eventually(lambda: venue.sql("SELECT 1 FROM reconciler.gap WHERE closed_at IS NULL") == [], SOON)
        assert [service.stop() for service in services] == [0, 0, 0]
        assert_each_once(sandbox, venue, number)


@pytest.mark.long
def test_it_starts_without_its_database_and_outlives_it(tmp_path: Path) -> None:
    with EmbeddedPostgres() as postgres:
        postgres.create_application("venue")
        venue = Venue(postgres, "venue")
        venue.migrate()
        with present_day(venue, tmp_path) as (sandbox, variables):
            postgres.stop()
            with running(tmp_path, variables) as service:
                eventually(lambda: any("integration.database" in raw for raw in sandbox.sentry.raw), SOON)
                postgres.start()
                plant(venue, 2)
                eventually(lambda: texts_and_events(sandbox) == (2, 2), SOON)
                time.sleep(2.5)  # longer than settled_after: the next time is a new one
                postgres.stop()
                eventually(lambda: alerted_of_database(sandbox) == 2, SOON)
                postgres.start()
                venue.sql("UPDATE private_bookings SET calendar_event_id = NULL")
                plant(venue, 3)
                eventually(lambda: len(sandbox.twilio.messages) == 5, SOON)
                assert service.stop() == 0
            assert alerted_of_database(sandbox) == 2, "once each time it went, however often a job met it"


@pytest.mark.long
def test_an_answer_that_came_while_the_database_was_away_is_not_lost(tmp_path: Path) -> None:
    """It goes and comes back while Twilio thinks: what Twilio said is written down all the same."""
    with EmbeddedPostgres() as postgres:
        postgres.create_application("venue")
        venue = Venue(postgres, "venue")
        venue.migrate()
        with present_day(venue, tmp_path) as (sandbox, variables):
            sandbox.twilio.faults.next_calls("messages.create", Fault(kind=Misbehaviour.SLOW, seconds=2.5))
            plant(venue, 1)
            with running(tmp_path, variables) as service:
                eventually(lambda: len(sandbox.twilio.messages) == 1, SOON)
                postgres.stop()
                postgres.start()
                sent = "SELECT 1 FROM private_booking_sms_queue WHERE status = 'sent'"
                eventually(lambda: venue.sql(sent) != [], SOON)
                assert service.stop() == 0
            states = venue.sql("SELECT state FROM reconciler.intent WHERE effect = 'sms'")
            assert (states, len(sandbox.twilio.messages)) == ([("done",)], 1)


def alerted_of_database(sandbox: Sandbox) -> int:
    return sum(event["tags"]["kind"] == "integration.database" for event in sandbox.sentry.events)


@pytest.mark.long
def test_a_schema_that_was_not_migrated_is_told_and_waited_for(bare_venue: Venue, tmp_path: Path) -> None:
    with present_day(bare_venue, tmp_path) as (sandbox, variables):
        with running(tmp_path, variables) as service:
            eventually(lambda: bool(sandbox.sentry.events), SOON)
            bare_venue.migrate()
            plant(bare_venue, 1)
            eventually(lambda: texts_and_events(sandbox) == (1, 1), SOON)
            assert service.stop() == 0
        (event,) = [event for event in sandbox.sentry.events if event["tags"]["kind"] == "integration.schema"]
        assert "reconciler migrate" in event["contexts"]["reconciler"]["remedy"]


def test_a_configuration_error_is_told_and_ends_it(venue: Venue, tmp_path: Path) -> None:
    with present_day(venue, tmp_path) as (sandbox, variables):
        mistakes = "jobs: {sms_missings: {every: 10m}, sms_delivery: {cron: 0 10 * * 1}}\nlimits: {pas: 3}\n"
        (tmp_path / "cron.yaml").write_text(mistakes)
        with running(tmp_path, variables) as service:
            assert service.child.wait(20) == Exit.CONFIGURATION
        assert "weekdays are written by name" in service.log.read_text()
        (event,) = sandbox.sentry.events
        assert event["tags"] == {
                "kind": "integration.scheduler", "cause": "blocked", "what": "opened", "code": "configuration",
            }  # fmt: skip
        assert "limits.pas: unknown key, did you mean pass?" in event["message"]
        (tmp_path / "cron.yaml").write_text(
            "jobs: {sms_missings: off}\nrules: {sms.missing: {queue_failed_resent: no}}\n"
        )
        with running(tmp_path, variables) as service:
            assert service.child.wait(20) == Exit.CONFIGURATION, "else the job that was meant goes on"
        assert "no such job: sms_missings, did you mean sms_missing?" in service.log.read_text()


def test_a_dsn_with_a_typo_is_a_mistake_and_not_a_silence(venue: Venue, tmp_path: Path) -> None:
    with present_day(venue, tmp_path) as (_, variables):
        with running(tmp_path, variables | {"SENTRY_DSN": "https://sentry.example/42"}) as service:
            assert service.child.wait(20) == Exit.CONFIGURATION
        assert "SENTRY_DSN: is no DSN" in service.log.read_text()


@pytest.mark.long
def test_sentry_that_is_down_stops_nothing_and_is_told_later(venue: Venue, tmp_path: Path) -> None:
    with present_day(venue, tmp_path) as (sandbox, variables):
        sandbox.sentry.faults.always("envelope", Fault(kind=Misbehaviour.STATUS, status=503))
        plant(venue, 2)
        with running(tmp_path, variables) as service:
            eventually(lambda: texts_and_events(sandbox) == (2, 2), SOON)
            assert sandbox.sentry.events == []
            sandbox.sentry.faults.clear()
            wanted = {("sms.missing", "never_queued"), ("calendar.missing", "never_created")}
            eventually(lambda: alerted(sandbox) - {("integration.sentry", "blocked")} == wanted, SOON)
            assert service.stop() == 0


@pytest.mark.long
def test_two_services_with_different_settings_are_told(venue: Venue, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with present_day(venue, tmp_path) as (sandbox, variables), ExitStack() as stack:
        (other / "cron.yaml").write_text((tmp_path / "cron.yaml").read_text().replace("grace: 1s", "grace: 2s"))
        services = [stack.enter_context(running(folder, variables)) for folder in (tmp_path, other)]
        eventually(lambda: any("other settings" in event["message"] for event in sandbox.sentry.events), SOON)
        assert [service.stop() for service in services] == [0, 0]


@pytest.mark.long
def test_a_provider_that_rejects_everything_leaves_the_other_effect_alone(venue: Venue, tmp_path: Path) -> None:
    with present_day(venue, tmp_path) as (sandbox, variables):
        plant(venue, 3)
        with running(tmp_path, variables | {"TWILIO_AUTH_TOKEN": "revoked"}) as service:
            eventually(lambda: len(sandbox.google.live()) == 3, SOON)
            eventually(lambda: any("integration.twilio" in raw for raw in sandbox.sentry.raw), SOON)
            assert service.stop() == 0
        assert sandbox.twilio.messages == []
        with running(tmp_path, variables) as service:
            eventually(lambda: len(sandbox.twilio.messages) == 3, SOON)
            assert service.stop() == 0


@pytest.mark.long
def test_a_scheduler_of_another_kind_checks_in_and_a_person_does_not(venue: Venue, tmp_path: Path) -> None:
    with present_day(venue, tmp_path) as (sandbox, variables):
        plant(venue, 1)
        for arguments in (("once",), ("once", "--do")):
            reconciler(*arguments, folder=tmp_path, **variables)
        assert sandbox.sentry.check_ins == []
        assert len(sandbox.sentry.events) == 2, "by hand with --do gaps are told"
        assert reconciler("once", "--do", "--scheduled", folder=tmp_path, **variables).code == Exit.AS_DESIRED
        assert [check_in["status"] for check_in in sandbox.sentry.check_ins] == ["ok"]
        nowhere = variables | {"DATABASE_URL": venue.url().replace(venue.name, "nowhere")}
        # PgBouncer has one code for every refusal, so that a database that is not there may yet come.
        ends_by_itself = isinstance(venue.postgres, PooledPostgres)
        expected = Exit.WORK_LEFT if ends_by_itself else Exit.NEEDS_A_HUMAN
        assert reconciler("once", "--do", "--scheduled", folder=tmp_path, **nowhere).code == expected
        assert [check_in["status"] for check_in in sandbox.sentry.check_ins] == ["ok", "error"]
        assert reconciler("once", "--scheduled", folder=tmp_path, **variables).code == Exit.CONFIGURATION


def test_once_asked_to_stop_writes_down_the_call_in_hand(venue: Venue, tmp_path: Path) -> None:
    """As Kubernetes ends a job: the text that is on its way is not lost, and no other begins."""
    with present_day(venue, tmp_path) as (sandbox, variables):
        sandbox.twilio.faults.always("messages.create", Fault(kind=Misbehaviour.SLOW, seconds=1.5))
        plant(venue, 3)
        command = [COMMAND, "once", "sms_missing", "--do", "--scheduled"]
        child = subprocess.Popen(
            command, cwd=tmp_path, env=environment(variables), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        eventually(lambda: len(sandbox.twilio.messages) == 1, SOON)
        child.terminate()
        child.communicate(timeout=20)
        assert child.returncode == 128 + signal.SIGTERM
        counted = "SELECT state, count(*)::int FROM reconciler.intent WHERE effect = 'sms' GROUP BY 1 ORDER BY 1"
        assert venue.sql(counted) == [("done", 1), ("planned", 2)]
        assert [check_in["status"] for check_in in sandbox.sentry.check_ins] == ["ok"]


@pytest.mark.long
def test_a_database_that_goes_mute_does_not_keep_it_from_stopping(venue: Venue, tmp_path: Path) -> None:
    """The other end acknowledges what is sent and never answers: no timeout of the network's sees anything wrong."""
    with present_day(venue, tmp_path) as (sandbox, variables), MuteProxy(venue.postgres.host, tmp_path) as proxy:
        url = f"postgresql://reconciler_job@/{venue.name}?host={quote(str(tmp_path), safe='')}"
        sandbox.twilio.faults.always("messages.create", Fault(kind=Misbehaviour.SLOW, seconds=1))
        plant(venue, 1)
        with running(tmp_path, variables | {"DATABASE_URL": url}) as service:
            eventually(lambda: len(sandbox.twilio.messages) == 1, SOON)
            proxy.mute.set()
            time.sleep(1.5)
            assert service.stop(40) == Exit.WORK_LEFT
        assert service.log_lines("gave_up_waiting")


class MuteProxy:
    """A PostgreSQL's unix socket at another place, until it falls silent."""

    def __init__(self, target: str, folder: Path) -> None:
        self.mute = threading.Event()
        self._target = f"{target}/.s.PGSQL.5432"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{folder}/.s.PGSQL.5432")
        self._listener.listen()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._target)
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with source:
            while data := source.recv(65536):
                if not self.mute.is_set():
                    sink.sendall(data)
            with suppress(OSError):  # whoever went away lets go of the other end too, and of what it had locked there
                sink.shutdown(socket.SHUT_RDWR)


@pytest.mark.long
def test_the_fire_drill_runs_on_its_schedule(venue: Venue, tmp_path: Path) -> None:
    with present_day(venue, tmp_path) as (sandbox, variables):
        variables["RECONCILER_CONFIG"] = str(tmp_path / "drill.yaml")
        (tmp_path / "drill.yaml").write_text(
            "jobs: {fire_drill: {every: 1h}}\nrules: {sms.missing: {queue_failed_resent: no}}\n"
        )
        with running(tmp_path, variables) as service:
            result = "SELECT result FROM reconciler.run WHERE job = 'fire_drill'"
            eventually(lambda: venue.sql(result) == [("as_desired",)], SOON)
            assert service.stop() == 0
        assert [event["tags"]["kind"] for event in sandbox.sentry.events] == ["fire_drill"]
        assert texts_and_events(sandbox) == (0, 0)
