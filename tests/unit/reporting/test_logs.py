"""The log: JSON where nobody watches, no number, no exception's own words."""

import io
import json
import logging
import re
from collections.abc import Iterator

import pytest
import structlog

from reconciler.reporting import logs


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.set_up(stream=stream)
    yield stream
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(written: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_one_json_object_per_line(written: io.StringIO) -> None:
    structlog.get_logger().info("pass", job="sms_missing", repaired=8)
    (line,) = lines(written)
    assert {name: line[name] for name in ("event", "job", "level", "repaired")} == {
        "event": "pass",
        "job": "sms_missing",
        "level": "info",
        "repaired": 8,
    }
    assert str(line["timestamp"]).endswith("Z")


def test_numbers_are_masked_also_in_what_libraries_say(written: io.StringIO) -> None:
    structlog.get_logger().info("pass", to="+447700900123")
    logging.getLogger("some.library").warning("sending to %s", "07700 900123")
    assert "900123" not in written.getvalue()
    assert len(lines(written)) == 2


HOSTILE = {
    "an escape": "\x1b[2J\x1b]0;owned\x07",
    "a line of its own": "x\n2026-01-01 [info] all is well",
    "a return": "x\rOK",
    "one byte that begins an escape": "\x9b2J",
    "a line to some programs": "a\u2028b\u2029c\x85d",
    "the other direction": "\u202eevil",
    "half of a character": "\ud800",
    "a hundred thousand": "x" * 100_000,
    "in an exception": ValueError("\x1b[2J\n+447700900123"),
    "in a list and a mapping": {"a\n": ["\x1b[2J", ("\r",), {"\x07"}]},
}
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("stream", [io.StringIO, Terminal], ids=["JSON", "terminal"])
@pytest.mark.usefixtures("written")
def test_e2_a_value_is_one_line_that_a_terminal_shows_as_it_is(stream: type[io.StringIO], value: object) -> None:
    out = stream()
    logs.set_up(stream=out)
    structlog.get_logger().warning("integration_broken", seen=value)
    structlog.get_logger().warning(f"event {value}", **{f"name {value}": 1})
    logging.getLogger("some.library").warning("it says %s", value)
    shown = COLOURS.sub("", out.getvalue())
    assert len(shown.splitlines()) == 3
    assert shown.replace("\n", "").isprintable()
    assert max(map(len, shown.splitlines())) < 12_000
    assert "900123" not in shown


def fail() -> None:
    raise ValueError("Ana Lima cannot be reached")


@pytest.mark.parametrize("name", ["twilio.http_client", "httplib2", "urllib3.connectionpool", "apscheduler.scheduler"])
def test_libraries_that_write_urls_say_nothing_below_a_warning(written: io.StringIO, name: str) -> None:
    logging.getLogger(name).info("GET /Messages.json?To=%2B447700900123")
    assert written.getvalue() == ""


def test_an_exception_shows_its_type_and_places_and_not_its_words(written: io.StringIO) -> None:
    try:
        fail()
    except ValueError:
        structlog.get_logger().exception("run_failed", job="sms_missing")
    (line,) = lines(written)
    assert line["error"] == "ValueError"
    assert "test_logs.py" in str(line["places"])
    assert "Ana" not in written.getvalue()


def test_a_library_s_exception_shows_no_words_either(written: io.StringIO) -> None:
    try:
        fail()
    except ValueError:
        logging.getLogger("some.library").exception("it failed")
    assert "Ana" not in written.getvalue()
    assert lines(written)[0]["error"] == "ValueError"


def test_the_first_line_sets_the_log_up_and_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up_with_first_line(logging.WARNING)
    assert isinstance(logging.getLogger().handlers[0], logs.FirstLine)
    logs.Log().info("too_quiet")
    assert isinstance(logging.getLogger().handlers[0], logs.FirstLine)

    logs.Log().warning("refused", number="+447700900101")
    logging.getLogger("a.library").error("no answer for +447700900101")

    said = capsys.readouterr().err
    assert "too_quiet" not in said
    assert next(json.loads(line)["event"] for line in said.splitlines()) == "refused"
    assert "no answer" in said
    assert "447700900101" not in said


def test_a_line_of_a_library_can_be_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up_with_first_line(logging.WARNING)
    logging.getLogger("a.library").error("no answer")

    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["event"] == "no answer"


def test_an_exception_is_named_by_its_type_and_place(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up_with_first_line(logging.WARNING)
    try:
        int("not a number +447700900101")
    except ValueError:
        logs.Log().exception("sink_unknown", sink="sentry")

    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["error"] == "ValueError"
    assert "447700900101" not in line
