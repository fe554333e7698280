"""The decisions about coverage: a seeded year without a false alarm, and what must be told."""

import random
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from math import pi, sin

import pytest

from reconciler.domain.decide.coverage.drops import KNOWN_DAYS, RUN, CoverageFacts, Drop, OpenDrop, judge
from reconciler.domain.decide.coverage.past_shares import Outs, tail
from reconciler.domain.decide.coverage.pauses import YEAR, Pauses, judge_pause
from reconciler.domain.gaps import GapKind

SMS, CALENDAR = GapKind.SMS_MISSING, GapKind.CALENDAR_MISSING
KINDS = (SMS, CALENDAR)
COVERED: Outs = ()
NO_PHONE: Outs = ((SMS, "phone"),)
NO_DATE: Outs = ((SMS, "date_set"), (CALENDAR, "date_set"))
CANCELLED: Outs = ((SMS, "status:cancelled"), (CALENDAR, "status:cancelled"))
FIRST = date(2024, 1, 1)
DAYS = 731
"""A year of history, and a year that is watched."""
WEEK = (0.5, 0.6, 0.8, 1.0, 1.5, 1.8, 0.8)
ORDINARY = {NO_PHONE: 0.08, CANCELLED: 0.05, NO_DATE: 0.03}
"""The share of bookings that a rule does not apply to, in an ordinary year."""
A_DAY, SEEDS = [3, 30, 3000], range(5)


def is_closed(day: date) -> bool:
    """Two weeks at Christmas."""
    return (day.month, day.day) >= (12, 22) or (day.month, day.day) <= (1, 4)


def drawn(dice: random.Random, number: int, share: float) -> int:
    """How many of ``number`` have what ``share`` of all have."""
    if number * share < 20:
        return sum(dice.random() < share for _ in range(number)) if number < 100 else poisson(dice, number * share)
    return min(number, max(0, round(dice.gauss(number * share, (number * share * (1 - share)) ** 0.5))))


def poisson(dice: random.Random, mean: float) -> int:
    if mean > 50:
        return max(0, round(dice.gauss(mean, mean**0.5)))
    number, passed = 0, dice.expovariate(1)
    while passed < mean:
        number, passed = number + 1, passed + dice.expovariate(1)
    return number


def bookings_of(dice: random.Random, made: int, shares: dict[Outs, float]) -> Counter[Outs]:
    counts = Counter({outs: drawn(dice, made, share) for outs, share in shares.items()})
    counts[COVERED] = max(0, made - counts.total())
    return +counts


@cache
def halves_of(a_day: int, seed: int) -> tuple[Counter[Outs], ...]:
    """Two years of half days.

    Their number follows the season and the weekday, and varies more than chance makes it. Each share varies from day to
    day by a factor of two.
    """
    dice, halves = random.Random(seed), []
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        season = 1 + 0.4 * sin(2 * pi * (day.timetuple().tm_yday - 80) / 365)
        mean = 0 if is_closed(day) else a_day * season * WEEK[day.weekday()] * dice.gammavariate(12, 1 / 12)
        shares = {outs: share * 2 ** dice.uniform(-0.5, 0.5) for outs, share in ORDINARY.items()}
        halves += [bookings_of(dice, poisson(dice, mean / 2), shares) for _ in range(2)]
    return tuple(halves)


def days_of(halves: Sequence[Counter[Outs]]) -> list[Counter[Outs]]:
    return [one + other for one, other in zip(halves[::2], halves[1::2], strict=True)]


def facts_of(
    halves: Sequence[Counter[Outs]], days: Sequence[Counter[Outs]], at: int, dice: random.Random
) -> CoverageFacts:
    """What is known after the half day ``at``: at midnight, or at noon."""
    today = FIRST + timedelta(days=at // 2)
    recent: list[tuple[date, Outs]] = []
    for back in (one for one in range(at, -1, -1) if halves[one]):
        made = dice.sample(list(halves[back]), min(RUN, halves[back].total()), counts=halves[back].values())
        recent += [(FIRST + timedelta(days=back // 2), outs) for outs in made]
        if len(recent) >= RUN:
            break
    first = max(0, at // 2 - KNOWN_DAYS)
    return CoverageFacts(
        kinds=KINDS,
        new=halves[at] + halves[at - 1],
        recent=recent[:RUN],
        days={FIRST + timedelta(days=one): days[one] for one in range(first, at // 2)},
        today=today,
        new_since=today if at % 2 else today - timedelta(days=1),
    )


@pytest.mark.parametrize("a_day", A_DAY)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_year_of_an_ordinary_venue_raises_no_false_alarm(a_day: int, seed: int) -> None:
    halves, dice = halves_of(a_day, seed), random.Random(seed)
    days = days_of(halves)
    looks = range(2 * (DAYS - 365), 2 * DAYS)
    assert [(at, drops) for at in looks if (drops := judge(facts_of(halves, days, at, dice)).drops)] == []


UNKNOWN_STATUS: Outs = ((SMS, "status:tentative"), (CALENDAR, "status:tentative"))
SILENCES = {
    "no phone for a day": (NO_PHONE, 1.0, 1),
    "no phone for good": (NO_PHONE, 1.0, 40),
    "half without phone for two days": (NO_PHONE, 0.5, 2),
    "an unknown status for 30 % from one day on": (UNKNOWN_STATUS, 0.3, 200),
}
BEGINS = [date(2025, 2, 6), date(2025, 5, 3), date(2025, 8, 13), date(2025, 11, 28)]
"""A Thursday in the quiet season, a Saturday, a Wednesday in summer, a Friday."""


def silenced(a_day: int, seed: int, began: date, silence: str) -> list[Counter[Outs]]:
    """The same two years, with the silence in them."""
    outs, share, lasts = SILENCES[silence]
    halves, dice, first = list(halves_of(a_day, seed)), random.Random(seed), 2 * (began - FIRST).days
    for at in range(first, min(first + 2 * lasts, len(halves))):
        before = halves[at]
        moved = Counter({one: drawn(dice, number, share) for one, number in before.items() if one != outs})
        halves[at] = +(before - moved + Counter({outs: moved.total()}))
    return halves


@pytest.mark.parametrize("began", BEGINS, ids=str)
@pytest.mark.parametrize("a_day", [30, 3000])
@pytest.mark.parametrize("silence", SILENCES)
def test_a_silence_is_told_within_two_days(a_day: int, began: date, silence: str) -> None:
    first, reason = 2 * (began - FIRST).days, SILENCES[silence][0][0][1]
    for seed in SEEDS:
        halves, dice = silenced(a_day, seed, began, silence), random.Random(seed)
        days = days_of(halves)
        drops = [drop for at in range(first, first + 4) for drop in judge(facts_of(halves, days, at, dice)).drops]
        assert {drop.reason for drop in drops} == {reason}, seed


@pytest.mark.parametrize("began", BEGINS, ids=str)
@pytest.mark.parametrize(("silence", "within"), [("no phone for good", 10), (list(SILENCES)[-1], 60)])
def test_a_quiet_venue_is_told_after_some_bookings(began: date, silence: str, within: int) -> None:
    """Of 30 % it needs more of them: three of ten are no proof, where every day differs."""
    first, reason = 2 * (began - FIRST).days, SILENCES[silence][0][0][1]
    for seed in SEEDS:
        halves, dice = silenced(3, seed, began, silence), random.Random(seed)
        days = days_of(halves)
        at = next(at for at in range(first, len(halves)) if judge(facts_of(halves, days, at, dice)).drops)
        # Up to the look before the one that found it: within a half day, nobody looks.
        assert sum(halves[one].total() for one in range(first, at)) < within, seed
        assert {drop.reason for drop in judge(facts_of(halves, days, at, dice)).drops} == {reason}


@pytest.mark.parametrize("a_day", A_DAY)
@pytest.mark.parametrize("seed", SEEDS)
def test_christmas_is_no_unusual_pause(a_day: int, seed: int) -> None:
    """Also in the first year, of which the table shows no closure yet."""
    dice, start = random.Random(seed), datetime(2024, 1, 1, tzinfo=UTC)
    made = sorted(
        start + timedelta(days=number / 2, hours=dice.uniform(0, 12))
        for number, counts in enumerate(halves_of(a_day, seed))
        for _ in range(min(counts.total(), 10))
    )
    pauses = [later - earlier for earlier, later in pairwise(made)]
    for number in range(60, DAYS):
        now = start + timedelta(days=number, hours=12)
        known, old = bisect_right(made, now), bisect_left(made, now - YEAR)
        longest = max(pauses[old : known - 1])
        assert judge_pause(Pauses(first=made[0], last=made[known - 1], longest=longest), now) is None, now


def steady(outs: Outs, number: int, *, a_day: int, days: int = 60, usual: Counter[Outs] | None = None) -> CoverageFacts:
    """``number`` new bookings with ``outs``, after days of ``a_day`` bookings that are as usual."""
    today = date(2026, 6, 10)
    a = usual or Counter({COVERED: a_day})
    days_before = {today - timedelta(days=back): a for back in range(1, days + 1)}
    recent = [(today, outs)] * min(number, RUN)
    recent += [(today - timedelta(days=1), COVERED)] * (RUN - len(recent))
    return CoverageFacts(kinds=KINDS, new={outs: number}, recent=recent, days=days_before, today=today, new_since=today)


@pytest.mark.parametrize("outs", [NO_PHONE, NO_DATE, CANCELLED, ((SMS, "ahead"), (CALENDAR, "ahead"))])
@pytest.mark.parametrize(("number", "a_day"), [(8, 3), (20, 3), (40, 3), (30, 30), (3000, 3000)])
def test_bookings_that_all_fall_out_are_told(outs: Outs, number: int, a_day: int) -> None:
    (drop,) = judge(steady(outs, number, a_day=a_day)).drops
    assert (drop.reason, drop.kinds, drop.number) == (outs[0][1], tuple(kind for kind, _ in outs), min(number, drop.of))


def test_seven_in_a_row_are_not_told() -> None:
    """After a week, of which nothing is known that would make them unlikely."""
    assert judge(steady(NO_PHONE, 7, a_day=3, days=7)).drops == ()


def test_a_reason_that_is_usual_is_not_told() -> None:
    usual = Counter({COVERED: 1, NO_PHONE: 2})
    assert judge(steady(NO_PHONE, 8, a_day=3, usual=usual)).drops == ()


def test_a_tenth_of_a_busy_venue_is_told() -> None:
    facts = steady(COVERED, 2700, a_day=3000, usual=Counter({COVERED: 2940, NO_PHONE: 60}))
    (drop,) = judge(CoverageFacts(**{**_fields(facts), "new": {COVERED: 2700, NO_PHONE: 300}})).drops
    assert (drop.reason, drop.number, drop.of) == ("phone", 300, 3000)


def test_a_repeated_outage_is_told_although_the_first_is_among_the_days_before() -> None:
    facts = steady(NO_PHONE, 40, a_day=40)
    days = {**facts.days, date(2026, 6, 1): {NO_PHONE: 40}}
    (drop,) = judge(CoverageFacts(**{**_fields(facts), "days": days})).drops
    assert drop.reason == "phone"


def test_a_drop_is_what_is_usual_once_it_has_lasted_for_28_days() -> None:
    """Until then, the bookings since it began do not say what is usual."""
    before = steady(NO_PHONE, 30, a_day=30)
    today = before.today
    for lasting, open_ in ((10, True), (27, True), (60, False)):
        began = today - timedelta(days=lasting)
        days = {day: Counter({NO_PHONE: 30}) if day >= began else counts for day, counts in before.days.items()}
        days |= {today - timedelta(days=back): Counter({COVERED: 30}) for back in range(61, 90)}
        facts = CoverageFacts(**{**_fields(before), "days": days, "recent": [(today, NO_PHONE)] * RUN})
        opened = OpenDrop(reason="phone", kinds=(SMS,), base_until=began)
        assert bool(judge(facts, [opened]).drops) is open_, lasting


def _fields(facts: CoverageFacts) -> dict[str, object]:
    return {name: getattr(facts, name) for name in CoverageFacts.__dataclass_fields__}


def test_a_rule_that_applies_to_nothing_is_told_however_slowly_bookings_come() -> None:
    today = date(2026, 6, 10)
    days = {today - timedelta(days=back): {CANCELLED: 1} for back in range(1, 9)}
    facts = CoverageFacts(
        kinds=KINDS, new={}, recent=[(day, CANCELLED) for day in days], days=days, today=today, new_since=today
    )
    (drop,) = judge(facts).drops
    assert drop == Drop(reason="status:cancelled", kinds=KINDS, number=8, of=8, usual=None, base_until=today)


def test_60_days_of_history_are_wanted() -> None:
    now = datetime(2026, 6, 10, tzinfo=UTC)
    young = Pauses(first=now - timedelta(days=59), last=now - timedelta(days=30), longest=timedelta(days=1))
    assert judge_pause(young, now) is None
    older = Pauses(first=now - timedelta(days=500), last=now - timedelta(days=4), longest=timedelta(days=1))
    assert judge_pause(older, now) is not None
    assert judge_pause(Pauses(first=None, last=None, longest=timedelta(0)), now) is None


@pytest.mark.parametrize(
    ("number", "of", "usual", "total", "likely"), [(0, 5, 1, 9, 1.0), (2, 2, 0, 2, 1 / 6), (1, 2, 1, 2, 5 / 6)]
)
def test_how_likely_a_share_is(number: int, of: int, usual: int, total: int, likely: float) -> None:
    assert tail(number, of, usual, total) == pytest.approx(likely)
