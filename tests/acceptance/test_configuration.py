"""The service starts beside a wrong variable; what writes refuses without a cron.yaml; looking goes on."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.errors import Exit
from tests.support.application_db import Venue
from tests.support.command import reconciler
from tests.support.service_process import CRON_YAML, eventually, plant, present_day, running

pytestmark = pytest.mark.one_server

SOON = timedelta(seconds=30)
WRITING = [
    ("once", "--do"),
    ("once", "--do", "--scheduled"),
    ("run",),
    ("backfill", "--do"),
    ("resolve", "1a2b3c4d", "--drop", "--do"),
    ("migrate",),
    ("drill",),
    ("doctor", "--probe"),
    ("doctor", "--sms-to", "+447700900123"),
]
READING = [("once",), ("backfill",), ("status",), ("resolve",), ("grants",), ("migrate", "--sql"), ("explain", "1a2b")]


def left(venue: Venue) -> object:
    tables = ("gap", "intent", "run", "incident", "outbox")
    return venue.checksum(), [venue.rows(f"reconciler.{table}") for table in tables]


def test_run_starts_beside_a_wrong_variable_and_says_when_it_is_read_again(venue: Venue, tmp_path: Path) -> None:
    with present_day(venue, tmp_path) as (sandbox, variables):
        plant(venue, 2)
        with running(tmp_path, variables | {"GOOGLE_CALENDAR_ID": ""}) as service:
            eventually(lambda: len(sandbox.twilio.messages) == 2, SOON)
            logged = [json.loads(line) for line in service.log_lines("integration_broken")]
            assert logged[0]["kind"] == "integration.google"
            assert logged[0]["seen"].startswith("GOOGLE_CALENDAR_ID: not set")
            assert "start it again" in logged[0]["remedy"]
            faults = "SELECT 1 FROM reconciler.gap WHERE kind = 'integration.google' AND closed_at IS NULL"
            eventually(lambda: bool(venue.sql(faults)), SOON)
            assert service.stop() == 0
        assert not sandbox.google.calendar.events
        status = reconciler("status", folder=tmp_path, DATABASE_URL=venue.url())
        assert (status.code, "integration.google / blocked" in status.out) == (Exit.NEEDS_A_HUMAN, True)
        with running(tmp_path, variables):
            eventually(lambda: len(sandbox.google.live()) == 2 and not venue.sql(faults), SOON)


@pytest.mark.parametrize("arguments", WRITING, ids=" ".join)
def test_without_a_file_whatever_writes_refuses(arguments: tuple[str, ...], tmp_path: Path, venue: Venue) -> None:
    with present_day(venue, tmp_path) as (sandbox, variables):
        plant(venue, 2)
        (tmp_path / "cron.yaml").unlink()
        before = left(venue)
        ran = reconciler(*arguments, folder=tmp_path, **variables)
        assert left(venue) == before
        assert (sandbox.twilio.messages, sandbox.google.calendar.events) == ([], {})
    said = ran.out + ran.err
    assert (ran.code, "Traceback" in said) == (Exit.CONFIGURATION, False), said
    for words in (f"{tmp_path}/cron.yaml", "RECONCILER_CONFIG", "--config", "--defaults", "remedy: "):
        assert words in said


@pytest.mark.parametrize("arguments", READING, ids=" ".join)
def test_without_a_file_looking_goes_on_and_says_so(arguments: tuple[str, ...], tmp_path: Path, venue: Venue) -> None:
    ran = reconciler(*arguments, folder=tmp_path, DATABASE_URL=venue.url())
    assert f"warning: {tmp_path}/cron.yaml: there is no such file" in ran.err
    assert "every key has its default" in ran.err
    assert (ran.code == Exit.CONFIGURATION) == (arguments[0] == "explain"), ran.err  # no booking's id begins so


def test_with_the_word_for_it_defaults_are_used(tmp_path: Path, venue: Venue) -> None:
    with present_day(venue, tmp_path) as (_, variables):
        (tmp_path / "cron.yaml").unlink()
        ran = reconciler("once", "sms_missing", "--do", "--defaults", folder=tmp_path, **variables)
    assert (ran.code, ran.err) == (Exit.AS_DESIRED, "")


@pytest.mark.parametrize("how", ["option", "variable", "a link to nowhere", "a folder"])
@pytest.mark.parametrize("arguments", [("once",), ("status",), ("grants",)], ids=" ".join)
def test_a_file_that_was_named_has_to_be_there(
    how: str, arguments: tuple[str, ...], tmp_path: Path, venue: Venue
) -> None:
    variables = {"DATABASE_URL": venue.url()}
    if how == "option":
        arguments = (*arguments, "--config", "venue.yaml")
    elif how == "variable":
        variables["RECONCILER_CONFIG"] = str(tmp_path / "venue.yaml")
    elif how == "a folder":  # a container's mount of a file that is not there
        (tmp_path / "cron.yaml").mkdir()
    else:
        (tmp_path / "cron.yaml").symlink_to(tmp_path / "gone.yaml")
    ran = reconciler(*arguments, folder=tmp_path, **variables)
    assert (ran.code, "cannot be read" in ran.err) == (Exit.CONFIGURATION, True), ran.err


def test_a_file_and_the_word_for_none_contradict_each_other(tmp_path: Path, venue: Venue) -> None:
    (tmp_path / "cron.yaml").write_text(CRON_YAML)
    ran = reconciler("migrate", "--defaults", folder=tmp_path, DATABASE_URL=venue.url())
    assert (ran.code, "leave out one of them" in ran.err) == (Exit.CONFIGURATION, True)


@pytest.mark.parametrize(("option", "light"), [((), "FAIL"), (("--defaults",), "OK")])
def test_the_doctor_names_the_place(option: tuple[str, ...], light: str, tmp_path: Path, venue: Venue) -> None:
    ran = reconciler("doctor", "--json", *option, folder=tmp_path, DATABASE_URL=venue.url())
    (line,) = [line for line in json.loads(ran.out) if line["check"] == "settings"]
    assert line["status"] == light
    if not option:
        assert (f"{tmp_path}/cron.yaml" in line["message"], ran.code) == (True, Exit.CONFIGURATION)
    missing = {line["check"]: line["message"] for line in json.loads(ran.out) if line["status"] == "FAIL"}
    assert "TWILIO_AUTH_TOKEN: not set" in missing["twilio"]
    assert "GOOGLE_CALENDAR_ID: not set" in missing["google"]
    assert "SENTRY_DSN is not set" in missing["sentry"]
