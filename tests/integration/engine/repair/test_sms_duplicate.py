"""Two message ids for one intent, from whatever side they become known, are reported as ``sms.duplicate``."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from reconciler.domain.gaps import GapKind
from tests.support.interruptions import Interruption, Point, interrupted
from tests.support.sandbox_world import World

BEA = "+447700900102"
ANSWERED = frozenset({Point.AFTER_CALL})


def stood_still(world: World, meanwhile: Callable[[], object]) -> None:
    """A pass whose process stands still after Twilio's answer, before it is recorded, for as long as ``meanwhile``."""
    world.configure(limits=", timeouts: {twilio: 60s}", calendar_policy="off")
    with interrupted(Interruption(number=0, deed=meanwhile, where=ANSWERED, waits_for="twilio")):
        world.once(jobs=("sms_missing",))


def settled(world: World) -> None:
    """The lease ends, the outcome is settled, and what is missing is sent."""
    for _ in range(3):
        world.time_passes(hours=1)
        world.sandbox.twilio.add_message(BEA, "Hi Bea", world.clock.now() - timedelta(minutes=30))
        world.once(jobs=("sms_missing",))


def duplicates(world: World) -> list[tuple[str, str]]:
    kind = GapKind.SMS_DUPLICATE
    return [tuple(row) for row in world.venue.sql("SELECT about, reason FROM reconciler.gap WHERE kind = %s", kind)]  # type: ignore[misc]  # two columns


def sids(world: World, number: str) -> list[str]:
    return [message.sid for message in world.sandbox.twilio.messages if message.to == number]


def hide_first_text(world: World) -> None:
    """Twilio's lists do not show it: they lag for longer than ``limits.settle``."""
    world.sandbox.twilio.messages, hidden = [], world.sandbox.twilio.messages
    settled(world)
    world.sandbox.twilio.messages = hidden + world.sandbox.twilio.messages


def test_an_answer_after_the_text_was_sent_again(world: World) -> None:
    booking = world.venue.booking()
    number = world.venue.rows("private_bookings")[0]["contact_phone"]
    stood_still(world, lambda: hide_first_text(world))

    ((about, reason),) = duplicates(world)
    assert about == booking
    assert len(world.sandbox.twilio.messages) > 2, number
    assert reason.startswith("2 messages: SM")


def test_an_answer_after_the_same_message_was_found(world: World) -> None:
    booking = world.venue.booking()
    stood_still(world, lambda: settled(world))

    assert world.states() == {booking: "done"}
    assert duplicates(world) == []


def test_an_answer_after_a_person_named_another_message(world: World) -> None:
    booking = world.venue.booking()

    def resolve() -> None:
        world.venue.sql("UPDATE reconciler.intent SET state = 'unknown', leased_until = NULL, claim = NULL")
        world.venue.sql("UPDATE reconciler.intent SET state = 'done', provider_id = %s", "SM" + "0" * 32)

    stood_still(world, resolve)

    ((about, reason),) = duplicates(world)
    assert about == booking
    assert "SM" + "0" * 32 in reason


def test_the_queue_row_names_another_message(world: World) -> None:
    booking = world.venue.booking()
    other = "SM" + "1" * 32
    stood_still(world, lambda: world.venue.sql("UPDATE private_booking_sms_queue SET twilio_message_sid = %s", other))

    ((about, reason),) = duplicates(world)
    assert about == booking
    assert other in reason


def test_it_is_alerted_once_with_the_reference(world: World) -> None:
    booking = world.venue.booking()
    stood_still(world, lambda: hide_first_text(world))
    world.once()

    alerts = [event for event in world.sandbox.sentry.events if event["tags"]["kind"] == "sms.duplicate"]
    assert len(alerts) == 1
    assert booking[:8] in str(alerts[0]["contexts"])


def test_the_application_sends_its_own_text_after_ours(world: World) -> None:
    booking = world.venue.booking()
    world.texts()
    (ours,) = [intent["provider_id"] for intent in world.venue.rows("reconciler.intent") if intent["effect"] == "sms"]
    world.later(minutes=1)
    world.venue.text(booking, twilio_message_sid=f"SM{'f' * 32}")
    for _ in range(2):
        world.texts()
        world.later(minutes=10)

    assert duplicates(world) == [(booking, f"2 messages: {ours} SM{'f' * 32}")]
    alerts = [event for event in world.sandbox.sentry.events if event["tags"]["kind"] == "sms.duplicate"]
    assert len(alerts) == 1


@pytest.mark.parametrize(
    "row",
    [
        {"trigger_type": "event_reminder_1d"},
        {"trigger_type": "deposit_received"},
        {"status": "failed", "error_message": "refused", "twilio_message_sid": f"SM{'f' * 32}"},
        {"status": "pending", "sent_at": None, "twilio_message_sid": None},
    ],
    ids=["a reminder", "the receipt", "one that failed", "one that waits"],
)
def test_another_row_beside_our_text_is_no_second_text(world: World, row: dict[str, object]) -> None:
    booking = world.venue.booking()
    world.texts()
    world.later(minutes=1)
    world.venue.text(booking, **row)
    world.texts()
    assert duplicates(world) == []


def test_a_text_of_the_application_that_is_a_day_later_is_a_new_one(world: World) -> None:
    booking = world.venue.booking()
    world.texts()
    world.later(hours=25)
    world.venue.text(booking, twilio_message_sid=f"SM{'f' * 32}")
    world.texts()
    assert duplicates(world) == []
