"""A provider whose variables are missing or wrong stops its own repairs only, and is told like any fault."""

import re
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from reconciler.cli.main import cli
from reconciler.domain.decide.verdicts import Hold, VerdictStatus
from reconciler.domain.gaps import GapKind
from reconciler.engine.doctor.scheduled import run_scheduled_checks
from reconciler.errors import Exit
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.settings import Need, load
from tests.support.sandbox_world import World

pytestmark = pytest.mark.one_server

CUT = '{"type": "service_account", "private_key": "-----BEGIN PRIVATE KEY-----\\nS3cretS3cret'
GOOGLE = {
    "one Google variable unset": ({"GOOGLE_CALENDAR_ID": ""}, "GOOGLE_CALENDAR_ID: not set"),
    "blanks": ({"GOOGLE_CALENDAR_ID": " \t\n"}, "GOOGLE_CALENDAR_ID: not set"),
    "every Google variable unset": (
        {"GOOGLE_CALENDAR_ID": "", "GOOGLE_SERVICE_ACCOUNT_KEY": ""},
        "GOOGLE_SERVICE_ACCOUNT_KEY or GOOGLE_CLIENT_ID",
    ),
    "a key that is cut off": ({"GOOGLE_SERVICE_ACCOUNT_KEY": CUT}, "GOOGLE_SERVICE_ACCOUNT_KEY: not JSON: "),
    "both ways half set": ({"GOOGLE_REFRESH_TOKEN": "1//S3cret"}, "both ways to authenticate are set"),
    "a way half set": (
        {"GOOGLE_SERVICE_ACCOUNT_KEY": "", "GOOGLE_REFRESH_TOKEN": "1//S3cret"},
        "GOOGLE_CLIENT_ID: not set",
    ),
    "a proxy that is no URL": ({"GOOGLE_API_URL": "S3cret"}, "GOOGLE_API_URL: "),
    "a placeholder": ({"GOOGLE_CALENDAR_ID": "<your calendar>"}, "GOOGLE_CALENDAR_ID: still holds a placeholder"),
    "a switch that is neither": ({"SUSPEND_ALL_EVENTS": "S3cret"}, "SUSPEND_ALL_EVENTS: must be true or false"),
}
TWILIO = {
    "one Twilio variable unset": ({"TWILIO_AUTH_TOKEN": ""}, "TWILIO_AUTH_TOKEN: not set"),
    "a SID that is none": ({"TWILIO_ACCOUNT_SID": "S3cret"}, "TWILIO_ACCOUNT_SID: does not look right"),
    "no sender": ({"TWILIO_PHONE_NUMBER": ""}, "TWILIO_PHONE_NUMBER, TWILIO_SENDER_ID or TWILIO_MESSAGING_SERVICE_SID"),
    "every Twilio variable unset": (
        {"TWILIO_ACCOUNT_SID": "", "TWILIO_AUTH_TOKEN": "", "TWILIO_PHONE_NUMBER": ""},
        "TWILIO_ACCOUNT_SID: not set",
    ),
    "a switch that is neither": ({"SUSPEND_ALL_SMS": "S3cret"}, "SUSPEND_ALL_SMS: must be true or false"),
}


@pytest.mark.parametrize(("variables", "seen"), GOOGLE.values(), ids=GOOGLE)
def test_a6_texts_go_on_while_a_variable_of_google_is_wrong(world: World, variables: dict[str, str], seen: str) -> None:
    booking = world.venue.booking()
    world.environment |= variables
    results = world.both()

    events = results[GapKind.CALENDAR_MISSING]
    assert len(world.sent_to()) == 1
    assert not world.sandbox.google.calendar.events
    assert events.plan is not None
    assert [status for status, _ in events.plan.decided.elements()] == [VerdictStatus.HELD]
    assert events.exit_code == Exit.NEEDS_A_HUMAN
    (fault,) = events.faults
    assert (fault.kind, fault.code) == (GapKind.INTEGRATION_GOOGLE, "unusable_variables")
    assert seen in fault.seen
    assert "start it again" in fault.remedy
    assert "S3cret" not in f"{fault}"
    assert results[GapKind.SMS_MISSING].exit_code == Exit.AS_DESIRED
    assert ("integration.google", "calendar") in world.gaps()
    assert ("calendar.missing", str(booking)) in world.gaps()
    alerted = [event["tags"]["kind"] for event in world.sandbox.sentry.events]
    assert alerted.count("integration.google") == 1

    for name in variables:
        del world.environment[name]
    world.both()
    assert len(world.sandbox.google.live()) == 1
    assert world.gaps() == {}


@pytest.mark.parametrize(("variables", "seen"), TWILIO.values(), ids=TWILIO)
def test_events_go_on_while_a_variable_of_twilio_is_wrong(world: World, variables: dict[str, str], seen: str) -> None:
    world.venue.booking()
    world.environment |= variables
    results = world.both()

    texts = results[GapKind.SMS_MISSING]
    assert (len(world.sandbox.google.live()), world.sent_to()) == (1, [])
    (fault,) = texts.faults
    assert (fault.kind, seen in fault.seen, texts.exit_code) == (
        GapKind.INTEGRATION_TWILIO,
        True,
        Exit.NEEDS_A_HUMAN,
    )
    assert "S3cret" not in f"{fault}"
    assert world.gaps().keys() >= {("integration.twilio", "sms")}


def test_it_is_told_though_there_is_nothing_to_repair(world: World) -> None:
    world.environment |= {"GOOGLE_CALENDAR_ID": ""}
    assert world.events().exit_code == Exit.NEEDS_A_HUMAN
    assert world.gaps().keys() == {("integration.google", "calendar")}


def test_with_the_kill_switch_on_it_is_told_and_the_switch_holds(world: World) -> None:
    world.venue.booking()
    world.environment |= {"GOOGLE_CALENDAR_ID": "", "SUSPEND_ALL_EVENTS": "true"}
    events = world.events()
    assert events.plan is not None
    assert [reason for _, reason in events.plan.decided.elements()] == [Hold.SUSPENDED]
    assert [fault.kind for fault in events.faults] == [GapKind.INTEGRATION_GOOGLE]


def test_what_is_not_repaired_needs_no_variable(world: World) -> None:
    world.venue.booking()
    world.configure(calendar_policy="report")
    world.environment |= {"GOOGLE_CALENDAR_ID": "", "GOOGLE_SERVICE_ACCOUNT_KEY": ""}
    assert world.events().faults == ()


def test_a_repair_of_unknown_outcome_waits_and_loses_no_try(world: World) -> None:
    """The provider is not asked, and nothing is concluded from that."""
    world.venue.booking()
    world.sandbox.twilio.faults.next_calls("messages.create", Fault(kind=Misbehaviour.LOSE))
    world.texts()
    assert set(world.states().values()) == {"unknown"}
    world.settle_time_is_over()

    world.environment |= {"TWILIO_AUTH_TOKEN": ""}
    world.once(jobs=("unsettled_repairs", "sms_missing"))
    assert world.venue.sql("SELECT state, settle_tries FROM reconciler.intent WHERE effect = 'sms'") == [("unknown", 0)]

    del world.environment["TWILIO_AUTH_TOKEN"]
    world.texts()
    assert set(world.states().values()) == {"done"}
    assert len(world.sent_to()) == 1


def test_the_tables_are_not_called_well_because_a_variable_is_wrong(world: World) -> None:
    """What a trial write found stays open until a trial write finds it gone."""
    world.venue.alter("ALTER TABLE private_booking_sms_queue ADD CONSTRAINT none CHECK (status <> 'failed') NOT VALID")
    world.venue.booking()
    world.texts()
    assert ("integration.schema", "sms") in world.gaps()

    world.environment |= {"TWILIO_AUTH_TOKEN": ""}
    world.texts()
    assert ("integration.schema", "sms") in world.gaps()


@pytest.mark.parametrize("act", [True, False], ids=["acting", "looking"])
def test_the_scheduled_checks_find_it(world: World, act: bool) -> None:
    world.environment |= {"GOOGLE_CALENDAR_ID": ""}
    with world.services(act=act) as services:
        found = run_scheduled_checks("integrations", services).faults
    assert [(fault.kind, fault.code) for fault in found] == [(GapKind.INTEGRATION_GOOGLE, "unusable_variables")]


@pytest.mark.parametrize("command", [["once"], ["backfill"], ["explain", "{booking}"], ["status"]], ids=" ".join)
def test_a6_looking_needs_the_database_alone(world: World, command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    world.venue.now = datetime.now(UTC)
    booking = world.venue.booking()
    world.configure(quiet="off")
    world.write_settings()
    monkeypatch.setenv("DATABASE_URL", world.venue.url())
    monkeypatch.setenv("RECONCILER_CONFIG", str(world.sandbox.cron_yaml))
    monkeypatch.setenv("SENTRY_DSN", "no DSN at all")
    run = CliRunner().invoke(cli, [word.format(booking=booking) for word in command], standalone_mode=False)
    assert run.exception is None, run.exception
    assert "TWILIO_AUTH_TOKEN" not in run.output
    if command == ["once"]:
        assert re.search(r"would: 1 text to 1 person \(\d segments?\), 1 event; nothing was written", run.output)
        assert "note: integration.twilio not checked" in run.output
        assert "SENTRY_DSN: " in run.output
        assert "no DSN at all" not in run.output


def test_a_look_beside_a_wrong_variable_shows_what_a_pass_would_meet(world: World) -> None:
    world.venue.booking()
    world.environment |= {"GOOGLE_CALENDAR_ID": ""}
    world.write_settings()
    settings = load(world.sandbox.cron_yaml, world.sandbox.environment() | world.environment, Need.READ)
    assert [fault.kind for fault in settings.access_faults().values()] == [GapKind.INTEGRATION_GOOGLE]
    results = world.both(act=False)
    assert results[GapKind.CALENDAR_MISSING].exit_code == Exit.NEEDS_A_HUMAN
    assert results[GapKind.SMS_MISSING].exit_code == Exit.WORK_LEFT
