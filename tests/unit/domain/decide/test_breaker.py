"""The breaker's numbers: what it counts, what it is a share of, what goes on, and what a sample proves."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.domain.bookings import Booking, BookingId
from reconciler.domain.decide.breaker import (
    MOST_ASKED,
    SAMPLE,
    Demand,
    Presence,
    Proof,
    candidates_of,
    check_backfill,
    check_breaker,
    floor_of,
    hold_beyond,
    judge_sample,
    mark_refused_alike,
    sample,
)
from reconciler.domain.decide.plan import BreakerTrip, Decision, Plan
from reconciler.domain.decide.policies import Breaker
from reconciler.domain.decide.verdicts import Condition, Hold, Refusal, Verdict, VerdictStatus, held, refused
from reconciler.domain.gaps import Cause, Gap, GapKind

NOW = datetime(2026, 6, 1, tzinfo=UTC)
REPAIR = Verdict(status=VerdictStatus.REPAIRABLE, cause=Cause.NEVER_QUEUED)
BREAKER = Breaker(floor=25, ratio=0.5, ratio_from=5)
QUIET = Demand(due=0, busiest_day=0)


def decision(number: int, verdict: Verdict = REPAIR, *, is_new: bool = True) -> Decision:
    booking = Booking(
        id=BookingId(f"{number:04d}"),
        status="confirmed",
        created_at=NOW,
        starts_at=NOW + timedelta(days=1000 - number),
        ends_at=None,
        event_id=None,
        first_name="Ana",
        name="Ana Lima",
        phones=(),
    )
    return Decision(booking=booking, verdict=verdict, trigger="booking_confirmed", subject="", is_new=is_new)


def plan(decisions: Sequence[Decision], fine: int = 0) -> Plan:
    return Plan(
        kind=GapKind.SMS_MISSING,
        checked=fine + len(decisions),
        by_condition={(Condition.NO_TEXT, ""): fine},
        decisions=decisions,
    )


def new(number: int) -> list[Decision]:
    return [decision(index) for index in range(number)]


@pytest.mark.parametrize(
    ("setting", "busiest", "floor"), [(25, 0, 5), (25, 7, 7), (25, 25, 25), (25, 400, 25), (3, 400, 3), (0, 0, 0)]
)
def test_the_floor_is_the_smaller_of_the_setting_and_a_busy_day(setting: int, busiest: int, floor: int) -> None:
    assert floor_of(Breaker(floor=setting, ratio=0.5, ratio_from=5), Demand(due=0, busiest_day=busiest)) == floor


@pytest.mark.parametrize(
    ("found", "repaired", "due", "busiest", "goes_on"),
    [
        (0, 400, 10, 10, None),  # nothing is new
        (5, 0, 0, 0, None),  # the least floor itself
        (6, 0, 0, 0, 5),
        (25, 0, 25, 25, None),
        (75, 0, 25, 25, 25),  # C1
        (1, 24, 25, 25, None),
        (2, 24, 25, 25, 1),  # the portions of a day add up
        (9, 30, 25, 25, 0),
        (50, 0, 100, 100, None),  # half is not more than half
        (51, 0, 100, 100, 25),
        (26, 25, 100, 100, 0),
        (6, 0, 4, 4, 5),  # a share of four bookings says nothing
    ],
)
def test_what_trips_it(found: int, repaired: int, due: int, busiest: int, goes_on: int | None) -> None:
    made = plan(new(found), fine=100_000)  # however many bookings are fine
    trip = check_breaker(made, BREAKER, Demand(due=due, busiest_day=busiest), repaired, None)
    assert (trip and trip.goes_on) == goes_on
    if trip:
        assert trip == BreakerTrip(
            found=found, checked=due, allowed=trip.goes_on, goes_on=trip.goes_on, repaired=repaired
        )


@pytest.mark.parametrize(
    ("ratio", "ratio_from", "due", "found", "trips"),
    [
        (0.25, 5, 100, 25, False),
        (0.25, 5, 100, 26, True),
        (0.5, 5, 100, 26, False),
        (0, 5, 100, 3, False),  # the floor itself
        (0, 5, 100, 4, True),
        (1, 5, 100, 100, False),
        (1, 5, 100, 101, True),
        (1, 10, 9, 4, True),  # below ratio_from the floor decides
        (1, 10, 10, 4, False),
        (1, 5, 9, 4, False),
    ],
)
def test_the_ratio_is_that_of_the_settings(ratio: float, ratio_from: int, due: int, found: int, *, trips: bool) -> None:
    breaker, demand = Breaker(floor=3, ratio=ratio, ratio_from=ratio_from), Demand(due=due, busiest_day=due)
    assert (check_breaker(plan(new(found)), breaker, demand, 0, None) is not None) is trips
    assert (check_backfill(plan(new(found), due - found), breaker, 0, None) is not None) is trips


def test_what_was_begun_goes_on_and_then_what_starts_soonest() -> None:
    made = plan([*new(7), decision(8, is_new=False)])
    trip = check_breaker(made, BREAKER, QUIET, 1, None)
    assert trip is not None
    kept = hold_beyond(made, trip)
    assert [d.booking.id for d in kept.repairs] == ["0003", "0004", "0005", "0006", "0008"]
    assert {d.verdict for d in kept.decisions if d not in kept.repairs} == {held(Hold.BREAKER, Cause.BREAKER)}
    assert trip.held == 3


def test_what_is_refused_or_waits_does_not_count() -> None:
    kinds = [refused(Refusal.OLD), held(Hold.BACKOFF, Cause.NEVER_QUEUED)]
    made = plan([decision(number, kinds[number % 2]) for number in range(100)])
    assert check_breaker(made, Breaker(floor=0, ratio=0, ratio_from=1), QUIET, 0, None) is None


@pytest.mark.parametrize(
    ("found", "most", "trips"),
    [(400, 400, False), (401, 400, True), (0, 0, False), (1, 0, True), (2, 1, True)],
)
def test_max_stands_in_for_the_breaker(found: int, most: int, *, trips: bool) -> None:
    made = plan([*new(found), decision(9000, is_new=False)])
    trip = check_breaker(made, BREAKER, QUIET, 10_000, most)
    assert (trip is not None) is trips
    assert trip is None or (trip.allowed, trip.goes_on, trip.held) == (most, 0, found)


@pytest.mark.parametrize(
    ("found", "fine", "repaired", "trips"),
    [
        (25, 0, 0, False),
        (26, 0, 0, True),
        (26, 26, 0, False),
        (20, 0, 6, True),
        (3, 1, 30, True),  # of four bookings no share is taken: the floor decides, as in a pass
        (3, 1, 22, False),
        (3, 197, 30, False),
    ],
)
def test_a_backfill_counts_by_itself_and_is_a_share_of_its_range(
    found: int, fine: int, repaired: int, *, trips: bool
) -> None:
    assert (check_backfill(plan(new(found), fine), BREAKER, repaired, None) is not None) is trips


@pytest.mark.parametrize(
    ("seen", "proof"),
    [
        ([], Proof.HELD),
        ([Presence.ABSENT] * 10, Proof.LIFTED),
        ([Presence.ABSENT], Proof.LIFTED),
        ([Presence.ABSENT] * 9 + [Presence.UNDECIDED], Proof.HELD),
        ([Presence.ABSENT] * 9 + [Presence.PRESENT], Proof.LOCKED),
        ([Presence.UNDECIDED, Presence.PRESENT], Proof.LOCKED),
    ],
)
def test_what_a_sample_proves(seen: list[Presence], proof: Proof) -> None:
    assert judge_sample(seen) is proof


@pytest.mark.parametrize(("number", "size"), [(1, 1), (9, 9), (10, 10), (11, 10), (400, 10)])
def test_the_sample_reaches_from_the_first_to_the_last(number: int, size: int) -> None:
    made = plan(new(number)).holding(Hold.BREAKER, Cause.BREAKER)
    candidates = [d.booking.id for d in candidates_of(made)]
    assert len(set(candidates)) == len(candidates) == min(number, MOST_ASKED)
    spread = candidates[:SAMPLE]
    assert (len(spread), spread[0], spread[-1]) == (size, f"{number - 1:04d}", "0000")


A, P, U, L = Presence.ABSENT, Presence.PRESENT, Presence.UNDECIDED, Presence.LEFT_OUT


@pytest.mark.parametrize(
    ("answers", "seen", "asked"),
    [
        ([A] * 15, [A] * 10, 10),
        ([L, *[A] * 15], [A] * 10, 11),
        ([L, A, L, A], [A, A], 4),
        ([L] * 20, [], 20),
        ([L, A, P, A], [A, P], 3),
        ([U, P], [U], 1),
    ],
)
def test_one_that_cannot_be_read_is_left_out_and_another_is_asked_about(
    answers: list[Presence], seen: list[Presence], asked: int
) -> None:
    left = iter(answers)
    assert sample(left) == seen
    assert len(list(left)) == len(answers) - asked


def gap(number: int, reason: str, cause: Cause = Cause.UNUSABLE_DATA, days: float = 0) -> tuple[BookingId, Gap]:
    about = BookingId(f"{number:04d}")
    opened = NOW - timedelta(days=days)
    return about, Gap(kind=GapKind.SMS_MISSING, about=about, cause=cause, reason=reason, opened_at=opened)


def causes(made: Plan) -> set[Cause | None]:
    return {d.verdict.cause for d in made.decisions}


@pytest.mark.parametrize(("number", "cause"), [(5, Cause.UNUSABLE_DATA), (6, Cause.REFUSED_ALIKE)])
def test_many_refusals_for_one_new_reason_are_systemic(number: int, cause: Cause) -> None:
    made = plan([decision(index, refused(Refusal.PHONE_UNUSABLE)) for index in range(number)])
    assert causes(mark_refused_alike(made, {}, BREAKER, QUIET, NOW)) == {cause}


def test_refusals_that_are_old_news_or_differ_are_not_systemic() -> None:
    same = [decision(index, refused(Refusal.PHONE_UNUSABLE)) for index in range(30)]
    old = dict(gap(index, Refusal.PHONE_UNUSABLE, days=2) for index in range(26))
    assert causes(mark_refused_alike(plan(same), old, BREAKER, QUIET, NOW)) == {Cause.UNUSABLE_DATA}
    reasons = (Refusal.PHONE_UNUSABLE, Refusal.NO_DATE, Refusal.TEXT_UNWRITABLE, Refusal.ENDS_BEFORE_START)
    mixed = plan([decision(index, refused(reasons[index % 4])) for index in range(20)])
    assert causes(mark_refused_alike(mixed, {}, BREAKER, QUIET, NOW)) == {Cause.UNUSABLE_DATA}


def test_a_gap_keeps_the_systemic_cause_while_it_keeps_its_reason() -> None:
    made = plan([decision(index, refused(Refusal.PHONE_UNUSABLE)) for index in range(2)])
    was = dict([gap(0, Refusal.PHONE_UNUSABLE, Cause.REFUSED_ALIKE, 9), gap(1, Refusal.OLD, Cause.REFUSED_ALIKE, 9)])
    marked = mark_refused_alike(made, was, BREAKER, QUIET, NOW)
    assert [d.verdict.cause for d in marked.decisions] == [Cause.REFUSED_ALIKE, Cause.UNUSABLE_DATA]
    assert marked == replace(made, decisions=marked.decisions)
