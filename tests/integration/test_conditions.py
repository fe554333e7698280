"""Each condition is proved by a booking that fails only it; next to it stands one that fails none."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from reconciler.domain.gaps import GapKind
from reconciler.domain.verdicts import CONDITIONS, Condition, Standing
from tests.support.venue import Venue
from tests.support.world import World

SMS, CALENDAR = GapKind.SMS_MISSING, GapKind.CALENDAR_MISSING
NOTE = "event DATE/time to be confirmed, ask on Monday"
Fail = Callable[[Venue], object]

FAILS_ONLY: dict[tuple[GapKind, Condition], list[Fail]] = {
    (SMS, Condition.STATUS): [lambda v: v.booking(status="cancelled"), lambda v: v.booking(status="completed")],
    (SMS, Condition.SINCE): [],  # a booking before `since` is not looked at; see test_before_since
    (SMS, Condition.GRACE): [lambda v: v.booking(created_at=v.now - timedelta(minutes=9, seconds=59))],
    (SMS, Condition.AHEAD): [lambda v: v.booking(event_date=v.now.date(), start_time="11:59", end_time="23:00")],
    (SMS, Condition.DATE_SET): [lambda v: v.booking(date_tbd=True), lambda v: v.booking(internal_notes=NOTE)],
    (SMS, Condition.PHONE): [
        lambda v: v.booking(contact_phone=None),
        lambda v: v.booking(contact_phone="  ", customer_id=v.customer(mobile_e164=None, mobile_number=" ")),
    ],
    (SMS, Condition.NO_TEXT): [
        lambda v: v.text(v.booking(), status="pending"),
        lambda v: v.text(v.booking(), status="approved"),
        lambda v: v.text(v.booking(), status="sent", trigger_type="deposit_received"),
    ],
    (SMS, Condition.UNDECIDED): [lambda v: v.text(v.booking(), status="cancelled", approved_by=v.customer())],
    (CALENDAR, Condition.STATUS): [lambda v: v.booking(status="cancelled")],
    (CALENDAR, Condition.SINCE): [],
    (CALENDAR, Condition.GRACE): [lambda v: v.booking(created_at=v.now - timedelta(minutes=1))],
    (CALENDAR, Condition.AHEAD): [lambda v: v.booking(event_date=v.now.date() - timedelta(days=1))],
    (CALENDAR, Condition.DATE_SET): [lambda v: v.booking(date_tbd=True), lambda v: v.booking(internal_notes=NOTE)],
    (CALENDAR, Condition.NO_EVENT): [lambda v: v.booking(calendar_event_id="abc123")],
}
CASES = [(kind, condition, fail) for (kind, condition), fails in FAILS_ONLY.items() for fail in fails]


def test_every_condition_of_every_rule_is_listed_here() -> None:
    assert set(FAILS_ONLY) == {(kind, condition) for kind, names in CONDITIONS.items() for condition in names}


@pytest.mark.parametrize(
    ("kind", "condition", "fail"), CASES, ids=[f"{k}-{c}-{i}" for i, (k, c, _) in enumerate(CASES)]
)
def test_a_booking_that_fails_only_this(world: World, kind: GapKind, condition: Condition, fail: Fail) -> None:
    world.venue.booking()
    fail(world.venue)
    plan = world.once(act=False)[kind].plan
    assert plan is not None
    label = {"STATUS": None}.get(condition.name, condition)
    reasons = {reason for standing, reason in plan.tally() if standing is condition.standing_if_failed}
    assert plan.looked_at == 2
    assert len(plan.repairs) == 1, "the booking beside it, which fails nothing, must be a gap"
    assert reasons == ({label} if label else reasons & {"cancelled", "completed"})


@pytest.mark.parametrize("kind", [SMS, CALENDAR])
def test_grace_ends_to_the_second(world: World, kind: GapKind) -> None:
    world.venue.booking(created_at=world.venue.now - timedelta(minutes=10))
    plan = world.once(act=False)[kind].plan
    assert plan is not None
    assert len(plan.repairs) == 1


def test_an_empty_event_id_is_no_event(world: World) -> None:
    world.venue.booking(calendar_event_id=" ")
    plan = world.events(act=False).plan
    assert plan is not None
    assert len(plan.repairs) == 1


@pytest.mark.parametrize(
    ("status", "more"), [("failed", {"error_message": "reconciler: in flight x"}), ("cancelled", {"approved_by": None})]
)
def test_rows_that_are_no_evidence(world: World, status: str, more: dict[str, object]) -> None:
    """Our own unfinished row, and one the application's clean-up cancelled: neither is a text nor a decision."""
    world.venue.text(world.venue.booking(), status=status, **more)
    plan = world.texts(act=False).plan
    assert plan is not None
    assert [decision.verdict.standing for decision in plan.decisions] == [Standing.REPAIR]


def test_before_since_nothing_is_looked_at(world: World) -> None:
    world.venue.booking(created_at=world.venue.now - timedelta(days=200), event_date="2026-07-01")
    plan = world.texts(act=False).plan
    assert plan is not None
    assert (plan.looked_at, plan.decisions) == (0, [])


def test_satisfied_by_narrows_what_counts(world: World) -> None:
    booking = world.venue.booking()
    world.venue.text(booking, trigger_type="deposit_received")
    world.configure(texts=", satisfied_by: [booking_created, booking_confirmed]")
    plan = world.texts(act=False).plan
    assert plan is not None
    assert [decision.booking.id for decision in plan.repairs] == [booking]


def test_only_one_venue_of_several(world: World) -> None:
    mine = world.venue.booking(source="mine")
    world.venue.booking(source="theirs")
    world.configure(bookings=", only: {source: mine}")
    for result in world.once().values():
        assert result.plan is not None
        assert (result.plan.looked_at, [d.booking.id for d in result.plan.repairs]) == (1, [mine])
    assert len(world.sent_to()) == 1
