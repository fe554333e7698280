"""Each text that a booking calls for has its own evidence."""

import pytest

from reconciler.domain.gaps import Effect, GapKind
from reconciler.engine.backfill import plan_backfill
from tests.support.sandbox_world import World

SMS = GapKind.SMS_MISSING


@pytest.mark.parametrize("trigger", ["booking_created", "event_reminder_1d", "date_changed"])
def test_another_text_does_not_satisfy_the_confirmation(world: World, trigger: str) -> None:
    booking = world.venue.booking()
    world.venue.text(booking, trigger_type=trigger)
    world.texts()
    assert [intent[:2] for intent in world.intents()] == [(booking, "booking_confirmed")]
    assert len(world.sent_to()) == 1


@pytest.mark.parametrize(
    ("status", "trigger"),
    [("confirmed", "booking_confirmed"), ("confirmed", "deposit_received"), ("draft", "booking_confirmed")],
)
def test_a_text_that_says_as_much_satisfies_it(world: World, status: str, trigger: str) -> None:
    world.venue.text(world.venue.booking(status=status), trigger_type=trigger)
    world.texts()
    assert (world.sent_to(), world.gaps()) == ([], {})


def test_a_confirmation_that_failed_is_seen_although_an_earlier_text_was_sent(world: World) -> None:
    booking = world.venue.booking()
    world.venue.text(booking, trigger_type="booking_created")
    world.venue.text(booking, status="failed", error_message="violates check constraint")
    with world.services(act=False) as services:
        result = plan_backfill(Effect.SMS, services)
    assert [d.verdict.cause for d in result.decisions] == ["app_failed"]


def test_a_person_s_decision_about_the_first_text_is_none_about_the_confirmation(world: World) -> None:
    booking = world.venue.booking()
    rejected = "00000000-0000-0000-0000-000000000001"
    world.venue.text(booking, trigger_type="booking_created", status="cancelled", approved_by=rejected)
    world.texts()
    assert len(world.sent_to()) == 1


@pytest.mark.parametrize("trigger", ["booking_created", "booking_confirmed"])
def test_what_an_older_ledger_recorded_is_not_sent_again(world: World, trigger: str) -> None:
    """Until 0.2 any text of ours satisfied the rule. What a booking called for then is not known any more."""
    booking = world.venue.booking(status="draft" if trigger == "booking_created" else "confirmed")
    world.texts()
    world.venue.sql("DELETE FROM private_booking_sms_queue")
    world.venue.sql("DELETE FROM reconciler.run; DELETE FROM reconciler.due")
    world.venue.sql("UPDATE reconciler.intent SET any_occasion = true")
    world.venue.sql("UPDATE private_bookings SET status = 'confirmed' WHERE id = %s", booking)
    for _ in range(3):
        world.later(minutes=20)
        world.texts()
    assert len(world.sent_to()) == 1


def test_the_old_key_is_read_with_a_warning_that_names_the_new_place(world: World) -> None:
    world.configure(texts=", satisfied_by: any")
    world.venue.text(world.venue.booking(), trigger_type="event_reminder_1d")
    assert "rules.sms.missing.messages.<status>.satisfied_by" in world.settings().source.warnings[0]
    world.texts()
    assert world.sent_to() == []
