"""Parts of the page that need no server: what is shown of hostile text, and how the drawing is scaled."""

from datetime import UTC, date, datetime, timedelta

import pytest

from reconciler.store.views.dashboard import Day
from reconciler.web.chart import CHART_HEIGHT, CHART_WIDTH, chart
from reconciler.web.rendering import MAX_VALUE_LENGTH, age, capital, escape_invisible, short


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("Grüße, 日本 – ok", "Grüße, 日本 – ok"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("bell\x07 escape\x1b[0m", "bell\\u0007 escape\\u001b[0m"),
        ("a\u202eb\u200f\u2066\u2069\ufeff", "a\\u202eb\\u200f\\u2066\\u2069\\ufeff"),
        ("\x00\x85\u2028", "\\u0000\\u0085\\u2028"),
        ("x" * (MAX_VALUE_LENGTH + 1500), "x" * MAX_VALUE_LENGTH + "… and 1,500 characters more"),
        (7, 7),
        (None, None),
    ],
)
def test_what_is_not_seen_is_written_out_and_what_is_too_long_is_cut(value: object, wanted: object) -> None:
    assert escape_invisible(value) == wanted


def test_a_word_of_the_application_s_is_short() -> None:
    assert (short(" a \n b "), short(None), short("x" * 61)) == ("a b", "", "x" * 60 + "…")
    assert (capital("correct it"), capital("min_notice is too long"), capital("")) == (
        "Correct it", "min_notice is too long", "",
    )  # fmt: skip


def test_ages_go_both_ways() -> None:
    now = datetime(2026, 6, 10, tzinfo=UTC)
    assert (age(now - timedelta(hours=3), now), age(now + timedelta(minutes=5), now)) == ("3 h", "in 5 min")


def test_bars_fit_and_the_least_is_seen() -> None:
    days = [Day(day=date(2026, 6, number), found=found, repaired=repaired)
            for number, found, repaired in ((1, 0, 0), (2, 1, 0), (3, 10_000, 9_000))]  # fmt: skip
    drawn = chart(days)
    heights = [[bar.height for bar in column.bars] for column in drawn.columns]
    assert heights[0] == [0, 0]
    assert heights[1] == [2, 0]
    assert heights[2][0] > heights[2][1] > 0
    bars = [bar for column in drawn.columns for bar in column.bars]
    assert all(bar.x >= 0 and bar.x + drawn.bar <= CHART_WIDTH and 0 <= bar.y <= CHART_HEIGHT for bar in bars)
    assert (drawn.most, drawn.found, drawn.repaired) == (10_000, 10_001, 9_000)
    assert chart([]).columns == ()
