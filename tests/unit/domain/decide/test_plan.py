"""The plan of a pass: its counts add up, and it is refused when there is suspiciously much of it."""

from collections import Counter
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.bookings import Booking, BookingId
from reconciler.domain.decide.plan import Decision, Plan
from reconciler.domain.decide.verdicts import Condition, Hold, Refusal, Verdict, VerdictStatus, held, refused
from reconciler.domain.gaps import Cause, GapKind

BOOKING = Booking(
    id=BookingId("1a2b3c4d-0000-4000-8000-000000000000"),
    status="confirmed",
    created_at=datetime(2026, 6, 1, tzinfo=UTC),
    starts_at=None,
    ends_at=None,
    event_id=None,
    first_name="Ana",
    name="Ana Lima",
    phones=(),
)
REPAIR = Verdict(status=VerdictStatus.REPAIRABLE, cause=Cause.NEVER_QUEUED)
AGAIN = Verdict(status=VerdictStatus.REPAIRABLE, cause=Cause.APP_FAILED)


def decision(verdict: Verdict, *, is_new: bool = True) -> Decision:
    return Decision(booking=BOOKING, verdict=verdict, trigger="booking_confirmed", subject="", is_new=is_new)


def plan(*decisions: Decision, fine: int = 0, by_condition: dict[tuple[Condition, str], int] | None = None) -> Plan:
    counted = by_condition if by_condition is not None else {(Condition.NO_TEXT, ""): fine}
    checked = sum(counted.values()) + len(decisions)
    return Plan(kind=GapKind.SMS_MISSING, checked=checked, by_condition=counted, decisions=decisions)


# Counts


def test_where_everybody_stands() -> None:
    counted = {
        (Condition.STATUS, "cancelled"): 5,
        (Condition.STATUS, "completed"): 2,
        (Condition.GRACE, ""): 1,
        (Condition.DATE_SET, ""): 3,
        (Condition.NO_TEXT, ""): 14,
    }
    decisions = [
        decision(REPAIR),
        decision(AGAIN, is_new=False),
        decision(refused(Refusal.OLD)),
        decision(held(Hold.QUIET_HOURS, Cause.NEVER_QUEUED)),
    ]

    assert plan(*decisions, by_condition=counted).counts().tally() == {
        (VerdictStatus.NOT_APPLICABLE, "cancelled"): 5,
        (VerdictStatus.NOT_APPLICABLE, "completed"): 2,
        (VerdictStatus.HELD, "grace"): 1,
        (VerdictStatus.NOT_APPLICABLE, "date_set"): 3,
        (VerdictStatus.OK, "no_text"): 14,
        (VerdictStatus.REPAIRABLE, ""): 2,
        (VerdictStatus.NEEDS_HUMAN, "old"): 1,
        (VerdictStatus.HELD, "quiet_hours"): 1,
    }


labels = st.sampled_from(["", "cancelled", "old", "grace"])
verdicts = st.one_of(
    st.just(REPAIR),
    st.sampled_from(Refusal).map(refused),
    st.sampled_from(Hold).map(lambda hold: held(hold, Cause.NEVER_QUEUED)),
)


@given(
    st.dictionaries(st.tuples(st.sampled_from(Condition), labels), st.integers(0, 1000)),
    st.lists(verdicts, max_size=30),
)
def test_nobody_is_counted_twice_or_not_at_all(counted: dict[tuple[Condition, str], int], found: list[Verdict]) -> None:
    """Also where a status is called as a reason of ours is."""
    counts = plan(*map(decision, found), by_condition=counted).counts().tally()
    gaps = Counter(verdict.status for verdict in found)
    others = Counter({VerdictStatus.OK: 0})
    for (condition, _), number in counted.items():
        others[STANDING.get(condition, VerdictStatus.NOT_APPLICABLE)] += number

    assert sum(counts.values()) == sum(counted.values()) + len(found)
    for standing in VerdictStatus:
        there = sum(number for (where, _), number in counts.items() if where is standing)
        assert there == gaps[standing] + others[standing]


STANDING = {
    Condition.NO_TEXT: VerdictStatus.OK,
    Condition.NO_EVENT: VerdictStatus.OK,
    Condition.OVERDUE: VerdictStatus.OK,
    Condition.UNPROVEN: VerdictStatus.OK,
    Condition.GRACE: VerdictStatus.HELD,
}


def test_what_is_to_be_done() -> None:
    first, again = decision(REPAIR), decision(AGAIN, is_new=False)
    made = plan(first, decision(refused(Refusal.OLD)), again, decision(held(Hold.BACKOFF, Cause.NEVER_QUEUED)))

    assert made.repairs == [first, again]
    assert made.new_repairs == 1


def test_a_plan_that_is_held_back_does_nothing_and_forgets_nothing() -> None:
    waiting = held(Hold.BACKOFF, Cause.BLOCKED)
    made = plan(decision(REPAIR), decision(AGAIN), decision(refused(Refusal.OLD)), decision(waiting), fine=3)

    kept = made.holding(Hold.INTEGRATION)
    assert kept.repairs == []
    assert [d.verdict for d in kept.decisions] == [
        held(Hold.INTEGRATION, Cause.NEVER_QUEUED),
        held(Hold.INTEGRATION, Cause.APP_FAILED),
        refused(Refusal.OLD),
        waiting,
    ]
    assert kept.counts().tally().total() == made.checked

    named = made.holding(Hold.BREAKER, Cause.BREAKER)
    assert [d.verdict.cause for d in named.decisions] == [
        Cause.BREAKER,
        Cause.BREAKER,
        Cause.TOO_LATE,
        Cause.BLOCKED,
    ]
