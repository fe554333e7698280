"""The kinds of values in cron.yaml: what a person may write, what is refused, and that nothing is lost in writing."""

from datetime import date, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.settings.file.values import (
    LONGEST,
    Hours,
    Per,
    TableName,
    parse_duration,
    parse_hours,
    parse_per,
    parse_region,
    parse_since,
    parse_table,
    parse_zone,
    write_duration,
)

MS = timedelta(milliseconds=1)
NOT_TEXT: list[Any] = [None, True, False, 0, 10, 1.5, [], ["10m"], {"10m": 1}, b"10m"]
"""What YAML may hand over instead of a text; none of it may be taken for one."""

durations = st.integers(0, LONGEST // MS).map(lambda number: number * MS)


# Durations


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("500ms", 0.5),
        ("1ms", 0.001),
        ("0s", 0),
        ("90s", 90),
        ("10m", 600),
        ("72h", 259200),
        ("14d", 1209600),
        ("3650d", 315360000),
        ("  10 m ", 600),
        ("010m", 600),
    ],
)
def test_a_duration(written: str, seconds: float) -> None:
    assert parse_duration(written).total_seconds() == seconds


@pytest.mark.parametrize(
    "written",
    [
        *NOT_TEXT, "", "10", "m", "10 minutes", "1.5h", "1,5h", "-5m", "+5m", "1h30m", "10M", "1w", "1_000s", "0x10s",
        "10:00", "00:10:00", "PT10M", "١٠m", "1e3s", "3651d", "315360001s", "999999999999d", "9" * 5000 + "d",
    ],
)  # fmt: skip
def test_not_a_duration(written: Any) -> None:
    with pytest.raises(ValueError, match=r"^a duration is written as 90s, 10m, 72h or 14d, and is at most 3650d$"):
        parse_duration(written)


@pytest.mark.parametrize(
    ("duration", "written"),
    [
        (timedelta(0), "0ms"),
        (timedelta(milliseconds=1500), "1500ms"),
        (timedelta(seconds=90), "90s"),
        (timedelta(hours=1), "1h"),
        (timedelta(days=3), "72h"),
        (timedelta(days=13), "312h"),
        (timedelta(days=14), "14d"),
        (timedelta(days=14, hours=1), "337h"),
    ],
)
def test_a_duration_is_written_as_people_write_it(duration: timedelta, written: str) -> None:
    assert write_duration(duration) == written


@given(durations)
def test_a_duration_is_read_back(duration: timedelta) -> None:
    assert parse_duration(write_duration(duration)) == duration


# Rates


@pytest.mark.parametrize(
    ("written", "count", "seconds", "interval"),
    [
        ("1/s", 1, 1, 1),
        ("30/m", 30, 60, 2),
        ("3/24h", 3, 86400, 28800),
        ("1/14d", 1, 1209600, 1209600),
        ("2/500ms", 2, 0.5, 0.25),
        ("1/ms", 1, 0.001, 0.001),
        (" 5 / 10 s ", 5, 10, 2),
    ],
)
def test_a_rate(written: str, count: int, seconds: float, interval: float) -> None:
    rate = parse_per(written)

    assert (rate.count, rate.period.total_seconds()) == (count, seconds)
    assert rate.interval.total_seconds() == interval


@pytest.mark.parametrize(
    "written",
    [*NOT_TEXT, "", "1", "/s", "1/", "s/1", "0/s", "1/0s", "-1/s", "1.5/s", "1/s/s", "1 per s", "1/w", "٣/s", "9" * 10],
)
def test_not_a_rate(written: Any) -> None:
    with pytest.raises(ValueError, match=r"^a rate is written as 1/s, 30/m or 3/24h$"):
        parse_per(written)


def test_a_rate_over_too_long_a_time() -> None:
    with pytest.raises(ValueError, match="at most 3650d"):
        parse_per("1/3651d")


@given(st.integers(1, 10**9 - 1), durations.filter(bool))
def test_a_rate_is_read_back(count: int, period: timedelta) -> None:
    assert parse_per(str(Per(count, period))) == Per(count, period)


@pytest.mark.parametrize("written", ["1/s", "30/m", "3/24h", "1/h", "5/ms", "7/15m"])
def test_a_rate_is_written_as_it_was(written: str) -> None:
    assert str(parse_per(written)) == written


# Hours of the day


@pytest.mark.parametrize(
    ("written", "starts", "ends"),
    [
        ("21:00-09:00", time(21, 0), time(9, 0)),
        ("9:30 - 17:05", time(9, 30), time(17, 5)),
        ("00:00-23:59", time(0, 0), time(23, 59)),
        ("23:00-0:00", time(23, 0), time(0, 0)),
    ],
)
def test_quiet_hours(written: str, starts: time, ends: time) -> None:
    assert parse_hours(written) == Hours(starts, ends)


def test_no_quiet_hours() -> None:
    assert parse_hours("off") is None


@pytest.mark.parametrize(
    "written",
    [
        *NOT_TEXT, "", "21:00", "21-9", "24:00-09:00", "21:00-24:00", "21:60-09:00", "21:00-09:60", "21:0-09:00",
        "21:00-09:00-10:00", "9pm-9am", "OFF", "none", "NO", "21.00-09.00", "٢١:00-09:00",
    ],
)  # fmt: skip
def test_not_quiet_hours(written: Any) -> None:
    """Least of all nothing: a key that was emptied must not switch them off."""
    with pytest.raises(ValueError, match=r"^quiet hours are written as 21:00-09:00, or off$"):
        parse_hours(written)


def test_quiet_hours_of_no_length() -> None:
    with pytest.raises(ValueError, match="write off"):
        parse_hours("09:00-9:00")


@given(st.times(), st.times())
def test_quiet_hours_are_read_back(starts: time, ends: time) -> None:
    hours = Hours(starts.replace(second=0, microsecond=0), ends.replace(second=0, microsecond=0))

    if hours.starts != hours.ends:
        assert parse_hours(str(hours)) == hours


# Tables


@pytest.mark.parametrize(
    ("written", "schema", "name"),
    [
        ("public.bookings", "public", "bookings"),
        ("bookings", "public", "bookings"),
        (" venue.bookings ", "venue", "bookings"),
        ("Booking", "public", "Booking"),
        ('"Booking"', "public", "Booking"),
        ('app."My Bookings"', "app", "My Bookings"),
        ('"a.b"."c.d"', "a.b", "c.d"),
        ('"say ""hi"""', "public", 'say "hi"'),
    ],
)
def test_a_table(written: str, schema: str, name: str) -> None:
    assert parse_table(written) == TableName(schema, name)


@pytest.mark.parametrize(
    "written", [*NOT_TEXT, "", ".", "a.", ".a", "a.b.c", "my table", '""', '"a', 'a"b', "a;b c", "a b.c"]
)
def test_not_a_table(written: Any) -> None:
    with pytest.raises(ValueError, match=r"^a table is written as schema\.table"):
        parse_table(written)


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_table_is_read_back(schema: str, name: str) -> None:
    assert parse_table(str(TableName(schema, name))) == TableName(schema, name)


@pytest.mark.parametrize("written", ["public.bookings", 'public."Booking"', '"My App".t_1'])
def test_a_table_is_quoted_only_where_sql_needs_it(written: str) -> None:
    assert str(parse_table(written)) == written


# Zones, dates, regions


@pytest.mark.parametrize("written", ["Europe/London", "UTC", "America/Argentina/Buenos_Aires", " Asia/Kolkata "])
def test_a_zone(written: str) -> None:
    assert parse_zone(written).key == written.strip()


@pytest.mark.parametrize(
    "written",
    [*NOT_TEXT, "", "London", "europe/london", "GMT+1", "+01:00", "Europe/Londn", "../etc/passwd", "/etc/localtime"],
)
def test_not_a_zone(written: Any) -> None:
    with pytest.raises(ValueError, match="IANA name"):
        parse_zone(written)


@pytest.mark.parametrize(
    ("written", "day"), [("2026-05-01", date(2026, 5, 1)), ("2024-02-29", date(2024, 2, 29)), ("installed", None)]
)
def test_since(written: str, day: date | None) -> None:
    assert parse_since(written) == day


@pytest.mark.parametrize(
    "written",
    [
        *NOT_TEXT, "", "yesterday", "2026-5-1", "01.05.2026", "20260501", 20260501, "2026-05-01 10:00",
        "2026-05-01T00:00:00Z", "0001-01-01", "9999-12-31", "2026-02-30", "2026-13-01", "2025-02-29",
    ],
)  # fmt: skip
def test_not_a_day(written: Any) -> None:
    with pytest.raises(ValueError):
        parse_since(written)


@pytest.mark.parametrize("written", ["GB", "IE", "NO", "US"])
def test_a_region(written: str) -> None:
    assert parse_region(written) == written


@pytest.mark.parametrize("written", [*NOT_TEXT, "", "UK", "gb", "GBR", "XX", "44", "+44"])
def test_not_a_region(written: Any) -> None:
    """With UK, every number without a country code would be unreadable, and every customer refused."""
    with pytest.raises(ValueError, match="such as GB"):
        parse_region(written)
