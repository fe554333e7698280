"""``--probe`` and ``--sms-to``: what leaves the machine only when somebody asks, and what is left of it."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.domain.doctor import CheckResult
from reconciler.engine.doctor.probes import FAR_OFF, TEXT, canary, text_to
from reconciler.errors import Exit
from reconciler.ports import ProviderFailure
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.fakes.google import google_error
from tests.support.command import COMMAND, environment
from tests.support.doctor_runner import CommandOutput, DoctorRunner
from tests.support.sandbox_world import World

pytestmark = pytest.mark.one_server

PHONE = "+447700900123"
INSERT, DELETE, CREATE, FETCH = "events.insert", "events.delete", "messages.create", "messages.fetch"


@pytest.fixture
def runner(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> DoctorRunner:
    return DoctorRunner(world, monkeypatch, capsys)


def line(said: CommandOutput, check: str) -> tuple[str, str]:
    (found,) = [one for one in said.lines if one["check"] == check]
    return found["status"], found["message"]


def live(world: World) -> list[str]:
    return [event["id"] for event in world.sandbox.google.live()]


def examined(world: World) -> CheckResult:
    with world.services() as services:
        assert services.calendar
        return canary(services.calendar, "Europe/London")


def test_a_canary_is_private_disturbs_nobody_and_is_gone(runner: DoctorRunner) -> None:
    said = runner.command("doctor", "--probe", "--json")
    assert (said.code, line(said, "canary")) == (Exit.AS_DESIRED, ("OK", "canary written, read, deleted"))
    (event,) = runner.world.sandbox.google.calendar.events.values()
    assert (event["status"], event["visibility"], event["transparency"]) == ("cancelled", "private", "transparent")
    assert (event["start"]["dateTime"][:10], event["reminders"]) == ("2090-01-02", {"useDefault": False})


def test_without_being_asked_nothing_is_tried(runner: DoctorRunner) -> None:
    runner.doctor("--json")
    assert not runner.world.sandbox.google.calendar.events


def test_a_probe_that_was_killed_is_tidied_up_by_the_next_and_nothing_else_is(world: World, tmp_path: Path) -> None:
    """SIGKILL after Google has the canary, before we know."""
    stranger = world.sandbox.google.put("New Year's party", FAR_OFF, FAR_OFF + timedelta(hours=1), id="guest2090")
    # Another's event with our mark upon it, under an id that does not follow from it.
    mark = {"extendedProperties": {"private": {"reconciler_booking": "0" * 32}}}
    copy = world.sandbox.google.put("a copy", FAR_OFF, FAR_OFF + timedelta(hours=1), id="copied2090", **mark)
    world.write_settings()
    world.sandbox.google.faults.next_calls(INSERT, Fault(kind=Misbehaviour.SLOW, seconds=30))
    child = subprocess.Popen(
        [COMMAND, "doctor", "--probe"], cwd=tmp_path, env=environment(world.sandbox.environment()),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    world.wait_for(lambda: len(live(world)) == 3, seconds=60)
    child.kill()
    child.wait()
    (left,) = set(live(world)) - {stranger, copy}
    assert examined(world).faults == []
    assert set(live(world)) == {stranger, copy}
    assert world.sandbox.google.calendar.events[left]["status"] == "cancelled"


def test_a_reader_is_told_before_anything_is_tried(runner: DoctorRunner) -> None:
    runner.world.sandbox.google.role = "reader"
    said = runner.doctor("--probe", "--json")
    assert (said.code, line(said, "canary")) == (Exit.NEEDS_A_HUMAN, ("SKIP", "(google)"))


def test_a_calendar_that_turns_out_to_be_for_reading_names_whom_to_share_it_with(world: World) -> None:
    """Its role changes between the check and the canary."""
    world.sandbox.google.role = "reader"
    (fault,) = examined(world).faults
    account = "reconciler@sandbox.iam.gserviceaccount.example"
    assert (fault.code, fault.remedy) == ("role_reader", f'share it with {account}, "Make changes to events"')


@pytest.mark.parametrize(
    ("operation", "fault", "said"),
    [
        (
            INSERT,
            Fault(kind=Misbehaviour.STATUS, status=400, body=google_error(400, "invalid")),
            "the calendar refuses a canary (google:invalid)",
        ),
        (
            DELETE,
            Fault(kind=Misbehaviour.STATUS, status=403, body=google_error(403, "forbidden")),
            "does not delete a canary (google:forbidden): the event stays on 02 January 2090",
        ),
    ],
)
def test_a_refusal_is_named(world: World, operation: str, fault: Fault, said: str) -> None:
    world.sandbox.google.faults.next_calls(operation, fault)
    (seen,) = examined(world).faults
    assert said in seen.seen


def test_an_insert_whose_answer_was_lost_is_deleted_all_the_same(world: World) -> None:
    world.sandbox.google.faults.next_calls(INSERT, Fault(kind=Misbehaviour.LOSE))
    with pytest.raises(ProviderFailure):
        examined(world)
    (event,) = world.sandbox.google.calendar.events.values()
    assert event["status"] == "cancelled"


def test_a_duplicate_is_ours_that_came_twice_if_it_is_there(world: World) -> None:
    """The client asks again where the connection was closed; its id was made a moment ago."""
    twice = Fault(kind=Misbehaviour.STATUS, status=409, body=google_error(409, "duplicate"))
    world.sandbox.google.faults.next_calls(INSERT, twice)
    (fault,) = examined(world).faults
    assert fault.code == "canary_vanished"


def test_where_no_event_is_wanted_the_probe_says_so(runner: DoctorRunner) -> None:
    runner.world.environment["SUSPEND_ALL_EVENTS"] = "true"
    light, said = line(runner.doctor("--probe", "--json"), "canary")
    assert (light, "not tried" in said) == ("WARN", True)


def test_without_complete_settings_no_probe_is_tried(runner: DoctorRunner) -> None:
    runner.world.environment |= {"TWILIO_AUTH_TOKEN": "<token>", "GOOGLE_CALENDAR_ID": ""}
    said = runner.doctor("--probe", "--sms-to", PHONE, "--json")
    assert said.code == Exit.NEEDS_A_HUMAN
    assert line(said, "canary") == ("SKIP", "(google)")
    assert line(said, "test text") == ("SKIP", "(twilio)")


def test_options_that_do_not_go_together(runner: DoctorRunner) -> None:
    said = runner.doctor("--sql", "--json")
    assert (said.code, "do not go together" in said.err) == (Exit.CONFIGURATION, True)


# --sms-to


class PassingClock:
    """A pause takes no time here and so long there."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        return self._world.clock.moment.astimezone(UTC)

    def pause(self, duration: timedelta) -> None:
        self._world.clock.moment += duration

    sleep = pause


def followed(world: World) -> CheckResult:
    with world.services() as services:
        assert services.sms
        return text_to(PHONE, services.sms, PassingClock(world))


def test_a_test_text_is_followed_until_it_arrives(world: World) -> None:
    world.sandbox.twilio.transit = timedelta(seconds=7)
    (note,) = followed(world).notes
    assert (note.message.endswith("delivered to your phone after 7 s"), note.remedy) == (True, "")
    (message,) = world.sandbox.twilio.messages
    assert (message.to, message.body, message.validity) == (PHONE, TEXT, 590)


@pytest.mark.parametrize(("status", "code"), [("undelivered", 30003), ("failed", 30007), ("undelivered", None)])
def test_one_that_does_not_arrive_says_why(world: World, status: str, code: int | None) -> None:
    world.sandbox.twilio.fates[PHONE] = (status, code)
    (fault,) = followed(world).faults
    assert f"{status} (error {code or 'none given'})" in fault.seen
    assert fault.code == f"twilio:{code or status}"


def test_one_that_stays_queued_is_left_after_a_minute(world: World) -> None:
    world.sandbox.twilio.transit = timedelta(hours=1)
    (note,) = followed(world).notes
    assert note.message.endswith("is still queued after 60 s")
    assert note.remedy == "look at your phone; some carriers do not confirm delivery"
    assert len(world.sandbox.twilio.messages) == 1


def test_whether_it_left_may_be_unknown_and_it_is_sent_once(world: World) -> None:
    world.sandbox.twilio.faults.next_calls(CREATE, Fault(kind=Misbehaviour.LOSE))
    (fault,) = followed(world).faults
    assert (fault.transient, "it is unknown whether the test text was sent" in fault.seen) == (True, True)
    assert len(world.sandbox.twilio.messages) == 1


def test_twilio_may_refuse_it_by_a_code(world: World) -> None:
    world.sandbox.twilio.refuse(PHONE, 400, 21408)
    (fault,) = followed(world).faults
    assert "twilio:21408" in fault.seen


def test_a_look_that_fails_after_it_left_is_no_refusal(world: World) -> None:
    world.sandbox.twilio.faults.next_calls(FETCH, Fault(kind=Misbehaviour.STATUS, status=503))
    with pytest.raises(ProviderFailure):
        followed(world)


def test_the_command_sends_and_says_so(runner: DoctorRunner) -> None:
    runner.world.sandbox.twilio.transit = timedelta(0)
    said = runner.command("doctor", "--sms-to", "07700 900123", "--json")
    light, words = line(said, "test text")
    assert (said.code, light, "delivered to your phone after 0 s" in words) == (Exit.AS_DESIRED, "OK", True)
    assert PHONE not in said.out + said.err


@pytest.mark.parametrize("number", ["07700", "staff", "+44 7700 900123 x"])
def test_a_number_that_is_none_is_a_mistake_of_the_command_line(runner: DoctorRunner, number: str) -> None:
    said = runner.doctor("--sms-to", number)
    assert (said.code, "not a number that a text can be sent to" in said.err) == (Exit.CONFIGURATION, True)


def test_the_kill_switch_holds_for_test_texts_too(runner: DoctorRunner) -> None:
    runner.world.environment["SUSPEND_ALL_SMS"] = "true"
    light, said = line(runner.doctor("--sms-to", PHONE, "--json"), "test text")
    assert (light, "not tried" in said) == ("WARN", True)


def test_the_switch_itself_is_a_warning(runner: DoctorRunner) -> None:
    runner.world.environment["SUSPEND_ALL_SMS"] = "true"
    said = runner.doctor("--json")
    assert (said.code, said.messages("twilio", "WARN")) == (Exit.AS_DESIRED, ["SUSPEND_ALL_SMS is on: no text is made"])
