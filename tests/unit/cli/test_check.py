"""``reconciler check``: exit code, places, remedies, the document for scripts. It needs the file and nothing else."""

import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.main import run
from reconciler.errors import Exit
from tests.support.valid_environment import COMPLETE
from tests.support.wrong_files import ANSWERED, REPORT, WRONG

PAGE = (Path(__file__).parents[3] / "docs" / "cron-yaml.md").read_text(encoding="utf-8")
NOT_CHECKED = (
    "Not checked: the database, the environment variables, Twilio, Google Calendar, Sentry, on-call routes. "
    "`reconciler doctor` checks them."
)

LEASE = (
    "31s must be longer than 105s: 3 calls of limits.timeouts.google, 15s, and 2 statements of limits.timeouts.sql, 30s"
)


class Command:
    """The command in this process, in a folder of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.file = folder / "cron.yaml"
        self._capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int, list[str]]:
        code = run(["check", *arguments])
        printed = self._capsys.readouterr()
        assert printed.err == ""
        return code, printed.out.splitlines()

    def document(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        code, lines = self("--json", *arguments)
        return code, json.loads("\n".join(lines))


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.chdir(tmp_path)
    return Command(tmp_path, capsys)


def test_a_file_without_a_mistake(check: Command) -> None:
    check.file.write_text(ANSWERED)
    assert check() == (Exit.AS_DESIRED, ["cron.yaml: no mistake.", NOT_CHECKED])


def test_every_mistake_with_its_place_and_its_remedy(check: Command) -> None:
    check.file.write_text("timezone: London\nbookings:\n  graec: 5m\nlimits:\n  lease: 31s\n" + ANSWERED)
    code, lines = check()
    assert code == Exit.CONFIGURATION
    assert lines[:-2] == [
        'cron.yaml:1: timezone: "London": not a time zone; write an IANA name such as Europe/London',
        "    remedy: correct the value, or remove the key: then it is Europe/London",
        "cron.yaml:3: bookings.graec: unknown key, did you mean grace?",
        "    remedy: write grace instead",
        f"cron.yaml:5: limits.lease: {LEASE}",
        "    remedy: change limits.lease (line 5), or set limits.timeouts.sql",
        "Not checked until the above is right: the templates.",
    ]
    assert lines[-2:] == ["cron.yaml: 3 mistakes.", NOT_CHECKED]


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_refused(check: Command, content: str) -> None:
    # A question that is still open would be a mistake by itself.
    check.file.write_text(content if "queue_failed_resent" in content else content + _answered(content))
    code, found = check.document()
    assert code == Exit.CONFIGURATION
    assert [
        mistake for mistake in found["mistakes"] if not (mistake["line"] and mistake["what"] and mistake["remedy"])
    ] == []


def _answered(content: str) -> str:
    return "" if "repairs:" in content else REPORT


@pytest.mark.parametrize("environment", [{}, COMPLETE, dict.fromkeys(COMPLETE, "wrong")], ids=range(3))
def test_no_variable_makes_a_difference(
    check: Command, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    check.file.write_text(ANSWERED + "reporting: {oncall: [PAGER_URL]}\n")
    assert check()[0] == Exit.AS_DESIRED


def test_nothing_is_connected(check: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("it went on the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    check.file.write_text(ANSWERED)
    assert check()[0] == Exit.AS_DESIRED


def test_what_run_would_refuse_is_a_mistake(check: Command) -> None:
    """The question that has to be answered before the first text; a venue that sends none need not answer it."""
    check.file.write_text("version: 1\n")
    code, found = check.document()
    assert (code, [mistake["key"] for mistake in found["mistakes"]]) == (
        Exit.CONFIGURATION,
        ["rules.sms.missing.queue_failed_resent"],
    )
    check.file.write_text(REPORT)
    assert check()[0] == Exit.AS_DESIRED


def test_which_file_is_checked(check: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cron.yaml", "named.yaml", "given.yaml"):
        check.file.with_name(name).write_text(f"{name[0]}: 1\n")
    assert check()[1][0].startswith("cron.yaml:1: c: unknown key")
    monkeypatch.setenv("RECONCILER_CONFIG", "named.yaml")
    assert check()[1][0].startswith("named.yaml:1: n: unknown key")
    given = str(check.file.with_name("given.yaml"))
    assert check(given)[1][0].startswith(f"{given}:1: g: unknown key")


def test_a_file_that_is_not_there(check: Command) -> None:
    code, lines = check()
    assert code == Exit.CONFIGURATION
    assert lines[:2] == [
        "cron.yaml: there is no such file",
        "    remedy: write one: reconciler init; or name it: reconciler check FILE",
    ]
    assert check("gone.yaml")[1][0] == "gone.yaml: cannot be read: No such file or directory"


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        (b"rules: {\n", 2, "while parsing a flow node"),
        (b"version: 1\ntimezone: \xff\n", 2, "it is not UTF-8 text"),
        (b"- version\n", 1, "the file must hold keys and values"),
        (b"limits: {pass: !!int x}\n", 1, "a tag"),
        (b"#" * 262145, None, "larger than 256 KiB"),
    ],
    ids=range(5),
)
def test_a_file_that_cannot_be_read(check: Command, content: bytes, line: int | None, what: str) -> None:
    check.file.write_bytes(content)
    code, found = check.document()
    (mistake,) = found["mistakes"]
    assert (code, mistake["line"], what in mistake["what"]) == (Exit.CONFIGURATION, line, True)
    assert mistake["remedy"]


def test_a_job_that_is_none(check: Command) -> None:
    """Also one that is off: the drill that was meant would run."""
    check.file.write_text(ANSWERED + "jobs:\n  sms_missing: {every: 5m}\n  fire_dril: off\n")
    code, found = check.document()
    (mistake,) = found["mistakes"]
    assert (code, mistake["line"], mistake["key"]) == (Exit.CONFIGURATION, 4, "jobs.fire_dril")
    assert mistake["what"] == "no such job: fire_dril, did you mean fire_drill?"


def test_an_old_name_is_a_warning(check: Command) -> None:
    check.file.write_text(ANSWERED + "bookings: {lookback: 9d}\n")
    code, lines = check()
    warning = "cron.yaml:2: bookings.lookback is called scan_window now; the old name still works, but use the new one"
    assert (code, lines[0]) == (Exit.AS_DESIRED, f"warning: {warning}")
    assert check.document()[1]["warnings"] == [warning]


SECRET = "postgresql://job:hunter2@db.internal/venue"


@pytest.mark.parametrize("place", ["timezone: {}", "{}: 1", "reporting: {{oncall: [{}]}}", "jobs: {{{}: off}}"])
@pytest.mark.parametrize("arguments", [[], ["--json"]], ids=["lines", "document"])
def test_a_secret_is_not_repeated(check: Command, place: str, arguments: list[str]) -> None:
    check.file.write_text(ANSWERED + place.format(f'"{SECRET}"') + "\n")
    code, lines = check(*arguments)
    assert (code, "hunter2" in "\n".join(lines)) == (Exit.CONFIGURATION, False)


def test_the_document(check: Command) -> None:
    check.file.write_text("repairs: reprot\n")
    code, found = check.document()
    assert code == Exit.CONFIGURATION
    assert found.pop("reconciler")
    assert found == {
        "version": 1,
        "file": "cron.yaml",
        "ok": False,
        "mistakes": [
            {
                "file": "cron.yaml",
                "line": 1,
                "key": "repairs",
                "seen": '"reprot"',
                "what": '"reprot": not one of the words for this, did you mean report?',
                "remedy": "write report",
            }
        ],
        "warnings": [],
        "skipped": ["what has to be answered before the first text"],
        "not_checked": [
            "the database",
            "the environment variables",
            "Twilio",
            "Google Calendar",
            "Sentry",
            "on-call routes",
        ],
        "checked_by": "reconciler doctor",
    }


def test_each_field_of_the_document_stands_on_the_page(check: Command) -> None:
    check.file.write_text("repairs: reprot\n")
    _, found = check.document()
    written = set(found) | {f"mistakes[].{name}" for name in found["mistakes"][0]}
    table = PAGE.partition("| field | meaning |")[2].partition("\n\n")[0]
    assert set(re.findall(r"(?m)^\| `([a-z_\[\].]+)` \|", table)) == written


def test_what_the_page_shows_is_what_is_printed(check: Command) -> None:
    check.file.write_text("timezone: London\nbookings:\n  graec: 5m\nlimits:\n  lease: 31s\n" + ANSWERED)
    assert "\n".join(["$ reconciler check", *check()[1]]) in PAGE
