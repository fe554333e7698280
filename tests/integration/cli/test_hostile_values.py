"""E2: the terminal shows plain text whatever stands in the application's tables, and a printed command is one."""

import re
import subprocess

import pytest

from reconciler.domain.alerting.alerts import command_of
from reconciler.domain.gaps import GapKind
from tests.support.doctor_runner import DoctorRunner
from tests.support.sandbox_world import World

pytestmark = pytest.mark.one_server

HOSTILE = {
    "an escape": "\x1b[2J\x1b]0;owned\x07confirmed",
    "a newline": "confirmed\nOK all is well",
    "a carriage return": "confirmed\rOK",
    "the other direction": "\u202edemrifnoc",
    "a hundred thousand": "x" * 100_000,
    "a shell's": "$(reboot);`reboot`",
}
COMMANDS = (("once",), ("once", "--do"), ("status",), ("status", "--json"), ("open",), ("backfill",), ("doctor",))
UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("column", ["status", "trigger", "event_id"])
def test_e2_nothing_of_the_tables_reaches_the_terminal_raw(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], column: str, value: str
) -> None:
    world.venue.alter(
        "ALTER TABLE private_bookings DROP CONSTRAINT IF EXISTS private_bookings_status_check;"
        "ALTER TABLE private_booking_sms_queue DROP CONSTRAINT IF EXISTS private_booking_sms_queue_trigger_type_check;"
    )
    booking = world.venue.booking()
    match column:
        case "status":
            world.venue.sql("UPDATE private_bookings SET status = %s", value)
        case "trigger":
            world.venue.text(booking, trigger_type=value)
        case _:
            world.venue.sql("UPDATE private_bookings SET calendar_event_id = %s", value)
    runner = DoctorRunner(world, monkeypatch, capsys)
    for arguments in (*COMMANDS, ("explain", booking)):
        said = runner.command(*arguments)
        everything = said.out + said.err
        assert not UNSAFE.search(everything), arguments
        assert "Traceback" not in everything, arguments
        assert max(map(len, everything.splitlines())) < 1000 or arguments == ("status", "--json"), arguments
        assert len(everything) < 20_000, arguments


@pytest.mark.parametrize(
    ("reference", "command"),
    [
        ("1a2b3c4d", "reconciler explain 1a2b3c4d"),
        ("x;reboot", "reconciler explain 'x;reboot'"),
        ("$(id)", "reconciler explain '$(id)'"),
        ("it's", """reconciler explain 'it'"'"'s'"""),
        ("=reboot", "reconciler explain '=reboot'"),
        ("%self", "reconciler explain '%self'"),
        ("~root", "reconciler explain '~root'"),
        ("-h", "reconciler explain -- -h"),
        ("--x;id", "reconciler explain -- '--x;id'"),
        ("a b", "reconciler explain 'a b'"),
        ("!!", "reconciler explain '!!'"),
        ("id:1a2b3c4d5e", "reconciler explain id:1a2b3c4d5e"),
        ("a\\", ""),
        ("a\\'; id", ""),
        ("a\nb", ""),
        ("\x1b[2J", ""),
        ("", ""),
    ],
)
def test_e2_a_printed_command_is_one_command(reference: str, command: str) -> None:
    assert command_of(GapKind.SMS_MISSING, reference) == command


@pytest.mark.parametrize("shell", ["bash", "sh"])
@pytest.mark.parametrize(
    "reference", ["x;reboot", "$(id)", "it's", "`id`", "a b", "!!", "~", "*", "#x", "&", "''", "--a"]
)
def test_e2_a_shell_takes_a_printed_command_for_one_word(reference: str, shell: str) -> None:
    words = command_of(GapKind.SMS_MISSING, reference).removeprefix("reconciler explain ").removeprefix("-- ")
    ran = subprocess.run([shell, "-c", f"printf '<%s>' {words}"], capture_output=True, text=True, check=True)
    assert ran.stdout == f"<{reference}>"
