"""Each refusal and each hold is proved by a booking that meets only it; nothing leaves, and it is told."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from reconciler.domain.decide.verdicts import Hold, Refusal, VerdictStatus
from reconciler.domain.gaps import GapKind
from reconciler.sandbox.demo.fixtures import STAFF
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.fakes.google import google_error
from reconciler.settings.model.rules import NOTHING_LEFT
from tests.support.application_db import ANA, LONDON, Venue
from tests.support.sandbox_world import World

pytestmark = pytest.mark.one_server

Story = Callable[[Venue], object]
NO_END = {"end_time": None}


def failed(venue: Venue, message: str, **more: object) -> None:
    venue.text(venue.booking(), status="failed", error_message=message, **more)


def other_customer(venue: Venue, **consent: object) -> None:
    venue.customer(mobile_e164=None, mobile_number="07700 900-101", **consent)
    venue.booking()


def test_c2_after_what_the_application_writes_before_it_tries_the_text_is_sent(world: World) -> None:
    for number, message in enumerate(NOTHING_LEFT):
        booking = world.venue.booking(contact_phone=f"+4477009001{number:02}")
        world.venue.text(booking, status="failed", error_message=message)

    world.texts()

    assert len(world.sent_to()) == len(NOTHING_LEFT)
    assert world.gaps() == {}


TEXT_REFUSALS: list[tuple[Refusal, Story]] = [
    (Refusal.ENDS_BEFORE_START, lambda v: v.booking(start_time="20:00", end_time="18:00", end_time_next_day=None)),
    (Refusal.PHONE_UNUSABLE, lambda v: v.booking(contact_phone="07700")),
    (Refusal.PHONE_UNUSABLE, lambda v: v.booking(contact_phone="020 7946 0123")),
    (Refusal.PHONE_UNUSABLE, lambda v: v.booking(contact_phone="ask at the bar", customer_id=v.customer())),
    (Refusal.OPTED_OUT, lambda v: v.booking(customer_id=v.customer(sms_opt_in=False, mobile_e164=None))),
    (Refusal.OPTED_OUT, lambda v: v.booking(customer_id=v.customer(sms_status="sms_deactivated", mobile_e164=None))),
    (Refusal.OPTED_OUT, lambda v: v.booking(customer_id=v.customer(sms_status=None, mobile_e164=None))),
    (Refusal.OPTED_OUT, lambda v: other_customer(v, sms_opt_in=False)),
    (Refusal.OPTED_OUT, lambda v: other_customer(v, sms_opt_in=None)),
    (Refusal.OPTED_OUT, lambda v: failed(v, "Twilio error 21610: Attempt to send to unsubscribed recipient")),
    (Refusal.MAY_HAVE_LEFT, lambda v: failed(v, "timeout of 30000ms exceeded")),
    (Refusal.MAY_HAVE_LEFT, lambda v: failed(v, "dispatching:2026-06-10T10:00:00Z")),
    (Refusal.MAY_HAVE_LEFT, lambda v: failed(v, "HTTP 400", twilio_message_sid="SM" + "1" * 32)),
    (Refusal.MAY_HAVE_LEFT, lambda v: failed(v, "HTTP 503 Service Unavailable")),
    (Refusal.OLD, lambda v: v.booking(created_at=v.now - timedelta(hours=72, seconds=1))),
    (Refusal.TOO_SOON, lambda v: v.booking(event_date=v.now.date(), start_time="13:59", end_time="23:00")),
    (Refusal.TEXT_UNWRITABLE, lambda v: v.booking(event_type=None)),
]


@pytest.mark.parametrize(
    ("refusal", "story"), TEXT_REFUSALS, ids=[f"{r}-{i}" for i, (r, _) in enumerate(TEXT_REFUSALS)]
)
def test_a_text_that_is_refused(world: World, refusal: Refusal, story: Story) -> None:
    template = '"{{ first_name }} {{ occasion }} {{ ref }}"' if refusal is Refusal.TEXT_UNWRITABLE else '"Hi {{ ref }}"'
    message = f"{{trigger: booking_confirmed, template: {template}}}"
    world.configure(texts=f", messages: {{draft: {message}, confirmed: {message}}}")
    story(world.venue)
    result = world.texts()
    assert result.plan is not None
    assert list(result.plan.decided.elements()) == [(VerdictStatus.NEEDS_HUMAN, refusal)]
    assert world.sent_to() == []
    assert [reason for (kind, _), (_, reason) in world.gaps().items() if kind == GapKind.SMS_MISSING] == [refusal]


CERTAIN_FAILURES = (
    'new row violates check constraint "private_booking_sms_queue_trigger_type_check"',
    "SQLSTATE 42703: column missing",
    "Twilio error 21211: invalid To",
    "HTTP 400 Bad Request",
    "validation failed",
)


@pytest.mark.parametrize("message", CERTAIN_FAILURES)
def test_an_application_failure_that_certainly_reached_nobody_is_repaired(world: World, message: str) -> None:
    failed(world.venue, message)
    assert world.texts().repaired == 1
    assert world.sent_to() == [ANA]


def test_a_booking_without_a_date_is_refused_and_not_dropped_in_silence(world: World) -> None:
    world.venue.alter("ALTER TABLE private_bookings ALTER COLUMN event_date DROP NOT NULL")
    world.venue.booking(event_date=None)
    for result in world.both().values():
        assert result.plan is not None
        assert [reason for _, reason in result.plan.decided.elements()] == [Refusal.NO_DATE]
    assert {reason for _, reason in world.gaps().values()} == {Refusal.NO_DATE}


def test_a_provider_s_refusal_holds_as_long_as_the_number(world: World) -> None:
    booking = world.venue.booking()
    world.sandbox.twilio.refuse(ANA, 400, 21614)
    assert world.texts().needs_human == 1
    world.later(minutes=10)
    again = world.texts()
    assert again.plan is not None
    assert [reason for _, reason in again.plan.decided.elements()] == [Refusal.REFUSED_BY_PROVIDER]
    assert len(world.intents()) == 1, "refused is not planned again"
    world.venue.sql("UPDATE private_bookings SET contact_phone = '07700900102' WHERE id = %s", booking)
    world.later(minutes=10)
    assert world.texts().repaired == 1
    assert world.sent_to() == ["+447700900102"]


def test_stop_at_twilio_is_refused_as_the_recipient_s_wish(world: World) -> None:
    booking = world.venue.booking()
    world.sandbox.twilio.refuse(ANA, 400, 21610)
    world.texts()
    assert world.gaps()[GapKind.SMS_MISSING, booking] == ("refused_recipient", Refusal.REFUSED_BY_PROVIDER)


def test_an_unknown_outcome_is_told_and_never_sent_again(world: World) -> None:
    booking = world.venue.booking()
    world.sandbox.twilio.faults.next_calls("messages.create", Fault(kind=Misbehaviour.LOSE))
    assert world.texts().needs_human == 1
    for _ in range(2):
        world.later(hours=1)
        again = world.texts()
        assert again.plan is not None
        assert [reason for _, reason in again.plan.decided.elements()] == [Refusal.UNKNOWN]
    assert world.sent_to() == [ANA]
    assert world.gaps()[GapKind.SMS_MISSING, booking] == ("unknown_outcome", Refusal.UNKNOWN)


def test_an_unknown_outcome_blocks_the_booking_under_every_trigger(world: World) -> None:
    booking = world.venue.booking(status="draft")
    world.sandbox.twilio.faults.next_calls("messages.create", Fault(kind=Misbehaviour.FAIL_AFTER))
    world.texts()
    world.venue.sql("UPDATE private_bookings SET status = 'confirmed' WHERE id = %s", booking)
    world.later(minutes=10)
    world.texts()
    assert world.sent_to() == [ANA]


def test_attempts_restarted_too_often_are_given_up(world: World) -> None:
    booking = world.venue.booking()
    world.configure(limits=", generations: 1")
    world.sandbox.twilio.refuse(ANA, 400, 21614)
    world.texts()
    world.venue.sql("UPDATE private_bookings SET contact_phone = '07700900102' WHERE id = %s", booking)
    world.later(minutes=10)
    again = world.texts()
    assert again.plan is not None
    assert [reason for _, reason in again.plan.decided.elements()] == [Refusal.GIVEN_UP]
    assert world.sent_to() == []


def test_quiet_hours_hold_a_text_and_not_an_event(world: World) -> None:
    booking = world.venue.booking()
    world.configure(quiet="11:30-12:30")
    results = world.once()
    assert results[GapKind.SMS_MISSING].left == 1
    assert results[GapKind.CALENDAR_MISSING].repaired == 1
    assert world.gaps() == {(GapKind.SMS_MISSING, booking): ("never_queued", Hold.QUIET_HOURS)}
    world.later(minutes=31)
    assert world.texts().repaired == 1


def test_a_text_that_could_not_leave_before_quiet_hours_waits(world: World) -> None:
    world.venue.booking()
    world.clock.moment = datetime(2026, 6, 10, 20, 59, 1, tzinfo=LONDON)
    assert world.texts().left == 1
    assert world.sent_to() == []


def test_twilio_may_keep_a_text_no_longer_than_until_quiet_hours(world: World) -> None:
    world.venue.booking()
    world.clock.moment = datetime(2026, 6, 10, 20, 30, tzinfo=LONDON)
    world.texts()
    assert [message.validity for message in world.sandbox.twilio.messages] == [30 * 60 - 10], (
        "less what the call may take"
    )


def test_the_application_s_own_texts_count_for_the_recipient_s_limit(world: World) -> None:
    for hours in (1, 5, 23):
        world.venue.text(
            world.venue.booking(), customer_phone="07700 900 101", sent_at=world.venue.now - timedelta(hours=hours)
        )
    held = world.venue.booking()
    assert world.texts().left == 1
    assert world.gaps()[GapKind.SMS_MISSING, held] == ("never_queued", Hold.PER_RECIPIENT)
    world.later(hours=1, minutes=1)
    assert world.texts().repaired == 1


def test_our_own_texts_of_the_same_pass_count_too(world: World) -> None:
    for _ in range(5):
        world.venue.booking()
    result = world.texts()
    assert (result.repaired, result.left) == (3, 2)
    assert world.sent_to() == [ANA] * 3


@pytest.mark.parametrize("edit", [{"more": "repairs: report"}, {"texts": ", policy: report"}])
def test_policy_report_looks_and_tells(world: World, edit: dict[str, str]) -> None:
    booking = world.venue.booking()
    world.configure(**edit)
    assert world.texts().needs_human == 1
    assert world.gaps()[GapKind.SMS_MISSING, booking] == ("never_queued", Hold.POLICY)
    assert world.sent_to() == []


def test_a_booking_locked_by_the_application_waits_for_the_next_pass(world: World) -> None:
    booking = world.venue.booking()
    with world.venue.postgres.connect(world.venue.name, "venue_app") as other, other.transaction():
        other.execute("UPDATE private_bookings SET guest_count = 9 WHERE id = %s", (booking,))
        results = world.both()
    assert [result.attempts for result in results.values()] == [{("held", Hold.BUSY): 1}] * 2
    assert world.sent_to() == []
    assert [result.repaired for result in world.both().values()] == [1, 1]


def test_a_country_switched_off_at_twilio_holds_its_texts_only(world: World) -> None:
    world.configure(texts=", countries: [GB, FR]")
    world.venue.booking(contact_phone="+33639980123")
    world.venue.booking()
    world.sandbox.twilio.refuse("+33639980123", 400, 21408)
    assert world.texts().repaired == 1
    assert world.sent_to() == [ANA]
    world.later(minutes=30)
    again = world.texts()
    assert again.plan is not None
    assert [reason for _, reason in again.plan.decided.elements()] == [Hold.BACKOFF]


def test_event_refusals(world: World) -> None:
    world.venue.booking(start_time="20:00", end_time="18:00", end_time_next_day=None)
    result = world.events()
    assert result.plan is not None
    assert [reason for _, reason in result.plan.decided.elements()] == [Refusal.ENDS_BEFORE_START]
    assert world.sandbox.google.writes == 0


def test_an_event_that_google_refuses_is_told_and_not_tried_again(world: World) -> None:
    booking = world.venue.booking()
    bad = Fault(kind=Misbehaviour.STATUS, status=400, body=google_error(400, "timeRangeEmpty"))
    world.sandbox.google.faults.next_calls("events.insert", bad)
    assert world.events().needs_human == 1
    world.later(minutes=10)
    assert world.events().needs_human == 1
    assert world.gaps()[GapKind.CALENDAR_MISSING, booking] == ("unusable_data", Refusal.REFUSED_BY_PROVIDER)
    assert world.sandbox.google.writes == 0


def test_rejected_by_a_person_is_no_gap(world: World) -> None:
    world.venue.text(world.venue.booking(), status="cancelled", approved_by=STAFF)
    result = world.texts()
    assert (result.left, result.needs_human, world.sent_to()) == (0, 0, [])
