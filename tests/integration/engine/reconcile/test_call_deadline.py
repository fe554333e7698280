"""A provider that answers one byte every nine seconds, or never: the outcome is unknown, is settled, and stays one."""

import time

import pytest

from reconciler.domain.gaps import Effect
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from tests.support.network import slow_names
from tests.support.sandbox_world import World

pytestmark = pytest.mark.one_server

PATIENCE = 8.0
"""Seconds a pass may take on a busy machine. Without a deadline the shortest of these answers takes longer."""
WITHOUT_END = {
    "one byte every now and then": Fault(kind=Misbehaviour.TRICKLE_HEADERS, seconds=0.1),
    "headers, and then a trickle": Fault(kind=Misbehaviour.TRICKLE_BODY, seconds=0.1),
    "a held connection": Fault(kind=Misbehaviour.HOLD),
}


def timed_pass(world: World, job: str) -> None:
    began = time.monotonic()
    world.once(jobs=(job,))
    assert time.monotonic() - began < PATIENCE, "the pass waited for longer than its calls' deadlines"


@pytest.mark.parametrize("fault", WITHOUT_END.values(), ids=WITHOUT_END.keys())
def test_c4_twilio_answers_without_end_and_one_text_is_sent(world: World, fault: Fault) -> None:
    world.configure(limits=", timeouts: {twilio: 1s}", calendar_policy="off")
    booking = world.venue.booking()
    world.sandbox.twilio.add_message("+447700900999", "a text of yesterday's", world.clock.moment)
    world.later(minutes=5)
    world.sandbox.twilio.faults.next_calls("messages.create", fault)

    timed_pass(world, "sms_missing")
    assert world.states() == {booking: "unknown"}
    assert [code for *_, code in world.intents()] == ["timeout"]

    world.later(minutes=6)
    world.settle_time_is_over()
    for _ in range(3):
        world.texts()
    assert world.states() == {booking: "done"}
    assert len(world.sent_to()) == 2, "the text of yesterday's and ours"


@pytest.mark.parametrize("fault", WITHOUT_END.values(), ids=WITHOUT_END.keys())
def test_google_answers_without_end_and_one_event_is_made(world: World, fault: Fault) -> None:
    world.configure(limits=", timeouts: {google: 1s}", texts=", policy: off")
    booking = world.venue.booking()
    world.sandbox.google.faults.next_calls("events.insert", fault)

    timed_pass(world, "calendar_missing")
    assert world.states(Effect.CALENDAR) == {booking: "unknown"}

    world.later(minutes=6)
    world.settle_time_is_over()
    world.events()
    assert world.states(Effect.CALENDAR) == {booking: "done"}
    assert len(world.sandbox.google.live()) == 1


def test_a_list_that_trickles_settles_nothing_and_the_next_one_does(world: World) -> None:
    world.configure(limits=", timeouts: {twilio: 1s}", calendar_policy="off")
    booking = world.venue.booking()
    world.sandbox.twilio.add_message("+447700900999", "a text of yesterday's", world.clock.moment)
    world.later(minutes=5)
    world.sandbox.twilio.faults.next_calls("messages.create", Fault(kind=Misbehaviour.HOLD))
    world.texts()
    world.later(minutes=6)
    world.settle_time_is_over()
    trickle = Fault(kind=Misbehaviour.TRICKLE_BODY, seconds=0.1)
    world.sandbox.twilio.faults.next_calls("messages.list", trickle)

    timed_pass(world, "unsettled_repairs")
    assert world.states() == {booking: "unknown"}

    world.later(minutes=20)
    world.settle_time_is_over()
    world.texts()
    assert world.states() == {booking: "done"}
    assert len(world.sent_to()) == 2


def test_a_name_that_resolves_slowly_is_no_attempt_and_no_late_text(world: World) -> None:
    world.configure(limits=", timeouts: {twilio: 1s}", calendar_policy="off")
    booking = world.venue.booking()
    with slow_names(1.6):
        timed_pass(world, "sms_missing")
        time.sleep(1.6)
    assert world.sent_to() == []

    world.later(hours=1)
    world.texts()
    assert world.states() == {booking: "done"}
    assert len(world.sent_to()) == 1
