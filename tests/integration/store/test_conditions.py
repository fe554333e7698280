"""Each condition is proved by a booking that fails only it; next to it stands one that fails none."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from reconciler.domain.decide.breaker import DEMAND_DAYS, Demand
from reconciler.domain.decide.verdicts import Condition, VerdictStatus
from reconciler.domain.gaps import GapKind
from reconciler.domain.rules.registry import RULES
from reconciler.store.bookings import PostgresBookings
from tests.support.application_db import Venue
from tests.support.sandbox_world import World

SMS, CALENDAR = GapKind.SMS_MISSING, GapKind.CALENDAR_MISSING
STUCK, UNPROVEN = GapKind.SMS_STUCK, GapKind.SMS_UNPROVEN
NOTE = "event DATE/time to be confirmed, ask on Monday"
Fail = Callable[[Venue], object]


def queued(venue: Venue, hours: float = 2, row: str = "pending", **booking: object) -> str:
    """A text that was due so long ago, and is still queued."""
    due = venue.now - timedelta(hours=hours)
    return venue.text(venue.booking(**booking), status=row, scheduled_for=due, sent_at=None)


def claimed(venue: Venue, hours: float = 3, sid: str | None = None, **booking: object) -> str:
    """A text that was marked as sent so long ago."""
    sent = venue.now - timedelta(hours=hours)
    return venue.text(venue.booking(**booking), sent_at=sent, twilio_message_sid=sid)


FAILS_NONE: dict[GapKind, Fail] = {
    SMS: lambda v: v.booking(),
    CALENDAR: lambda v: v.booking(),
    STUCK: queued,
    UNPROVEN: claimed,
}
OVER = {"event_date": "2026-06-10", "start_time": "11:59", "end_time": "23:00"}
FAILS_ONLY: dict[tuple[GapKind, Condition], list[Fail]] = {
    (SMS, Condition.STATUS): [lambda v: v.booking(status="cancelled"), lambda v: v.booking(status="completed")],
    (SMS, Condition.ONLY): [],  # see test_a_rule_that_asks_only_for_some
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
    (CALENDAR, Condition.ONLY): [],  # see test_a_rule_that_asks_only_for_some
    (CALENDAR, Condition.SINCE): [],
    (CALENDAR, Condition.GRACE): [lambda v: v.booking(created_at=v.now - timedelta(minutes=1))],
    (CALENDAR, Condition.AHEAD): [lambda v: v.booking(event_date=v.now.date() - timedelta(days=1))],
    (CALENDAR, Condition.DATE_SET): [lambda v: v.booking(date_tbd=True), lambda v: v.booking(internal_notes=NOTE)],
    (CALENDAR, Condition.NO_EVENT): [lambda v: v.booking(calendar_event_id="abc123")],
    (STUCK, Condition.STATUS): [lambda v: queued(v, status="cancelled"), lambda v: queued(v, status="completed")],
    (STUCK, Condition.ONLY): [],  # see test_a_rule_that_asks_only_for_some
    (STUCK, Condition.SINCE): [],
    (STUCK, Condition.AHEAD): [lambda v: queued(v, **OVER)],
    (STUCK, Condition.OVERDUE): [
        lambda v: v.booking(),
        lambda v: queued(v, hours=1 - 1 / 3600),
        lambda v: queued(v, hours=-20),
        lambda v: queued(v, row="failed"),
        lambda v: queued(v, row="cancelled"),
        lambda v: claimed(v),
    ],
    (UNPROVEN, Condition.STATUS): [lambda v: claimed(v, status="cancelled")],
    (UNPROVEN, Condition.ONLY): [],  # see test_a_rule_that_asks_only_for_some
    (UNPROVEN, Condition.SINCE): [],
    (UNPROVEN, Condition.AHEAD): [lambda v: claimed(v, **OVER)],
    (UNPROVEN, Condition.UNPROVEN): [
        lambda v: v.booking(),
        lambda v: claimed(v, hours=2 - 1 / 3600),
        lambda v: claimed(v, sid="SM" + "1" * 32),
        lambda v: queued(v, hours=9),
    ],
}
CASES = [(kind, condition, fail) for (kind, condition), fails in FAILS_ONLY.items() for fail in fails]


def test_every_condition_of_every_rule_is_listed_here() -> None:
    assert set(FAILS_ONLY) == {(rule.kind, condition) for rule in RULES for condition in rule.conditions}


@pytest.mark.parametrize(
    ("kind", "condition", "fail"), CASES, ids=[f"{k}-{c}-{i}" for i, (k, c, _) in enumerate(CASES)]
)
def test_a_booking_that_fails_only_this(world: World, kind: GapKind, condition: Condition, fail: Fail) -> None:
    FAILS_NONE[kind](world.venue)
    fail(world.venue)
    plan = world.once(act=False)[kind].plan
    assert plan is not None
    label = {"STATUS": None}.get(condition.name, condition)
    reasons = {reason for standing, reason in plan.tally() if standing is condition.standing_if_failed}
    assert plan.checked == 2
    assert plan.decided.total() == 1, "the booking beside it, which fails nothing, must be a gap"
    assert reasons == ({label} if label else reasons & {"cancelled", "completed"})


@pytest.mark.parametrize("kind", [SMS, CALENDAR])
def test_grace_ends_to_the_second(world: World, kind: GapKind) -> None:
    world.venue.booking(created_at=world.venue.now - timedelta(minutes=10))
    plan = world.once(act=False)[kind].plan
    assert plan is not None
    assert plan.repairs == 1


@pytest.mark.parametrize(("kind", "hours", "plant"), [(STUCK, 1, queued), (UNPROVEN, 2, claimed)])
def test_a_watch_begins_to_the_second(world: World, kind: GapKind, hours: float, plant: Callable[..., str]) -> None:
    plant(world.venue, hours)
    plan = world.once(act=False)[kind].plan
    assert plan is not None
    assert plan.decided.total() == 1


def test_an_empty_event_id_is_no_event(world: World) -> None:
    world.venue.booking(calendar_event_id=" ")
    plan = world.events(act=False).plan
    assert plan is not None
    assert plan.repairs == 1


@pytest.mark.parametrize(
    ("status", "more"), [("failed", {"error_message": "reconciler: in flight x"}), ("cancelled", {"approved_by": None})]
)
def test_rows_that_are_no_evidence(world: World, status: str, more: dict[str, object]) -> None:
    """Our own unfinished row, and one the application's clean-up cancelled: neither is a text nor a decision."""
    world.venue.text(world.venue.booking(), status=status, **more)
    plan = world.texts(act=False).plan
    assert plan is not None
    assert [status for status, _ in plan.decided.elements()] == [VerdictStatus.REPAIRABLE]


@pytest.mark.parametrize("columns", ["", ", columns: {updated: updated_at}"], ids=["made", "changed"])
def test_before_since_nothing_is_looked_at(world: World, columns: str) -> None:
    made = world.venue.now - timedelta(days=200)
    world.venue.alter("ALTER TABLE private_bookings ALTER updated_at DROP NOT NULL")
    world.venue.booking(created_at=made, event_date="2026-07-01", updated_at=None if columns else made)
    world.configure(bookings=columns)
    plan = world.texts(act=False).plan
    assert plan is not None
    assert (plan.checked, plan.decided.total()) == (0, 0)


def test_satisfied_by_narrows_what_counts(world: World) -> None:
    booking = world.venue.booking()
    world.venue.text(booking, trigger_type="deposit_received")
    world.configure(texts=", satisfied_by: [booking_created, booking_confirmed]")
    plan = world.texts(act=False).plan
    assert plan is not None
    assert plan.repairs == 1


def test_a_text_of_a_kind_that_nobody_wrote_down_may_be_the_one_that_counts(world: World) -> None:
    """As all of them are, where the column was added a moment ago."""
    world.venue.alter("ALTER TABLE private_booking_sms_queue ALTER COLUMN trigger_type DROP NOT NULL")
    world.venue.text(world.venue.booking(), trigger_type=None)
    world.configure(texts=", satisfied_by: [booking_created, booking_confirmed]")
    plan = world.texts(act=False).plan
    assert plan is not None
    assert plan.repairs == 0


def test_only_one_venue_of_several(world: World) -> None:
    mine, theirs = (world.venue.booking(source=source) for source in ("mine", "theirs"))
    world.configure(bookings=", only: {source: mine}")
    for result in world.both().values():
        assert result.plan is not None
        assert (result.plan.checked, result.plan.repairs) == (1, 1)
    rows = world.venue.rows("private_bookings")
    assert {str(row["id"]): row["calendar_event_id"] is not None for row in rows} == {mine: True, theirs: False}
    assert len(world.sent_to()) == 1


def test_a_rule_that_asks_only_for_some(world: World) -> None:
    """The others are counted as not asked for, by this rule and by no other; an open gap among them stays open."""
    mine, other = (world.venue.booking(source=source, contact_phone="07700") for source in ("web", "manual"))
    world.texts()
    world.configure(texts=", only: {source: web}")
    results = world.once()
    plan = results[SMS].plan
    assert plan is not None
    assert plan.tally() == {
        (VerdictStatus.NOT_APPLICABLE, Condition.ONLY): 1,
        (VerdictStatus.NEEDS_HUMAN, "phone_unusable"): 1,
    }
    assert {about for kind, about in world.gaps() if kind == SMS} == {mine, other}
    assert world.venue.stored_event(other), "the other rule asks for all"


def test_a_rule_that_asks_by_a_column_that_is_not_there(world: World) -> None:
    world.configure(texts=", only: {venu_id: 7}")
    assert [fault.code for fault in world.texts().faults] == ["columns_missing"]


@pytest.mark.parametrize("kind", [SMS, CALENDAR])
def test_what_is_due_is_counted_by_the_index_on_created_at(world: World, kind: GapKind) -> None:
    world.venue.alter("CREATE INDEX ON private_bookings (created_at)")
    ages = (0.1, 23.9, 24.1, 24 * 27.9, 24 * 28.1, 24 * 400)
    for hours in ages:
        world.venue.booking(created_at=world.venue.now - timedelta(hours=hours))
    world.venue.booking(created_at=world.venue.now + timedelta(hours=1))
    world.once(act=False)
    with world.services(act=False) as services, services.store.reading() as tx:
        assert isinstance(tx.bookings, PostgresBookings)
        tx.bookings.connection.execute(text("SET LOCAL enable_seqscan = off"))
        assert tx.bookings.demand(kind, world.venue.now, DEMAND_DAYS) == Demand(due=2, busiest_day=2)
        used = "SELECT idx_scan FROM pg_stat_xact_user_tables WHERE relname = 'private_bookings'"
        assert tx.bookings.connection.scalar(text(used)) == 1
