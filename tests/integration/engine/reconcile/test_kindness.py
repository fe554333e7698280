"""Attempts are counted for calls that may have left, and for nothing else; pauses double; rates hold over processes."""

import time
from collections.abc import Callable
from datetime import timedelta
from threading import Thread

import pytest

from reconciler.domain.backoff import Backoff
from reconciler.domain.decide.verdicts import Hold
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.fakes.google import google_error
from reconciler.sandbox.fakes.twilio_messages import twilio_error
from tests.support.application_db import BEA
from tests.support.sandbox_world import World

pytestmark = pytest.mark.one_server

BUSY = Fault(kind=Misbehaviour.STATUS, status=429, body=twilio_error(429, 20429), headers=(("Retry-After", "1800"),))


def attempts(world: World) -> list[tuple[str, int]]:
    return world.venue.sql("SELECT state, attempts FROM reconciler.intent ORDER BY effect, created_at")


def _too_many_requests(world: World) -> None:
    world.sandbox.twilio.faults.next_calls("messages.create", *[BUSY] * 3)


def _wrong_token(world: World) -> None:
    rejected = Fault(kind=Misbehaviour.STATUS, status=401, body=twilio_error(401, 20003))
    world.sandbox.twilio.faults.next_calls("messages.create", *[rejected] * 3)


def _locked(world: World) -> None:
    world.venue.alter("CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE lock_not_available; "
                      "END $$; CREATE TRIGGER no BEFORE INSERT ON private_booking_sms_queue "
                      "FOR EACH ROW EXECUTE FUNCTION no()")  # fmt: skip


def _no_time_left_of_the_lease(world: World) -> None:
    """So much time has passed since the claim that the call of 10 s and a statement of 30 s could outlast the lease."""
    world.venue.alter("CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                      "NEW.leased_until := clock_timestamp() + interval '39 s'; RETURN NEW; END $$; "
                      "CREATE TRIGGER slow BEFORE UPDATE ON reconciler.intent FOR EACH ROW "
                      "WHEN (NEW.state = 'sending') EXECUTE FUNCTION slow()")  # fmt: skip


@pytest.mark.parametrize("own_limit", [_too_many_requests, _wrong_token, _locked, _no_time_left_of_the_lease])
def test_what_certainly_did_not_leave_is_no_attempt(world: World, own_limit: Callable[[World], None]) -> None:
    world.configure(limits=", attempts: 1")
    world.venue.booking(calendar_event_id="there")
    own_limit(world)
    for _ in range(3):
        world.texts()
        world.later(hours=2)
    assert attempts(world) == [("planned", 0)]
    assert world.sent_to() == []


def test_what_may_have_left_is_one(world: World) -> None:
    world.venue.booking(calendar_event_id="there")
    world.sandbox.twilio.faults.next_calls("messages.create", Fault(kind=Misbehaviour.DROP))
    world.texts()
    assert attempts(world) == [("unknown", 1)]


def test_twilio_is_left_alone_for_as_long_as_it_asks(world: World) -> None:
    world.venue.booking(calendar_event_id="there")
    world.sandbox.twilio.faults.next_calls("messages.create", BUSY)
    world.texts()
    world.later(minutes=29)
    assert world.texts().left == 1
    world.later(minutes=2)
    assert world.texts().repaired == 1


def test_google_is_left_alone_for_as_long_as_it_asks(world: World) -> None:
    busy = Fault(
        kind=Misbehaviour.STATUS,
        status=403,
        body=google_error(403, "rateLimitExceeded"),
        headers=(("Retry-After", "1800"),),
    )
    world.venue.booking()
    world.sandbox.google.faults.next_calls("events.insert", busy)
    world.events()
    world.later(minutes=29)
    assert world.events().left == 1
    world.later(minutes=2)
    assert world.events().repaired == 1


def test_pauses_double_up_to_the_longest_and_nobody_waits_alike() -> None:
    backoff = Backoff(first=timedelta(minutes=1), longest=timedelta(hours=1))
    for tries, doubled in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (60, 60)]:
        waits = {backoff.after(tries, f"intent {number}") for number in range(200)}
        assert timedelta(minutes=doubled / 2) <= min(waits) < max(waits) <= timedelta(minutes=doubled)
        assert len(waits) > 190
        assert max(waits) - min(waits) > timedelta(minutes=doubled / 2.2), "over the whole half"
    assert backoff.after(2, "one") == backoff.after(2, "one")


def test_the_pause_before_the_next_try_grows_with_the_time_it_has_been_failing(world: World) -> None:
    """By doublings: an outage uses up no attempts, so they cannot be counted for it."""
    booking, seen = world.venue.booking(calendar_event_id="there"), []
    for _ in range(3):
        world.sandbox.twilio.add_message(BEA, "Hi Bea", world.clock.now() - timedelta(hours=1))
        world.sandbox.twilio.faults.next_calls("messages.create", Fault(kind=Misbehaviour.DROP))
        world.texts()
        world.settle_time_is_over()
        world.texts()
        ((pause,),) = world.venue.sql(
            "SELECT not_before - %s FROM reconciler.intent WHERE booking = %s", world.clock.now(), booking
        )
        seen.append(pause)
        world.later(minutes=5)
    for pause, minutes in zip(seen, (1, 4, 8), strict=True):
        assert timedelta(minutes=minutes / 2) <= pause <= timedelta(minutes=minutes)


def test_a_rate_holds_over_all_who_share_the_database(world: World) -> None:
    """Three at once: between any two calls lies the interval, whoever makes them."""
    for number in range(6):
        world.venue.booking(contact_phone=f"+4477009002{number:02d}", calendar_event_id=f"e{number}")
    world.configure(rate="10/s")
    began = time.monotonic()
    passes = [Thread(target=world.texts) for _ in range(3)]
    for one in passes:
        one.start()
    for one in passes:
        one.join()
    assert sorted(world.sent_to()) == sorted(f"+4477009002{number:02d}" for number in range(6))
    assert time.monotonic() - began >= 0.5, "five intervals lie between six calls"


def test_texts_of_the_application_count_for_the_recipient(world: World) -> None:
    for number in range(3):
        world.venue.text(world.venue.booking(calendar_event_id=f"e{number}"))
    world.venue.booking(calendar_event_id="there")
    result = world.texts()
    assert result.plan is not None
    assert [reason for _, reason in result.plan.decided.elements()] == [Hold.PER_RECIPIENT]
    assert (world.sent_to(), attempts(world)) == ([], [])
