"""The decisions about coverage: a seeded year without a false alarm, and what must be told."""

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from reconciler.domain.decide.coverage import KNOWN_DAYS, RUN, CoverageFacts, Drop, OpenDrop, Outs, judge, tail
from reconciler.domain.decide.pauses import YEAR, Pauses, judge_pause
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


def is_closed(day: date) -> bool:
    return (day.month, day.day) >= (12, 23) or (day.month, day.day) <= (1, 4)


def year_of(a_day: int, seed: int) -> list[Counter[Outs]]:
    """Two years of days. Weekends are busy, seasons differ, shares vary from day to day; closed at Christmas."""
    dice = random.Random(seed)
    days = []
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        counts: Counter[Outs] = Counter()
        if not is_closed(day):
            season = 0.6 if day.month in (1, 2) else 1.3 if day.month in (6, 7, 11) else 1.0
            weekend = 1.6 if day.weekday() >= 4 else 0.8
            mean = a_day * season * weekend * dice.uniform(0.7, 1.3)
            made = max(0, round(dice.gauss(mean, mean**0.5)))
            phone, cancelled, undated = (dice.betavariate(8, 240), dice.betavariate(12, 240), dice.betavariate(5, 200))
            for outs, share in ((NO_PHONE, phone), (CANCELLED, cancelled), (NO_DATE, undated)):
                counts[outs] = (
                    dice.binomialvariate(made, share)
                    if hasattr(dice, "binomialvariate")
                    else sum(dice.random() < share for _ in range(made))
                )
            counts[COVERED] = max(0, made - counts.total())
        days.append(counts)
    return days


def facts_of(days: list[Counter[Outs]], at: int, dice: random.Random) -> CoverageFacts:
    """What is known at the end of day ``at``."""
    today = FIRST + timedelta(days=at)
    recent: list[tuple[date, Outs]] = []
    for back in range(at, -1, -1):
        number = min(RUN, days[back].total())
        made = dice.choices(list(days[back]), weights=list(days[back].values()), k=number) if number else []
        recent += [(FIRST + timedelta(days=back), outs) for outs in made[:RUN]]
        if len(recent) >= RUN:
            break
    return CoverageFacts(
        kinds=KINDS,
        new=days[at],
        recent=recent[:RUN],
        days={FIRST + timedelta(days=one): days[one] for one in range(max(0, at - KNOWN_DAYS), at)},
        today=today,
        new_since=today,
    )


@pytest.mark.parametrize("a_day", [3, 30, 3000])
@pytest.mark.parametrize("seed", range(5))
def test_a_year_of_an_ordinary_venue_raises_no_false_alarm(a_day: int, seed: int) -> None:
    days, dice = year_of(a_day, seed), random.Random(seed)
    told = []
    for at in range(28, DAYS):
        drops = judge(facts_of(days, at, dice)).drops
        told += [(FIRST + timedelta(days=at), drop) for drop in drops]
    assert told == []


@pytest.mark.parametrize("a_day", [3, 30, 3000])
@pytest.mark.parametrize("seed", range(5))
def test_christmas_is_no_unusual_pause(a_day: int, seed: int) -> None:
    """Also in the first year, of which the table shows no closure yet."""
    days, dice = year_of(a_day, seed), random.Random(seed)
    start = datetime(2024, 1, 1, tzinfo=UTC)
    made = sorted(
        start + timedelta(days=number, hours=dice.uniform(9, 22))
        for number, counts in enumerate(days)
        for _ in range(min(counts.total(), 40))
    )
    told = []
    for number in range(60, DAYS):
        now = start + timedelta(days=number, hours=12)
        known = [at for at in made if now - YEAR <= at <= now] if number % 3 == 0 else None
        if known:
            longest = max(later - earlier for earlier, later in pairwise(known))
            if judge_pause(Pauses(first=made[0], last=known[-1], longest=longest), now):
                told.append(now)
    assert told == []


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
    assert judge(steady(NO_PHONE, 7, a_day=3)).drops == ()


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
    for lasting, told in ((10, True), (27, True), (60, False)):
        began = today - timedelta(days=lasting)
        days = {day: Counter({NO_PHONE: 30}) if day >= began else counts for day, counts in before.days.items()}
        days |= {today - timedelta(days=back): Counter({COVERED: 30}) for back in range(61, 90)}
        facts = CoverageFacts(**{**_fields(before), "days": days, "recent": [(today, NO_PHONE)] * RUN})
        opened = OpenDrop(reason="phone", kinds=(SMS,), base_until=began)
        assert bool(judge(facts, [opened]).drops) is told, lasting


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
