"""What is said while a long repair goes on, and when it is worth coming back."""

import re
import time
from datetime import datetime
from datetime import time as clock_time
from zoneinfo import ZoneInfo

import pytest

from reconciler.cli.progress import LINES_APART, followed
from reconciler.domain.decide.policies import QuietHours
from reconciler.domain.gaps import Effect

LONDON = ZoneInfo("Europe/London")
NIGHT = QuietHours(starts=clock_time(21), ends=clock_time(9), zone=LONDON)


def test_elsewhere_than_on_a_terminal_a_line_now_and_then_and_one_at_the_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = iter([0.0, 1.0, LINES_APART, LINES_APART + 1, 2 * LINES_APART - 0.1])
    monkeypatch.setattr(time, "monotonic", lambda: next(moments, 99.0))
    with followed(Effect.SMS, limit=3) as report_attempt:
        report_attempt(True, 9)
        report_attempt(False, 9)
        report_attempt(True, 9)
    out, err = capsys.readouterr()
    assert (out, err.splitlines()[-1]) == ("", "texts: 3 of 3, 2 repaired, 0.5/s")
    assert err.splitlines()[0] == "texts: 2 of 3, 1 repaired, 0.4/s, about 1 min left"


def test_nothing_is_said_where_nothing_happened(capsys: pytest.CaptureFixture[str]) -> None:
    with followed(Effect.CALENDAR, limit=3):
        pass
    assert capsys.readouterr() == ("", "")


def test_how_far_it_came_is_said_also_when_it_ends_by_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    def breaks_off() -> None:
        with followed(Effect.CALENDAR, limit=9) as report_attempt:
            report_attempt(True, 2)
            raise OSError("away")

    with pytest.raises(OSError, match="away"):
        breaks_off()
    assert re.fullmatch(r"events: 1 of 2, 1 repaired, [\d.]+/s, about 1 min left\n", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-06-10T22:00", "2026-06-11T09:00"),
        ("2026-06-11T08:59", "2026-06-11T09:00"),
        ("2026-06-11T09:00", "2026-06-12T09:00"),
        ("2026-10-24T23:00", "2026-10-25T09:00"),
        ("2026-03-28T23:00", "2026-03-29T09:00"),
    ],
)
def test_when_quiet_hours_are_over(now: str, end: str) -> None:
    moment, wanted = (datetime.fromisoformat(text).replace(tzinfo=LONDON) for text in (now, end))
    assert NIGHT.next_end(moment) == wanted


def test_quiet_hours_of_no_length_never_end() -> None:
    never = QuietHours(starts=clock_time(9), ends=clock_time(9), zone=LONDON)
    assert never.next_end(datetime(2026, 6, 10, tzinfo=LONDON)) is None
