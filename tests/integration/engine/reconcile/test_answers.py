"""A code that is not certainly about one booking is about us: it blocks, costs nothing, and ends by itself (C5)."""

import itertools
import json
from datetime import timedelta

import pytest

from reconciler.domain.bookings import BookingId
from reconciler.domain.gaps import Effect, GapKind
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from tests.support.sandbox_world import World

pytestmark = pytest.mark.one_server

NUMBERS = itertools.count(300)
ODD = "+447700900666"
RULES = {"sms": GapKind.SMS_MISSING, "calendar": GapKind.CALENDAR_MISSING}


def book(world: World, **values: object) -> BookingId:
    number = f"+4477009{next(NUMBERS) % 100_000:05d}"
    return world.venue.booking(**{"contact_phone": number, "customer_first_name": "Ana", **values})


def late(world: World) -> BookingId:
    """A booking whose text and event are missing at once: a status that bookings are made with has no grace left."""
    return book(world, status="draft", created_at=world.venue.now - timedelta(hours=2))


def turned_down(code: int, status: int = 400) -> Fault:
    body = json.dumps({"code": code, "message": "no", "more_info": "", "status": status})
    return Fault(kind=Misbehaviour.STATUS, status=status, body=body)


def objecting(reason: str) -> Fault:
    body = json.dumps({"error": {"code": 400, "errors": [{"reason": reason, "message": "no"}]}})
    return Fault(kind=Misbehaviour.STATUS, status=400, body=body)


def made_dead(code: int | None) -> Fault:
    body = json.dumps({"sid": "SM" + "0" * 32, "status": "failed", "error_code": code})
    return Fault(kind=Misbehaviour.STATUS, status=201, body=body)


def broken(world: World) -> list[str]:
    """The codes of the integrations that are recorded as broken."""
    return [reason for (kind, _), (_, reason) in world.gaps().items() if kind.startswith("integration.")]


def incidents(world: World) -> int:
    ((number,),) = world.venue.sql("SELECT count(*) FROM reconciler.gap WHERE kind LIKE 'integration.%'")
    return int(number)


def codes(world: World) -> list[tuple[str, str, int]]:
    return world.venue.sql("SELECT state, code, attempts FROM reconciler.intent ORDER BY created_at, booking")  # type: ignore[return-value]


ABOUT_US = {
    "21659 of the report": turned_down(21659),
    "a code that nobody has seen": turned_down(21999),
    "an unlisted 404": turned_down(29999, 404),
    "the sender is not registered": turned_down(30034),
    "a message made dead": made_dead(30034),
    "a message made dead without a code": made_dead(None),
}


@pytest.mark.parametrize("fault", ABOUT_US.values(), ids=ABOUT_US.keys())
def test_c5_a_code_about_us_blocks_and_ends_by_itself(world: World, fault: Fault) -> None:
    world.configure(quiet="off")
    some = [book(world) for _ in range(3)]
    world.sandbox.twilio.faults.always("messages.create", fault)
    for _ in range(8):
        result = world.texts()
        assert len(result.faults) == 1, "one call in each pass shows that it is still so"
        assert result.exit_code != 0
        world.time_passes(minutes=10)
    assert {state for state, _, _ in codes(world)} == {"planned"}
    assert max(attempts for _, _, attempts in codes(world)) == 0
    assert (len(broken(world)), incidents(world)) == (1, 1), "one fault, that does not come and go"
    world.sandbox.twilio.faults.clear()
    world.texts()
    assert {world.states()[booking] for booking in some} == {"done"}
    assert (len(world.sent_to()), broken(world)) == (3, [])


def test_c5_try_again_later_is_no_refusal(world: World) -> None:
    world.configure(quiet="off")
    booking = book(world)
    world.sandbox.twilio.faults.always("messages.create", turned_down(21730))
    for _ in range(8):
        world.texts()
        world.time_passes(minutes=10)
    assert (world.states()[booking], codes(world)[0][2]) == ("planned", 0)
    world.sandbox.twilio.faults.clear()
    world.time_passes(minutes=30)
    world.texts()
    assert world.states()[booking] == "done"


OBJECTIONS = ["invalid", "badRequest", "required", "neverSeenBefore"]


@pytest.mark.parametrize("reason", OBJECTIONS)
def test_c5_an_objection_of_the_calendar_that_all_events_meet(world: World, reason: str) -> None:
    """Invalid time zone definition, as the report has it, comes as ``invalid``."""
    some = [book(world) for _ in range(3)]
    world.sandbox.google.faults.always("events.insert", objecting(reason))
    for _ in range(6):
        assert [fault.code for fault in world.events().faults] == [f"google:{reason}"]
        world.time_passes(minutes=10)
    assert (broken(world), incidents(world)) == ([f"google:{reason}"], 1)
    assert {(state, attempts) for state, _, attempts in codes(world)} == {("planned", 0)}
    world.sandbox.google.faults.clear()
    world.events()
    assert {world.states(Effect.CALENDAR)[booking] for booking in some} == {"done"}
    assert (len(world.sandbox.google.live()), broken(world)) == (3, [])


@pytest.mark.parametrize("others", [1, 4])
def test_c5_one_odd_booking_is_told_from_a_broken_account(world: World, others: int) -> None:
    world.configure(quiet="off")
    odd = book(world, contact_phone=ODD)
    world.sandbox.twilio.refuse(ODD, 400, 21999)
    world.texts()
    assert (broken(world), world.states()[odd]) == (["twilio:21999"], "planned")
    world.time_passes(minutes=10)
    fine = [late(world) for _ in range(others)]
    world.texts()
    assert {world.states()[booking] for booking in fine} == {"done"}, "another one is tried first"
    assert world.states()[odd] == "refused"
    assert world.gaps()["sms.missing", odd] == ("unusable_data", "refused_by_provider")
    assert broken(world) == []
    world.time_passes(minutes=10)
    assert (world.texts().faults, broken(world)) == ((), [])


def test_two_odd_bookings_do_not_hide_behind_each_other(world: World) -> None:
    world.configure(quiet="off")
    odd = [book(world, contact_phone=number) for number in (ODD, ODD[:-1] + "7")]
    for number in (ODD, ODD[:-1] + "7"):
        world.sandbox.twilio.refuse(number, 400, 21999)
    for _ in range(4):
        world.texts()
        world.time_passes(minutes=10)
    assert {world.states()[booking] for booking in odd} == {"planned"}, "nobody fares better"
    fine = late(world)
    for _ in range(3):
        world.texts()
        world.time_passes(minutes=10)
    assert world.states()[fine] == "done"
    assert {world.states()[booking] for booking in odd} == {"refused"}
    assert broken(world) == []


def test_an_odd_event_is_told_from_a_broken_calendar(world: World) -> None:
    odd = book(world)
    world.sandbox.google.faults.next_calls("events.insert", objecting("invalid"))
    world.events()
    assert broken(world) == ["google:invalid"]
    fine = late(world)
    insert = world.sandbox.google.faults
    insert.next_calls("events.insert", Fault(kind=Misbehaviour.SLOW, seconds=0), objecting("invalid"))
    world.time_passes(minutes=10)
    world.events()
    assert world.states(Effect.CALENDAR) == {fine: "done", odd: "refused"}
    assert broken(world) == []


def refused(world: World, code: int = 21614) -> BookingId:
    """A booking whose text the provider refuses by a code that is about the recipient."""
    world.configure(quiet="off", texts=", stale_after: 300h")
    booking = book(world, contact_phone=ODD, event_date=(world.venue.now + timedelta(days=60)).date())
    world.sandbox.twilio.refuse(ODD, 400, code)
    world.texts()
    assert world.states()[booking] == "refused"
    return booking


def allow(world: World) -> None:
    world.sandbox.twilio.accept(ODD)


def test_c5_a_refusal_is_looked_at_again_every_day(world: World) -> None:
    booking = refused(world)
    for _ in range(3):
        asked = world.sandbox.twilio.asked["messages.create"]
        for hours, calls in ((1, 0), (24, 1), (1, 1)):
            world.time_passes(hours=hours)
            world.texts()
            called = world.sandbox.twilio.asked["messages.create"] - asked
            assert (world.states()[booking], called) == ("refused", calls)
    assert broken(world) == [], "what was refused alone stays refused alone"
    assert [generation for _, _, generation, _, _ in world.intents()] == [1], "one intent, and one row in the queue"
    ((rows,),) = world.venue.sql("SELECT count(*) FROM private_booking_sms_queue WHERE booking_id = %s", booking)
    assert rows == 1
    allow(world)
    world.time_passes(hours=25)
    world.texts()
    assert (world.states()[booking], world.sent_to()) == ("done", [ODD])


def test_a_refusal_that_is_looked_at_again_is_no_new_incident(world: World) -> None:
    refused(world)
    query = "SELECT count(*), count(closed_at) FROM reconciler.gap WHERE kind = 'sms.missing'"
    noted = "UPDATE reconciler.gap SET noted_at = now()"
    world.venue.sql(noted)
    for _ in range(3):
        world.time_passes(hours=25)
        world.texts()
        assert world.venue.sql(query) == [(1, 0)]
        assert world.venue.sql("SELECT noted_at IS NULL FROM reconciler.gap WHERE kind = 'sms.missing'") == [(False,)]


def test_an_odd_booking_that_is_looked_at_again_blocks_nobody(world: World) -> None:
    world.configure(quiet="off", texts=", stale_after: 300h")
    odd = book(world, contact_phone=ODD, event_date=(world.venue.now + timedelta(days=60)).date())
    world.sandbox.twilio.refuse(ODD, 400, 21999)
    world.texts()
    world.time_passes(minutes=10)
    late(world)
    world.texts()
    assert world.states()[odd] == "refused"
    for _ in range(3):
        world.time_passes(hours=25)
        assert world.texts().faults == ()
        assert (world.states()[odd], broken(world)) == ("refused", [])


@pytest.mark.parametrize(
    ("edits", "environment"),
    [
        ({"texts": ", stale_after: 301h"}, {}),
        ({}, {"TWILIO_MESSAGING_SERVICE_SID": ""}),
        ({"limits": ", pass: 90"}, {}),
    ],
    ids=["cron.yaml", "a variable", "anything in cron.yaml"],
)
def test_c5_a_refusal_is_looked_at_again_when_the_settings_change(
    world: World, edits: dict[str, str], environment: dict[str, str]
) -> None:
    world.environment["TWILIO_MESSAGING_SERVICE_SID"] = world.sandbox.twilio.service_sid
    booking = refused(world)
    world.time_passes(minutes=10)
    world.texts()
    allow(world)
    world.time_passes(minutes=10)
    world.texts()
    assert world.states()[booking] == "refused", "under the same settings it stays"
    world.configure(**edits)
    world.environment |= environment
    world.time_passes(minutes=10)
    world.texts()
    assert world.states()[booking] == "done"


def test_c5_a_refusal_is_looked_at_again_when_the_provider_turns_well(world: World) -> None:
    booking = refused(world)
    world.sandbox.twilio.account_status = "suspended"
    world.time_passes(minutes=10)
    other = late(world)
    world.texts()
    assert broken(world) == ["account_suspended"]
    world.sandbox.twilio.account_status = "active"
    allow(world)
    for _ in range(2):
        world.time_passes(minutes=10)
        world.texts()
    assert (world.states()[other], world.states()[booking]) == ("done", "done")


def test_stop_is_not_looked_at_again(world: World) -> None:
    booking = refused(world, 21610)
    allow(world)
    world.configure(texts=", stale_after: 301h")
    world.time_passes(hours=25)
    world.texts()
    assert (world.states()[booking], world.sent_to()) == ("refused", [])
