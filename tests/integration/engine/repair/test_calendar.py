"""Events: adopted before made, made once, written back by compare-and-set, and right about time."""

from datetime import datetime, timedelta
from threading import Thread

import pytest

from reconciler.domain.decide import calendar_event
from reconciler.domain.decide.verdicts import Refusal
from reconciler.domain.gaps import Effect, GapKind
from reconciler.errors import Exit
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from tests.support.application_db import LONDON, NOON
from tests.support.sandbox_world import World

pytestmark = pytest.mark.one_server

STARTS = datetime(2026, 6, 17, 19, 30, tzinfo=LONDON)
ENDS = datetime(2026, 6, 17, 23, 0, tzinfo=LONDON)


def app_event(world: World, booking: str, starts_at: datetime = STARTS, **more: object) -> str:
    """As the application makes it."""
    title = f"[CONFIRMED] - {booking[:8]} - Ana Lima @ Main Bar"
    return world.sandbox.google.put(title, starts_at, starts_at + timedelta(hours=3), **more)


def only_event(world: World) -> dict[str, object]:
    (event,) = world.sandbox.google.live()
    return event


def test_an_event_is_made_and_its_id_written_back(world: World) -> None:
    booking = world.venue.booking(customer_name='Zoë <script>alert("x")</script> & Sons', guest_count=40)
    world.events()
    event = only_event(world)
    assert event["id"] == world.venue.stored_event(booking)
    assert event["summary"] == f'[CONFIRMED] - {booking[:8]} - Zoë <script>alert("x")</script> & Sons'
    assert "&lt;script&gt;" in str(event["description"])
    assert "<script>" not in str(event["description"])
    assert event["start"] == {"dateTime": STARTS.isoformat(), "timeZone": "Europe/London"}
    assert event["end"] == {"dateTime": ENDS.isoformat(), "timeZone": "Europe/London"}
    assert world.gaps().keys() == set()


TIMES = {
    "no end: the default length": ("2026-06-17", "19:30", None, None, "2026-06-17T19:30:00+01:00", timedelta(hours=3)),
    "past midnight": ("2026-06-17", "20:00", "01:30", True, "2026-06-17T20:00:00+01:00", timedelta(hours=5.5)),
    "winter": ("2026-12-12", "19:30", "23:00", False, "2026-12-12T19:30:00+00:00", timedelta(hours=3.5)),
    "over the spring change": ("2027-03-27", "23:00", "03:00", True, "2027-03-27T23:00:00+00:00", timedelta(hours=3)),
    "over the autumn change": ("2026-10-24", "23:00", "03:00", True, "2026-10-24T23:00:00+01:00", timedelta(hours=5)),
    "an hour that does not exist": (
        "2027-03-28",
        "01:30",
        "04:00",
        False,
        "2027-03-28T02:30:00+01:00",
        timedelta(hours=1.5),
    ),
    "an hour that comes twice": (
        "2026-10-25",
        "01:30",
        "04:00",
        False,
        "2026-10-25T01:30:00+00:00",
        timedelta(hours=2.5),
    ),
    "default length over the change": (
        "2026-10-24",
        "23:30",
        None,
        None,
        "2026-10-24T23:30:00+01:00",
        timedelta(hours=3),
    ),
}


@pytest.mark.parametrize(("day", "start", "end", "next_day", "starts_at", "length"), TIMES.values(), ids=TIMES.keys())
def test_times(
    world: World, day: str, start: str, end: str | None, next_day: bool, starts_at: str, length: timedelta
) -> None:
    booking = world.venue.booking(event_date=day, start_time=start, end_time=end, end_time_next_day=next_day)
    world.events()
    event = only_event(world)
    assert event["id"] == world.venue.stored_event(booking)
    began, ended = (datetime.fromisoformat(event[edge]["dateTime"]) for edge in ("start", "end"))
    assert (event["start"]["dateTime"], ended - began) == (starts_at, length)


def test_an_event_the_application_made_and_lost_is_adopted(world: World) -> None:
    booking = world.venue.booking()
    lost = app_event(world, booking)
    assert world.events().repaired == 1
    assert world.venue.stored_event(booking) == lost
    assert len(world.sandbox.google.live()) == 1
    assert world.sandbox.google.writes == 0, "adopting writes only the id"


NOT_OURS = {
    "another start": lambda w, b: app_event(w, b, STARTS + timedelta(minutes=30)),
    "recurring": lambda w, b: app_event(w, b, recurrence=["RRULE:FREQ=WEEKLY"]),
    "a stranger's marker": lambda w, b: app_event(w, b, extendedProperties={"private": {"reconciler_booking": "else"}}),
    "the reference inside a word": lambda w, b: w.sandbox.google.put(f"Re: x{b[:8]}", STARTS, ENDS),
    "stored by another booking": lambda w, b: w.venue.booking(calendar_event_id=app_event(w, b)),
}


@pytest.mark.parametrize("plant", NOT_OURS.values(), ids=NOT_OURS.keys())
def test_what_is_not_adopted(world: World, plant: object) -> None:
    booking = world.venue.booking()
    plant(world, booking)  # type: ignore[operator]  # a table of functions
    world.events()
    stored = world.venue.stored_event(booking)
    assert stored is not None
    assert stored.startswith(calendar_event.ID_PREFIX)


def test_several_candidates_are_a_person_s_business_and_looked_at_again(world: World) -> None:
    booking = world.venue.booking()
    first, second = app_event(world, booking), app_event(world, booking)
    assert world.events().needs_human == 1
    assert world.venue.stored_event(booking) is None
    assert world.gaps()[GapKind.CALENDAR_DUPLICATE, booking][1] == Refusal.SEVERAL_CANDIDATES
    world.sandbox.google.delete_by_hand(second)
    world.later(minutes=10)
    assert world.events().needs_human == 1
    world.later(hours=1)
    assert world.events().repaired == 1
    assert world.venue.stored_event(booking) == first


@pytest.mark.parametrize(("policy", "stored"), [("report", False), ("restore", True)])
def test_an_event_deleted_by_hand(world: World, policy: str, stored: bool) -> None:
    booking = world.venue.booking()
    world.sandbox.google.delete_by_hand(app_event(world, booking))
    world.configure(events=f", deleted_by_hand: {policy}")
    result = world.events()
    assert (result.needs_human, result.repaired) == (int(not stored), int(stored))
    assert bool(world.venue.stored_event(booking)) is stored
    again = world.events()
    assert (again.needs_human, again.repaired) == (int(not stored), 0)


def test_an_event_made_but_not_written_back_is_found_and_not_made_twice(world: World) -> None:
    """We died between Google's answer and the booking: the ledger proves the event, only the id is written."""
    booking = world.venue.booking()
    world.events()
    stored = world.venue.stored_event(booking)
    world.venue.sql("UPDATE private_bookings SET calendar_event_id = NULL WHERE id = %s", booking)
    writes = world.sandbox.google.writes
    assert world.events().repaired == 1
    assert (world.venue.stored_event(booking), world.sandbox.google.writes) == (stored, writes)


def test_an_event_the_application_removed_is_made_anew_under_the_next_generation(world: World) -> None:
    booking = world.venue.booking()
    world.events()
    first = world.venue.stored_event(booking)
    assert first is not None
    world.sandbox.google.delete_by_hand(first)
    world.venue.sql("UPDATE private_bookings SET calendar_event_id = '' WHERE id = %s", booking)
    assert world.events().repaired == 1
    second = world.venue.stored_event(booking)
    assert second not in (None, "", first)
    assert [event["id"] for event in world.sandbox.google.live()] == [second]


@pytest.mark.parametrize("kind", [Misbehaviour.LOSE, Misbehaviour.FAIL_AFTER, Misbehaviour.EMPTY])
def test_an_insert_of_unclear_outcome_is_settled_by_its_id(world: World, kind: Misbehaviour) -> None:
    booking = world.venue.booking()
    world.sandbox.google.faults.next_calls("events.insert", Fault(kind=kind))
    world.events()
    assert world.events().repaired + bool(world.venue.stored_event(booking)) >= 1
    assert [event["id"] for event in world.sandbox.google.live()] == [world.venue.stored_event(booking)]


def test_an_insert_that_timed_out_and_never_came_is_made_again(world: World) -> None:
    booking = world.venue.booking()
    world.configure(limits=", timeouts: {google: 1s}")
    world.sandbox.google.faults.next_calls("events.insert", Fault(kind=Misbehaviour.HANG, seconds=1.5))
    first = world.events()
    assert first.needs_human == 1, "an unknown outcome is told"
    assert world.events().left == 1, "provably not there, and planned again after a while"
    world.configure()
    world.later(minutes=2)
    assert world.events().repaired == 1
    assert world.venue.stored_event(booking)
    assert len(world.sandbox.google.live()) == 1


def test_our_id_taken_by_a_tombstone_means_the_next_generation(world: World) -> None:
    booking = world.venue.booking()
    installation = str(world.venue.sql("SELECT id::text FROM reconciler.installation")[0][0])
    taken = calendar_event.event_id(installation, booking, 1)
    world.sandbox.google.put("ours, once", NOON, ENDS, id=taken)
    world.sandbox.google.delete_by_hand(taken)
    world.events()
    world.later(minutes=10)
    world.events()
    assert world.venue.stored_event(booking) == calendar_event.event_id(installation, booking, 2)


def test_the_wrong_calendar_is_noticed_before_the_first_insert(world: World) -> None:
    world.venue.booking(calendar_event_id="elsewhere1")
    world.venue.booking(calendar_event_id="elsewhere2")
    world.venue.booking()
    result = world.events()
    assert [fault.code for fault in result.faults] == ["wrong_calendar"]
    assert (result.exit_code, world.sandbox.google.writes) == (Exit.NEEDS_A_HUMAN, 0)
    assert world.gaps()[GapKind.INTEGRATION_GOOGLE, Effect.CALENDAR] == ("blocked", "wrong_calendar")


def test_one_known_event_proves_the_calendar_even_a_deleted_one(world: World) -> None:
    known = world.sandbox.google.put("party", STARTS, ENDS)
    world.sandbox.google.delete_by_hand(known)
    world.venue.booking(calendar_event_id=known)
    world.venue.booking(calendar_event_id="elsewhere2")
    world.venue.booking()
    assert world.events().repaired == 1


def test_a_calendar_that_may_only_be_read(world: World) -> None:
    booking = world.venue.booking()
    world.sandbox.google.role = "reader"
    result = world.events()
    assert "is reader" in result.faults[0].seen
    assert "Make changes to events" in result.faults[0].remedy
    assert world.gaps()[GapKind.CALENDAR_MISSING, booking] == ("blocked", "integration")
    world.sandbox.google.role = "writer"
    assert world.events().repaired == 1
    assert world.gaps().keys() == set()


MEANWHILE = {
    "the application wrote its own event": (
        "UPDATE private_bookings SET calendar_event_id = 'apphasit1' WHERE id = %s",
        "apphasit1",
        {"apphasit1"},
    ),
    "the application wrote the id of a dead event": (
        "UPDATE private_bookings SET calendar_event_id = 'appdead1' WHERE id = %s",
        "ours",
        {"ours"},
    ),
    "it was cancelled": ("UPDATE private_bookings SET status = 'cancelled' WHERE id = %s", None, set()),
    "it was deleted": ("DELETE FROM private_bookings WHERE id = %s", "gone", {"ours"}),
}


@pytest.mark.parametrize(("statement", "stored", "live"), MEANWHILE.values(), ids=MEANWHILE.keys())
def test_the_world_moves_on_between_the_insert_and_the_write_back(
    world: World, statement: str, stored: str | None, live: set[str]
) -> None:
    """Google answers slowly; meanwhile the application changes the booking."""
    booking = world.venue.booking()
    for event_id in ("apphasit1", "appdead1"):
        world.sandbox.google.put(
            "another day", NOON + timedelta(days=60), NOON + timedelta(days=60, hours=1), id=event_id
        )
    world.sandbox.google.delete_by_hand("appdead1")
    world.sandbox.google.faults.next_calls("events.insert", Fault(kind=Misbehaviour.SLOW, seconds=0.4))
    installation = str(world.venue.sql("SELECT id::text FROM reconciler.installation")[0][0])
    ours = calendar_event.event_id(installation, booking, 1)
    change = Thread(target=lambda: (world.wait_for_event(ours), world.venue.sql(statement, booking)))
    change.start()
    world.events()
    change.join()
    world.later(minutes=10)
    world.events()  # it plans what the first left behind
    names = {"ours": ours}
    seen = world.venue.sql("SELECT calendar_event_id FROM private_bookings WHERE id = %s", booking)
    assert (seen[0][0] if seen else "gone") == names.get(stored or "", stored)
    standing = {event["id"] for event in world.sandbox.google.live()} - {"apphasit1"} | (live & {"apphasit1"})
    assert standing == {names.get(name, name) for name in live}
    # With its only booking gone, nothing shows that the table was not emptied: that is told, and nothing is removed.
    assert world.gaps().keys() == ({(GapKind.CALENDAR_ORPHAN, booking)} if stored == "gone" else set())
