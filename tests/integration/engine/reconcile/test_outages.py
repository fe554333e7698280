"""An outage of a provider costs no booking an attempt; a booking that fails while others succeed uses up its own."""

import itertools
from datetime import timedelta

import pytest

from reconciler.domain.bookings import BookingId
from reconciler.domain.gaps import Effect, GapKind
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.fakes.server import Request, Response
from tests.support.application_db import BEA
from tests.support.sandbox_world import World

pytestmark = pytest.mark.one_server

UNWELL = Fault(kind=Misbehaviour.STATUS, status=503, body="{}")
POISONED = "+447700900666"
NUMBERS = itertools.count(200)


def book(world: World, **values: object) -> BookingId:
    number = f"+4477009{next(NUMBERS) % 100_000:05d}"
    return world.venue.booking(**{"contact_phone": number, "customer_first_name": "Ana", **values})


def a_while(world: World, minutes: int, every: int = 10) -> None:
    """Passes on their schedule; the control is of today."""
    for _ in range(minutes // every):
        world.time_passes(minutes=every)
        world.sandbox.twilio.add_message(BEA, "Hi Bea", world.clock.now() - timedelta(minutes=30))
        world.once(jobs=("unsettled_repairs", "calendar_missing", "sms_missing"))


def needing_a_human(world: World) -> list[tuple[str, str]]:
    return world.venue.sql("SELECT booking, code FROM reconciler.intent WHERE state = 'needs_human'")  # type: ignore[return-value]


def attempts(world: World) -> int:
    ((most,),) = world.venue.sql("SELECT coalesce(max(attempts), 0) FROM reconciler.intent")
    return int(most)


OUTAGES = {
    "every call": "",
    "only what changes something": "messages.create",
}


@pytest.mark.parametrize("operation", OUTAGES.values(), ids=OUTAGES.keys())
@pytest.mark.parametrize("hours", [2, pytest.param(9, marks=pytest.mark.long)])
def test_c6_hours_of_503_at_twilio_cost_no_booking_an_attempt(world: World, operation: str, hours: int) -> None:
    world.configure(quiet="off")
    some = [book(world) for _ in range(4)]
    world.sandbox.twilio.faults.always(operation, UNWELL)
    a_while(world, 60 * hours)
    assert (needing_a_human(world), attempts(world)) in (([], 0), ([], 1)), "one may be under way"
    world.sandbox.twilio.faults.clear()
    a_while(world, 240)
    assert {world.states()[booking] for booking in some} == {"done"}
    ours = [number for number in world.sent_to() if number != BEA]
    assert len(ours) == len(set(ours)) == 4


@pytest.mark.parametrize("operation", [pytest.param("", marks=pytest.mark.long), "events.insert"])
@pytest.mark.parametrize("fault", [UNWELL, Fault(kind=Misbehaviour.DROP)], ids=["503", "connections dropped"])
def test_two_hours_of_503_at_google_cost_no_booking_an_attempt(world: World, operation: str, fault: Fault) -> None:
    some = [book(world) for _ in range(4)]
    world.sandbox.google.faults.always(operation, fault)
    a_while(world, 120)
    assert (needing_a_human(world), attempts(world)) in (([], 0), ([], 1))
    world.sandbox.google.faults.clear()
    a_while(world, 240)
    assert {world.states(Effect.CALENDAR)[booking] for booking in some} == {"done"}
    assert len(world.sandbox.google.live()) == 4


def test_a_number_that_always_gives_500_among_healthy_ones_needs_a_human(world: World) -> None:
    world.configure(quiet="off", texts=", stale_after: 300h")
    poisoned = book(world, contact_phone=POISONED, event_date=(world.venue.now + timedelta(days=60)).date())
    world.sandbox.twilio.refuse(POISONED, 500, 20500)
    for _ in range(30):
        book(world)
        a_while(world, 60, every=20)
        if world.states()[poisoned] == "needs_human":
            break
    assert needing_a_human(world) == [(poisoned, "attempts")]
    assert world.gaps()[GapKind.SMS_MISSING, poisoned] == ("given_up", "given_up")
    others = {state for booking, state in world.states().items() if booking != poisoned}
    assert others == {"done"}
    ((tries,),) = world.venue.sql("SELECT attempts FROM reconciler.intent WHERE state = 'needs_human'")
    assert tries == 6


@pytest.mark.long
def test_a_booking_that_fails_alone_waits_longer_and_longer(world: World) -> None:
    """Nobody can tell whether it or the provider is the cause: it is told, and not tried in every pass."""
    world.configure(quiet="off", texts=", stale_after: 300h")
    poisoned = book(world, contact_phone=POISONED)
    world.sandbox.twilio.refuse(POISONED, 500, 20500)
    calls, original = [], world.sandbox.twilio.answer

    def answer(request: Request) -> Response:
        if request.method == "POST":
            calls.append(world.clock.now())
        return original(request)

    world.sandbox.twilio.answer = answer  # type: ignore[method-assign]
    a_while(world, 24 * 60)
    pauses = [later - earlier for earlier, later in itertools.pairwise(calls)]
    assert pauses[0] <= timedelta(minutes=20)
    assert min(pauses[-3:]) >= timedelta(minutes=30), "of at most an hour, and jittered"
    assert world.states()[poisoned] in ("planned", "unknown")
    assert (GapKind.SMS_MISSING, poisoned) in world.gaps()


def test_a_booking_that_failed_goes_last(world: World) -> None:
    world.configure(quiet="off")
    book(world, contact_phone=POISONED)
    world.sandbox.twilio.refuse(POISONED, 500, 20500)
    a_while(world, 20)
    # Examined last before the new ones were planned: only that it failed puts it behind them.
    world.venue.sql("UPDATE reconciler.intent SET examined_at = created_at - interval '1 day'")
    new = [book(world) for _ in range(3)]
    a_while(world, 20)
    assert {world.states()[booking] for booking in new} == {"done"}


def test_a_flapping_provider_leaves_nobody_behind(world: World) -> None:
    """It accepts calls for one pass, and fails for the next three, for ten hours."""
    world.configure(quiet="off")
    some = []
    for number in range(60):
        if number % 6 == 0:
            some.append(book(world))
        world.sandbox.twilio.faults.clear()
        if number % 4:
            world.sandbox.twilio.faults.always("messages.create", UNWELL)
        a_while(world, 10)
    assert needing_a_human(world) == []
    world.sandbox.twilio.faults.clear()
    a_while(world, 120)
    assert {world.states()[booking] for booking in some} == {"done"}
    ours = [number for number in world.sent_to() if number != BEA]
    assert len(ours) == len(set(ours)) == len(some)


def test_an_attempt_that_is_not_counted_is_not_forgotten(world: World) -> None:
    """Uncounting an attempt forgets nothing: the first call's time stays, and with it what could be ours."""
    world.configure(quiet="off")
    booking = book(world)
    world.sandbox.twilio.faults.next_calls("messages.create", Fault(kind=Misbehaviour.DROP))
    world.sandbox.twilio.add_message(BEA, "Hi Bea", world.clock.now() - timedelta(minutes=30))
    world.texts()
    world.settle_time_is_over()
    world.once(jobs=("unsettled_repairs",))
    seen = world.venue.sql(
        "SELECT state, attempts, attempted_at IS NOT NULL FROM reconciler.intent WHERE effect = 'sms'"
    )
    assert seen == [("planned", 0, True)]
    assert world.states() == {booking: "planned"}
