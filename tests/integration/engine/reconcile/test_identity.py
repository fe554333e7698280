"""Which booking an id means: two tables, an id that comes again, and a ledger from before tables were told apart."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from reconciler.domain.bookings import BookingId, hashed_key
from reconciler.domain.decide.calendar_event import event_id
from reconciler.domain.decide.verdicts import Refusal
from reconciler.domain.gaps import GapKind
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from tests.support.application_db import ANA, BEA, Venue
from tests.support.sandbox_world import World

SECOND_TABLE = """
    CREATE TABLE tours (LIKE private_bookings INCLUDING ALL);
    CREATE TABLE tour_queue (LIKE private_booking_sms_queue INCLUDING ALL);
    GRANT ALL ON tours, tour_queue TO reconciler_job, venue_app;
"""


@pytest.fixture
def second(world: World) -> World:
    """A world whose bookings are in a second table of the same database."""
    world.venue.alter(SECOND_TABLE)
    other = World(world.venue, world.sandbox, world.clock)
    other.configure(bookings=", table: public.tours", texts=", queue: public.tour_queue")
    return other


def tour(venue: Venue, booking: BookingId, **values: Any) -> None:
    """A booking of the second table with the id of one in the first."""
    first = {"customer_name": "Bea Sol", "customer_first_name": "Bea", "contact_phone": BEA, **values}
    venue.sql("INSERT INTO tours SELECT * FROM private_bookings WHERE id = %s", booking)
    for column, value in first.items():
        venue.sql(f"UPDATE tours SET {column} = %s WHERE id = %s", value, booking)
    venue.sql("UPDATE tours SET calendar_event_id = NULL WHERE id = %s", booking)


def live_events(world: World) -> set[str]:
    return {event["id"] for event in world.sandbox.google.live()}


def test_b1_two_tables_with_one_id_have_a_text_and_an_event_each(world: World, second: World) -> None:
    booking = world.venue.booking()
    world.both()
    tour(world.venue, booking)

    for _ in range(3):
        second.both()
        world.both()

    assert sorted(world.sent_to()) == [ANA, BEA]
    ((ours,),) = world.venue.sql("SELECT calendar_event_id FROM private_bookings")
    ((theirs,),) = world.venue.sql("SELECT calendar_event_id FROM tours")
    assert live_events(world) == {ours, theirs}
    assert world.venue.sql("SELECT 1 FROM reconciler.gap WHERE closed_at IS NULL") == []


def test_b1_a_pass_of_one_table_leaves_the_others_event_alone(world: World, second: World) -> None:
    booking = world.venue.booking()
    world.both()
    before = live_events(world)

    second.both()  # its table is empty

    assert live_events(world) == before
    assert world.venue.stored_event(booking) in before


def test_each_table_has_its_own_full_scan(world: World, second: World) -> None:
    world.venue.booking(created_at=world.clock.moment - timedelta(days=40))
    booking = world.venue.booking(created_at=world.clock.moment - timedelta(days=40))
    tour(world.venue, booking)
    world.venue.sql("DELETE FROM private_bookings WHERE id = %s", booking)
    world.both()

    second.both()

    ((theirs,),) = world.venue.sql("SELECT calendar_event_id FROM tours")
    assert theirs in live_events(world)


def test_a_gap_of_one_table_is_not_closed_by_the_other(world: World, second: World) -> None:
    booking = world.venue.booking(contact_phone="nonsense")
    world.texts()
    tour(world.venue, booking)

    second.both()

    assert world.gaps()[GapKind.SMS_MISSING, booking][1] == Refusal.PHONE_UNUSABLE


def reborn(world: World, **values: Any) -> BookingId:
    """The id of a booking that we repaired, used again an hour later by a row with these values."""
    booking = world.venue.booking()
    world.both()
    return again(world, booking, days=2 / 24, **values)


def again(world: World, booking: BookingId, *, days: float, **values: Any) -> BookingId:
    """The id, used again after days by a row with these values."""
    alone = "SET LOCAL session_replication_role = replica; "
    world.venue.sql(f"{alone}DELETE FROM private_booking_sms_queue WHERE booking_id = '{booking}'")
    world.venue.sql(f"{alone}DELETE FROM private_bookings WHERE id = '{booking}'")
    world.later(days=days)
    row = {"id": booking, "contact_phone": BEA, "event_date": (world.venue.now + timedelta(days=20)).date(), **values}
    again = world.venue.booking(**row)
    world.both()  # sees it for the first time: its text is due from now
    world.later(minutes=10)
    return again


def test_b1_an_id_that_comes_again_is_another_booking(world: World) -> None:
    booking = reborn(world)

    for _ in range(3):
        world.both()

    assert world.sent_to() == [ANA, BEA]
    assert world.venue.stored_event(booking) in live_events(world)
    incarnations = "SELECT effect, incarnation, generation, state FROM reconciler.intent ORDER BY 1, 2"
    assert world.venue.sql(incarnations) == [
        ("calendar", 0, 1, "done"),
        ("calendar", 1, 1, "done"),
        ("sms", 0, 1, "done"),
        ("sms", 1, 1, "done"),
    ]


def passes(world: World, hours: int) -> None:
    for _ in range(hours):
        world.later(hours=1)
        world.events()


@pytest.mark.parametrize("days", [12, 45])
def test_the_past_event_of_an_earlier_booking_stays_and_stops_nothing(world: World, days: int) -> None:
    booking = world.venue.booking()
    world.events()
    theirs = world.venue.stored_event(booking)
    again(world, booking, days=days)

    passes(world, 2)

    ours = world.venue.stored_event(booking)
    assert ours
    assert live_events(world) == {ours, theirs}
    assert world.gaps() == {}


def test_the_event_to_come_of_an_earlier_booking_goes_after_a_day(world: World) -> None:
    world.venue.booking()
    booking = world.venue.booking()
    world.events()
    theirs = world.venue.stored_event(booking)
    again(world, booking, days=1)
    world.sandbox.google.faults.next_calls("events.delete", Fault(kind=Misbehaviour.STATUS, status=503))

    passes(world, 24)

    assert {world.venue.stored_event(booking), theirs} <= live_events(world), "its row may be put back"
    passes(world, 3)
    assert world.venue.stored_event(booking) in live_events(world)
    assert theirs not in live_events(world)
    assert world.gaps() == {}


def test_in_doubt_the_event_of_an_earlier_booking_stays(world: World) -> None:
    world.venue.booking()
    booking = world.venue.booking()
    world.events()
    theirs = world.venue.stored_event(booking)
    again(world, booking, days=1, contact_phone=ANA)

    passes(world, 27)

    assert theirs in live_events(world)


def test_a_booking_moved_long_after_it_took_place_has_an_event_again(world: World) -> None:
    booking = world.venue.booking()
    world.events()
    old = world.venue.stored_event(booking)
    world.later(days=45)
    later = (world.venue.now + timedelta(days=20)).date()
    world.venue.sql("UPDATE private_bookings SET event_date = %s, calendar_event_id = NULL", later)

    passes(world, 2)

    assert world.venue.stored_event(booking) not in (None, old)
    assert old in live_events(world)


def next_week(world: World) -> Any:
    return (world.venue.now + timedelta(days=7)).date()


@pytest.mark.parametrize(
    "same",
    [
        pytest.param(lambda _: {"contact_phone": ANA}, id="same number"),
        pytest.param(lambda world: {"event_date": next_week(world)}, id="same start"),
        pytest.param(
            lambda world: {"event_date": next_week(world), "start_time": "19:30:00"}, id="same start, spelled"
        ),
    ],
)
def test_in_doubt_a_person_decides(world: World, same: Callable[[World], dict[str, Any]]) -> None:
    booking = reborn(world, **same(world))

    for _ in range(2):
        world.both()

    assert world.sent_to() == [ANA]
    assert {reason for (_, about), (_, reason) in world.gaps().items() if about == booking} == {Refusal.ID_AGAIN}


def test_a_start_that_the_ledger_does_not_know_never_counts_as_another(world: World) -> None:
    booking = world.venue.booking()
    world.both()
    world.venue.sql("UPDATE reconciler.intent SET starts_at = NULL")
    world.venue.sql("SET LOCAL session_replication_role = replica; DELETE FROM private_booking_sms_queue")
    later = world.clock.moment + timedelta(hours=1)
    world.venue.sql("UPDATE private_bookings SET created_at = %s, contact_phone = %s", later, BEA)
    world.later(hours=2)

    world.texts()
    world.later(minutes=10)
    world.texts()

    assert world.sent_to() == [ANA]
    assert world.gaps()[GapKind.SMS_MISSING, booking][1] == Refusal.ID_AGAIN


def test_a_number_that_was_corrected_is_the_same_booking(world: World) -> None:
    world.venue.booking()
    world.both()
    world.venue.sql("UPDATE private_bookings SET contact_phone = %s, event_date = event_date + 9", BEA)
    world.venue.sql("SET LOCAL session_replication_role = replica; DELETE FROM private_booking_sms_queue")
    world.later(hours=2)

    world.texts()

    assert world.sent_to() == [ANA]


def test_a_ledger_from_before_counts_for_every_table(world: World, second: World) -> None:
    booking = world.venue.booking()
    world.both()
    world.venue.sql("UPDATE reconciler.intent SET any_source = true, starts_at = NULL")
    events = live_events(world)
    tour(world.venue, booking)

    for _ in range(2):
        second.both()
        world.both()

    assert world.sent_to() == [ANA], "perhaps that text was this booking's"
    assert events <= live_events(world)


def test_a_table_that_was_renamed_keeps_its_ledger(world: World) -> None:
    world.venue.booking()
    world.both()
    world.venue.alter("ALTER TABLE private_bookings RENAME TO reservations")
    world.configure(bookings=", table: public.reservations")

    world.both()

    assert world.sent_to() == [ANA]
    assert len(live_events(world)) == 1
    assert world.venue.sql("SELECT key, relation FROM reconciler.source") == [("", '"public"."reservations"')]


def test_ids_are_derived_as_ever() -> None:
    """Values of 0.1.0: what was made under them collides with what is made now."""
    booking = BookingId("1a2b3c4d-0000-4000-8000-000000000001")
    assert event_id("inst", hashed_key(booking), 1) == "rclnhukj9sg5ffudpb94espbu66k4o8nehipcv3a4p2vdbot3fraj80"
    assert len({event_id("inst", key, 1) for key in (
        hashed_key(booking),
        hashed_key(booking, incarnation=1),
        hashed_key(booking, source='"public"."tours"'),
        hashed_key(booking, tenant="seven"),
    )}) == 4  # fmt: skip
