"""A crontab line as a setting, and its times: compared with cron's own rules, written down a second time."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from reconciler.settings.file.crontab import parse_cron
from reconciler.timing.schedule import CrontabTrigger

LONDON, SYDNEY = ZoneInfo("Europe/London"), ZoneInfo("Australia/Sydney")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("0 10 * * mon", "0 10 * * mon"),
        (" 30  4 * *\t* ", "30 4 * * *"),
        ("*/15 9-17 * * MON-Fri", "*/15 9-17 * * mon-fri"),
    ],
)
def test_a_good_line(written: str, read: str) -> None:
    assert parse_cron(written) == read


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("0 10 * * 1", "mon instead of 1"),
        ("0 10 * * 0", "sun instead of 0"),
        ("0 10 * * 7", "sun instead of 7"),
        ("0 10 * * 1-5", "mon-fri instead of 1-5"),
        ("0 10 * * mon,6", "sat instead of 6"),
        ("0 10 30 2 *", "five fields"),
        ("0 10 * *", "five fields"),
        ("0 0 10 * * mon", "five fields"),
        ("61 10 * * *", "as in crontab"),
        ("0 10 * * funday", "as in crontab"),
        ("@daily", "five fields"),
        ("0 10 L * *", "as in crontab"),
        ("0 10 * * mon#2", "five fields"),
        (600, "five fields"),
        (None, "five fields"),
        ("", "five fields"),
    ],
)
def test_a_line_that_is_refused(written: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_cron(written)


LINES = [
    "*/15 * * * *",
    "0 * * * *",
    "30 1 * * *",
    "0 2 * * *",
    "30 2 * * *",
    "0,30 1-3 * * *",
    "0 10 * * mon",
    "15 3 * * sun",
    "0 12 13 * fri",
    "0 0 29 2 *",
    "5 4 1,15 */3 *",
    "0 9-17/4 * * mon-fri",
]
FROM = {
    "an ordinary day": (datetime(2026, 11, 24, 5, 58, tzinfo=LONDON), LONDON),
    "before the clocks go forward": (datetime(2027, 3, 27, 23, 40, tzinfo=LONDON), LONDON),
    "before the clocks go back": (datetime(2026, 10, 24, 23, 40, tzinfo=LONDON), LONDON),
    "in the hour that comes twice": (datetime(2026, 10, 25, 1, 40, tzinfo=LONDON), LONDON),
    "on the other side of the world, forward": (datetime(2026, 10, 3, 23, 0, tzinfo=SYDNEY), SYDNEY),
    "on the other side of the world, back": (datetime(2027, 4, 3, 23, 0, tzinfo=SYDNEY), SYDNEY),
}


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize(("moment", "zone"), FROM.values(), ids=FROM.keys())
def test_the_next_ten_runs_are_those_of_a_standard_cron(line: str, moment: datetime, zone: ZoneInfo) -> None:
    trigger, after, found = CrontabTrigger(line, zone), moment, []
    for _ in range(10):
        following = trigger.get_next_fire_time(after, after)
        assert following is not None
        found.append(following.astimezone(UTC))
        after = following
    times = standard_cron(line, moment)
    assert found == [next(times) for _ in range(10)]


def standard_cron(line: str, after: datetime) -> Iterator[datetime]:
    """cron(8) of Debian, minute by minute: what it says about days, and about clocks that are put forward or back.

    A line that names hour and minute runs once for each of its civil times: one that is skipped, right when the clocks
    have gone forward; one that comes twice, the first time only. A line with a star there runs by what the clock shows.
    """
    zone = after.tzinfo
    assert isinstance(zone, ZoneInfo)
    minute, hour, *_ = line.split()
    fixed = not (minute.startswith("*") or hour.startswith("*"))
    done: set[datetime] = set()
    moment = after.astimezone(UTC).replace(second=0, microsecond=0)
    if fixed:
        done = {after.replace(tzinfo=None) - timedelta(minutes=back) for back in range(180)}
    while True:
        moment += timedelta(minutes=1)
        civil = moment.astimezone(zone).replace(tzinfo=None)
        if not on_day(line, civil):  # nothing more on that day
            tomorrow = datetime.combine(civil.date() + timedelta(days=1), datetime.min.time(), tzinfo=zone)
            moment = tomorrow.astimezone(UTC) - timedelta(minutes=1)
            continue
        if not fixed:
            if matches(line, civil):
                yield moment
            continue
        before = (moment - timedelta(minutes=1)).astimezone(zone).replace(tzinfo=None)
        skipped = max(timedelta(0), (civil - before) - timedelta(minutes=1))
        due = [civil - skipped + timedelta(minutes=m) for m in range(int(skipped.total_seconds() // 60) + 1)]
        new = [time for time in due if matches(line, time) and time not in done]
        done.update(new)
        if new:
            yield moment


def matches(line: str, civil: datetime) -> bool:
    minute, hour, *_ = line.split()
    return within(minute, civil.minute) and within(hour, civil.hour) and on_day(line, civil)


def on_day(line: str, civil: datetime) -> bool:
    _, _, day, month, weekday = line.split()
    if not within(month, civil.month):
        return False
    by_day, by_weekday = within(day, civil.day), within(weekday, int(civil.strftime("%w")))
    return by_day and by_weekday if day.startswith("*") or weekday.startswith("*") else by_day or by_weekday


def within(field: str, value: int) -> bool:
    for number, name in enumerate(DAYS):
        field = field.replace(name, str(number))
    for part in field.split(","):
        span, _, step = part.partition("/")
        low, _, high = span.partition("-")
        if span == "*":
            start, end = (1 if field.startswith("*/3") and value in range(1, 13) else 0), value
        else:
            start, end = int(low), int(high or low)
        if start <= value <= max(end, start) and (value - start) % int(step or 1) == 0:
            return True
    return False
