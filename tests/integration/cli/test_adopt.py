"""``reconciler adopt`` on databases of many habits: the proposal, its questions, the file, and what is refused."""

import json
import os
import pty
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.main import run
from reconciler.domain.gaps import GapKind
from reconciler.errors import Exit
from reconciler.settings import Need, load
from reconciler.settings.adopt.written import flow
from reconciler.store.drill.standings import FOUND, prove
from reconciler.wiring.application import application
from tests.support.adopted_schemas import CONFIRMED, REFUSED, SCHEMAS, AdoptedSchema
from tests.support.application_db import Venue
from tests.support.command import COMMAND, environment

pytestmark = pytest.mark.one_server
EVERY = pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bare_venue: Venue) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", bare_venue.url("postgres"))


def answered(answers: Mapping[str, Any]) -> list[str]:
    Path("answers.yaml").write_text("".join(f"{key}: {flow(value)}\n" for key, value in answers.items()))
    return ["--answers", "answers.yaml"]


def values(document: Mapping[str, Any]) -> dict[str, Any]:
    return {choice["key"]: choice["value"] for choice in document["choices"]}


@EVERY
def test_the_mapping_is_proposed(bare_venue: Venue, schema: AdoptedSchema, capsys: pytest.CaptureFixture[str]) -> None:
    bare_venue.alter(schema.script)
    assert run(["adopt", "--json", *answered(schema.answers)]) == Exit.AS_DESIRED
    document = json.loads(capsys.readouterr().out)
    found = values(document)
    assert {key: found.get(key) for key in schema.expected} == dict(schema.expected)
    asked = {key: default for question in document["questions"] for key, default in question["answers"].items()}
    assert tuple(asked) == schema.asked
    assert len(document["questions"]) <= 3
    assert {key: asked[key] for key in schema.proposed} == dict(schema.proposed)
    assert all(choice["reason"] and choice["confidence"] for choice in document["choices"])
    assert not Path("cron.yaml").exists()


@EVERY
def test_the_file_passes_the_check(
    bare_venue: Venue, schema: AdoptedSchema, capsys: pytest.CaptureFixture[str]
) -> None:
    bare_venue.alter(schema.script)
    assert run(["adopt", *answered(schema.answers)]) == Exit.AS_DESIRED, capsys.readouterr().err
    assert run(["check"]) == Exit.AS_DESIRED
    text = Path("cron.yaml").read_text()
    assert "repairs: report" in text
    said = capsys.readouterr().out
    assert "cron.yaml: written" in said
    for secret in ("+447700900101", "Ana"):
        assert secret not in text + said
    assert run(["adopt", *answered(schema.answers)]) == Exit.CONFIGURATION
    assert Path("cron.yaml").read_text() == text, "a file that is there is left as it is"


@EVERY
def test_the_mapping_is_proved(bare_venue: Venue, schema: AdoptedSchema, capsys: pytest.CaptureFixture[str]) -> None:
    bare_venue.alter(schema.script)
    assert run(["adopt", "--json", *answered(schema.answers)]) == Exit.AS_DESIRED
    proof = json.loads(capsys.readouterr().out)["proof"]
    assert proof["not_proved"] is None
    wrong = [one for one in proof["standings"] if one["expected"] != one["seen"]]
    assert wrong == []
    planted = {one["standing"].split(" (")[0] for one in proof["standings"]}
    assert planted >= {"missing both", "past", "without a date"}
    if schema.answers.get("cancelled"):
        assert "cancelled" in planted
    assert ("left out by where" in planted) == ("bookings.where" in schema.expected)
    assert proof["right"] == proof["planted"] == len(proof["standings"])


def test_a_role_without_the_right_to_temporary_tables_is_told(
    bare_venue: Venue, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = SCHEMAS["one table"]
    bare_venue.alter(f"{schema.script}; GRANT SELECT ON bookings TO reconciler_job; "
                     f'REVOKE TEMPORARY ON DATABASE "{bare_venue.name}" FROM PUBLIC')  # fmt: skip
    monkeypatch.setenv("DATABASE_URL", bare_venue.url())
    assert run(["adopt", *answered(schema.answers)]) == Exit.AS_DESIRED
    assert "not proved our role may not make temporary tables" in capsys.readouterr().out
    assert run(["check"]) == Exit.AS_DESIRED


def test_a_role_that_may_only_read_proves_it(
    bare_venue: Venue, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = SCHEMAS["one table"]
    bare_venue.alter(f"{schema.script}; GRANT SELECT ON bookings TO reconciler_job")
    monkeypatch.setenv("DATABASE_URL", bare_venue.url())
    assert run(["adopt", *answered(schema.answers)]) == Exit.AS_DESIRED
    assert "proved     6 planted bookings on temporary copies: 6 of 6" in capsys.readouterr().out
    ((left,),) = bare_venue.sql("SELECT count(*) FROM pg_class WHERE relname LIKE 'adopt%'")
    assert left == 0


def test_the_proof_can_fail(bare_venue: Venue) -> None:
    """A mapping that takes a booking that is on for one that is off."""
    bare_venue.alter(SCHEMAS["one table"].script)
    assert run(["adopt", *answered(SCHEMAS["one table"].answers)]) == Exit.AS_DESIRED
    wanted = application(load(Path("cron.yaml"), {}, Need.FILE))
    kinds = [GapKind.SMS_MISSING, GapKind.CALENDAR_MISSING]
    with bare_venue.database("postgres") as database:
        assert prove(database, wanted, kinds, bare_venue.now).wrong == ()
        (wrong,) = prove(database, replace(wanted, cancelled=wanted.statuses), kinds, bare_venue.now).wrong
    assert wrong.standing == "cancelled (confirmed)"
    assert set(wrong.seen.values()) == {FOUND}


def test_an_open_answer_is_no_proof(bare_venue: Venue, capsys: pytest.CaptureFixture[str]) -> None:
    bare_venue.alter(SCHEMAS["numbers alone"].script)
    assert run(["adopt", "--json"]) == Exit.AS_DESIRED
    document = json.loads(capsys.readouterr().out)
    assert document["proof"] is None
    assert document["mapping"]["bookings"]["statuses"] == []


@pytest.mark.parametrize("tables", REFUSED.values(), ids=REFUSED)
def test_what_holds_no_bookings_is_refused(bare_venue: Venue, tables: str, capsys: pytest.CaptureFixture[str]) -> None:
    bare_venue.alter(tables)
    assert run(["adopt"]) == Exit.CONFIGURATION
    said = capsys.readouterr().err
    assert "no table of this database can hold bookings" in said
    assert ("wp_posts" in said) == ("wp_posts" in tables)
    assert not Path("cron.yaml").exists()


def test_the_trigger_of_a_confirmation_is_taken_from_the_queue(
    bare_venue: Venue, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = SCHEMAS["a queue"]
    kinds = "trigger_type text NOT NULL CHECK (trigger_type IN ('booking_created', 'booking_confirmed'))"
    bare_venue.alter(schema.script.replace("trigger_type text NOT NULL", kinds))
    assert run(["adopt", "--json", *answered(schema.answers)]) == Exit.AS_DESIRED
    (message,) = values(json.loads(capsys.readouterr().out))["rules.sms.missing.messages"].values()
    assert message == {"trigger": "booking_confirmed", "template": CONFIRMED}


def test_a_person_is_asked_at_the_terminal(bare_venue: Venue, tmp_path: Path) -> None:
    """The first answer is the default; the others are typed."""
    bare_venue.alter(SCHEMAS["one table"].script)
    ours, theirs = pty.openpty()
    try:
        os.write(ours, b"\ncancelled, pending\nEurope/Paris\n")
        done = subprocess.run(
            [COMMAND, "adopt"],
            cwd=tmp_path,
            env=environment({"DATABASE_URL": bare_venue.url("postgres")}),
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == Exit.AS_DESIRED, done.stderr
    text = Path("cron.yaml").read_text()
    assert "timezone: Europe/Paris" in text
    assert "statuses: [confirmed]" in text
    assert "cancelled: [cancelled, pending]" in text
    assert "region: FR" in text


def test_nobody_is_asked_without_a_terminal(bare_venue: Venue, capsys: pytest.CaptureFixture[str]) -> None:
    bare_venue.alter(SCHEMAS["one table"].script)
    assert run(["adopt"]) == Exit.CONFIGURATION
    said = capsys.readouterr().err
    assert "statuses: [confirmed]" in said
    assert "timezone: " in said
    assert "remedy: write the answers into a file" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"statuses": ["confirmd"]},
            "statuses: the column cannot hold confirmd; it holds pending, confirmed, cancelled",
        ),
        ({"statuses": []}, "statuses: at least one status belongs here"),
        ({"cancelled": ["confirmed"]}, "cancelled: confirmed stands among statuses too"),
        ({"timezone": "London"}, "timezone: not a time zone"),
        ({"times": "utc"}, "times: no question has this answer"),
        ({"statuses": None}, "statuses: not answered: which values of status"),
    ],
)
def test_a_wrong_answer_is_refused(
    bare_venue: Venue, change: Mapping[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = SCHEMAS["one table"]
    bare_venue.alter(schema.script)
    assert run(["adopt", *answered({**schema.answers, **change})]) == Exit.CONFIGURATION
    assert said in capsys.readouterr().err
    assert not Path("cron.yaml").exists()


def test_each_kind_of_time_may_have_its_own_zone(bare_venue: Venue, capsys: pytest.CaptureFixture[str]) -> None:
    schema = SCHEMAS["no foreign keys"]
    bare_venue.alter(schema.script)
    answers = {**schema.answers, "times": {"starts": "local", "created": "utc"}}
    assert run(["adopt", "--json", *answered(answers)]) == Exit.AS_DESIRED
    found = values(json.loads(capsys.readouterr().out))
    assert (found["bookings.starts"], found["bookings.created"]) == ({"local": "starts_at"}, {"utc": "created_at"})


def test_another_table_may_be_named(bare_venue: Venue, capsys: pytest.CaptureFixture[str]) -> None:
    bare_venue.alter(f"{SCHEMAS['one table'].script}; CREATE TABLE visits (LIKE bookings INCLUDING ALL)")
    assert run(["adopt", "--json"]) == run(["adopt", "--json", "--table", "visits"]) == Exit.AS_DESIRED
    first, second = capsys.readouterr().out.split("\n}\n")[:2]
    assert json.loads(first + "}")["table"] == "public.bookings"
    assert json.loads(first + "}")["others"] == ["public.visits"]
    assert json.loads(second + "}")["table"] == "public.visits"
    assert run(["adopt", "--table", "booking_notes"]) == Exit.CONFIGURATION
    assert "lacks a time at which it starts" in capsys.readouterr().err


def test_nothing_is_written_to_the_database(bare_venue: Venue) -> None:
    schema = SCHEMAS["one table"]
    bare_venue.alter(f"{schema.script}; INSERT INTO bookings (customer_name, starts_at, created_at) "
                     "VALUES ('Ana Lima', now(), now())")  # fmt: skip
    before = bare_venue.sql("SELECT xmin::text, t::text FROM bookings t")
    assert run(["adopt", *answered(schema.answers)]) == Exit.AS_DESIRED
    assert bare_venue.sql("SELECT xmin::text, t::text FROM bookings t") == before


def test_a_name_cannot_break_out_of_its_comment(bare_venue: Venue) -> None:
    tables = (
        SCHEMAS["one table"].script.replace("customer_phone", '"customer\nmobile"').replace("ends_at", '"ends\nat"')
    )
    bare_venue.alter(tables)
    assert run(["adopt", *answered(SCHEMAS["one table"].answers)]) == Exit.AS_DESIRED
    assert run(["check"]) == Exit.AS_DESIRED
