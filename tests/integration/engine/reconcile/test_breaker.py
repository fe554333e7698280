"""The breaker in a pass: C1 and its kin. What goes on, what is held, what lifts the hold, and what locks it."""

import itertools
from datetime import timedelta

import pytest

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.breaker import SAMPLE
from reconciler.domain.decide.plan import BookingRange, BreakerTrip
from reconciler.domain.decide.verdicts import Hold, Refusal
from reconciler.domain.gaps import Cause, Effect, GapKind
from reconciler.engine.backfill import backfill_services, run_backfill
from reconciler.errors import Exit
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from tests.support.application_db import BEA
from tests.support.sandbox_world import World

SMS, CALENDAR = GapKind.SMS_MISSING, GapKind.CALENDAR_MISSING
QUEUE = "private_booking_sms_queue"
AWAY = Fault(kind=Misbehaviour.STATUS, status=503, body="{}")
_NUMBERS = itertools.count()


def number_of(index: int) -> str:
    return f"+447700900{index % 1000:03d}"


def bookings(world: World, number: int, *, days_ago: float = 0.1, **values: object) -> list[BookingId]:
    """Drafts with an event and without a text, each with a number of its own; the last starts soonest.

    The text of a draft is due when the booking is made, also of one that no scan has seen before.
    """
    made = world.venue.now - timedelta(days=days_ago)
    return [
        world.venue.booking(
            status="draft",
            calendar_event_id=f"there{next(_NUMBERS)}",
            created_at=made + timedelta(seconds=index),
            contact_phone=number_of(next(_NUMBERS)),
            event_date=(world.venue.now + timedelta(days=100 - index)).date(),
            **values,
        )
        for index in range(number)
    ]


def texted_days(world: World, days: int, a_day: int, *, at_twilio: bool) -> list[BookingId]:
    """So many bookings a day, each texted by the application soon after it was made."""
    made = []
    for day in range(days):
        for booking in bookings(world, a_day, days_ago=day + 0.2):
            sent_at = world.venue.now - timedelta(days=day + 0.19)
            ((number,),) = world.venue.sql("SELECT contact_phone FROM private_bookings WHERE id = %s", booking)
            body = f"Thank you for booking with us! Your reference is {booking[:8]}."
            sid = world.sandbox.twilio.add_message(number, body, sent_at).sid if at_twilio else f"SM{booking}"
            world.venue.text(booking, sent_at=sent_at, twilio_message_sid=sid)
            made.append(booking)
    return made


def control(world: World) -> None:
    """A message to somebody else that has arrived."""
    world.sandbox.twilio.add_message(BEA, "Hello", world.clock.now() - timedelta(hours=1))


def sent(world: World) -> int:
    return sum("pencilled in" in message.body or "is confirmed" in message.body for message in _messages(world))


def _messages(world: World) -> list:  # type: ignore[type-arg]  # the stand-in's own messages
    return world.sandbox.twilio.messages


def reasons(world: World, kind: GapKind = SMS) -> set[tuple[str, str]]:
    return {gap for (of, _), gap in world.gaps().items() if of == kind}


def locks(world: World) -> list[tuple[object, ...]]:
    return world.venue.sql("SELECT effect, code FROM reconciler.repair_lock")


# C1: 350 texted bookings over 14 days, the queue truncated


def test_c1_a_truncated_queue_doubles_nothing_where_twilio_shows_the_texts(world: World) -> None:
    texted_days(world, days=14, a_day=25, at_twilio=True)
    assert world.texts().exit_code == Exit.AS_DESIRED
    world.venue.sql(f"DELETE FROM {QUEUE}")
    result = world.texts()
    assert (result.exit_code, result.repaired, sent(world)) == (Exit.REFUSED_AS_UNSAFE, 0, 0)
    assert result.breaker_trip is not None
    assert result.breaker_trip.locked
    assert ("breaker", Hold.LOCKED) in reasons(world)
    assert locks(world) == [("sms", "text_found")]


def test_c1_where_twilio_shows_nothing_it_stays_below_the_busiest_day(world: World) -> None:
    """The texts left through another account: nothing can be proved, and the breaker bounds the harm to a day's."""
    texted_days(world, days=14, a_day=25, at_twilio=False)
    world.venue.sql(f"DELETE FROM {QUEUE}")
    world.sandbox.twilio.transit = timedelta(days=30)  # no control
    for _ in range(6):
        world.texts()
        world.later(minutes=10)
    assert sent(world) <= 25


def test_c1_false_gaps_in_portions_are_one_day_and_not_six_passes(world: World) -> None:
    """24 false gaps in every pass: 216 texts and one warning, once."""
    world.sandbox.twilio.transit = timedelta(days=30)  # no control
    for number in range(9):
        bookings(world, 24, days_ago=2.5)
        world.texts()
        world.later(minutes=10)
        assert number or sent(world) == 24, "the busiest day"
    assert sent(world) == 25, "as much as the setting"
    assert len([gap for gap in world.gaps().values() if gap == ("breaker", Hold.BREAKER)]) == 9 * 24 - 25


@pytest.mark.parametrize(
    "spoiled",
    [
        f"UPDATE {QUEUE} SET booking_id = (SELECT booking_id FROM {QUEUE} LIMIT 1)",
        f"UPDATE {QUEUE} SET booking_id = (SELECT max(id::text)::uuid FROM private_bookings)",
        f"UPDATE {QUEUE} SET trigger_type = 'confirmation_v2'",
    ],
)
def test_c1_a_spoiled_queue_doubles_nothing_although_it_names_the_messages(world: World, spoiled: str) -> None:
    world.venue.alter(f"ALTER TABLE {QUEUE} DROP CONSTRAINT {QUEUE}_trigger_type_check")
    world.configure(texts=", satisfied_by: [booking_confirmed, booking_created]")
    texted_days(world, days=14, a_day=25, at_twilio=True)
    assert world.texts().exit_code == Exit.AS_DESIRED
    world.venue.sql(spoiled)
    for _ in range(3):
        result = world.texts()
        world.later(minutes=10)
    assert (result.exit_code, sent(world)) == (Exit.REFUSED_AS_UNSAFE, 0)
    assert locks(world) == [("sms", "text_found")]


# The numbers


@pytest.fixture
def blind(world: World) -> World:
    """Nothing is provable: no message is known to have arrived."""
    world.configure(limits=", breaker: {sms: 3, calendar: 200}")
    world.sandbox.twilio.transit = timedelta(days=30)
    return world


def test_below_the_floor_repairs_go_on_the_soonest_first_and_the_rest_is_held(blind: World) -> None:
    made = bookings(blind, 5)
    seen = blind.texts(act=False)
    trip = BreakerTrip(found=5, checked=5, allowed=3, goes_on=3)
    assert (seen.breaker_trip, seen.exit_code, sent(blind)) == (trip, Exit.REFUSED_AS_UNSAFE, 0)
    result = blind.texts()
    assert (result.breaker_trip, result.exit_code, result.repaired) == (trip, Exit.REFUSED_AS_UNSAFE, 3)
    assert {about for (_, about) in blind.gaps()} == set(made[:2])
    assert reasons(blind) == {("breaker", Hold.BREAKER)}


def test_what_was_done_in_the_last_day_counts_and_is_over_after_it(blind: World) -> None:
    blind.configure(limits=", breaker: {sms: 3, calendar: 200}", quiet="off")
    bookings(blind, 2)
    assert blind.texts().repaired == 2
    bookings(blind, 3)
    assert (blind.texts().repaired, blind.texts().repaired) == (1, 0)
    blind.later(hours=25)
    assert blind.texts().repaired == 2


def test_however_many_bookings_are_fine_they_excuse_nothing(blind: World) -> None:
    for booking in bookings(blind, 60, days_ago=3):
        blind.venue.text(booking)
    bookings(blind, 4)
    assert blind.texts().repaired == 3


@pytest.mark.parametrize(("max_repairs", "number"), [(5, 5), (6, 5), (4, 0)])
def test_max_continues_for_one_run_and_refuses_again_beyond_it(blind: World, max_repairs: int, number: int) -> None:
    bookings(blind, 5)
    assert (blind.texts(max_repairs=max_repairs).repaired, sent(blind)) == (number, number)


def test_what_a_person_said_yes_to_goes_on_and_uses_up_nothing(blind: World) -> None:
    blind.configure(limits=", breaker: {sms: 3, calendar: 200}, pass: 2")
    bookings(blind, 5)
    assert [blind.texts(max_repairs=5).repaired, blind.texts().repaired, blind.texts().repaired] == [2, 2, 1]
    bookings(blind, 3)
    blind.configure(limits=", breaker: {sms: 3, calendar: 200}")
    assert blind.texts().repaired == 3


# The hold lifts by itself, or locks


def test_an_outage_of_the_application_is_repaired_once_twilio_proves_absence(world: World) -> None:
    control(world)
    bookings(world, 40, days_ago=2)
    result = world.texts()
    assert (result.breaker_trip, result.repaired, sent(world)) == (None, 40, 40)
    assert world.texts().exit_code == Exit.AS_DESIRED


def test_our_own_first_texts_are_the_control_of_the_next_pass(world: World) -> None:
    world.configure(limits=", breaker: {sms: 5, calendar: 200}")
    bookings(world, 12)
    assert (world.texts().repaired, world.texts().repaired) == (5, 0)
    world.later(minutes=10)  # they have arrived by then
    assert world.texts().repaired == 7


@pytest.mark.parametrize("number", [1, 4, SAMPLE + 30])
def test_one_text_found_in_the_sample_locks_texts_until_a_person_says_max(world: World, number: int) -> None:
    world.configure(limits=", breaker: {sms: 0, calendar: 200, ratio: 0}")
    control(world)
    made = bookings(world, number)
    ((phone,),) = world.venue.sql("SELECT contact_phone FROM private_bookings WHERE id = %s", made[0])
    world.sandbox.twilio.add_message(phone, "Thanks for booking!", world.clock.now() - timedelta(minutes=5))
    for _ in range(2):
        result = world.texts()
        assert (result.exit_code, sent(world)) == (Exit.REFUSED_AS_UNSAFE, 0)
    assert reasons(world) == {("breaker", Hold.LOCKED)}
    world.later(hours=5)
    world.texts()
    remedies = {row["alert"]["remedy"] for row in world.venue.rows("reconciler.outbox")}
    assert all(f"`reconciler once sms_missing --do --max {number}`" in remedy for remedy in remedies)
    assert {row["alert"]["severity"] for row in world.venue.rows("reconciler.outbox")} >= {"error", "fatal"}, "paged"
    world.texts(max_repairs=number)
    assert (locks(world), sent(world)) == ([], number - 1), "that one is held by itself"


@pytest.mark.parametrize("found", [False, True])
def test_a_number_with_more_messages_than_are_read_hides_no_other(world: World, *, found: bool) -> None:
    """Such as a test phone, whose booking starts soonest: nothing was proved by it, and nobody else was asked."""
    world.configure(limits=", breaker: {sms: 0, calendar: 200, ratio: 0}", texts=", ignore: [news]")
    control(world)
    first, *_, last = bookings(world, 12)
    phones = dict(world.venue.sql("SELECT id::text, contact_phone FROM private_bookings"))
    for _ in range(1001):
        world.sandbox.twilio.add_message(phones[last], "News", world.clock.now() - timedelta(minutes=20))
    if found:
        world.sandbox.twilio.add_message(phones[first], "Thanks!", world.clock.now() - timedelta(minutes=5))
    world.texts()
    assert (locks(world), sent(world)) == (([("sms", "text_found")], 0) if found else ([], 11))
    assert reasons(world) == {("breaker", Hold.LOCKED) if found else ("unknown_outcome", Hold.ANOTHER_TEXT)}


def test_max_that_is_too_small_leaves_the_lock(world: World) -> None:
    world.configure(limits=", breaker: {sms: 0, calendar: 200, ratio: 0}")
    lock_texts(world)
    bookings(world, 3)
    assert world.texts(max_repairs=2).exit_code == Exit.REFUSED_AS_UNSAFE
    assert (len(locks(world)), sent(world)) == (1, 0)
    assert world.texts(act=False, max_repairs=3).exit_code == Exit.WORK_LEFT
    assert len(locks(world)) == 1, "a look writes nothing"
    assert (world.texts(max_repairs=3).repaired, locks(world)) == (3, [])


def lock_texts(world: World) -> None:
    world.texts()
    world.venue.sql("INSERT INTO reconciler.repair_lock (effect, source, code, since) VALUES ('sms', '', 'x', now())")


def test_a_backfill_of_some_bookings_leaves_the_lock_of_all(world: World) -> None:
    lock_texts(world)
    one, *_ = bookings(world, 3)
    with world.services(max_repairs=1) as services:
        span = BookingRange(bookings=frozenset([one]))
        named = backfill_services(services, span, limit=None, stale_after=None)
        assert run_backfill(Effect.SMS, named).repaired == 1
    assert (len(locks(world)), world.texts().repaired) == (1, 0)


@pytest.mark.parametrize("broken", ["provider", "table"])
def test_max_on_a_pass_that_can_do_nothing_leaves_the_lock(world: World, broken: str) -> None:
    lock_texts(world)
    bookings(world, 3)
    if broken == "provider":
        world.sandbox.twilio.account_status = "suspended"
    else:
        world.venue.alter(f"ALTER TABLE {QUEUE} ADD CHECK (status <> 'sent') NOT VALID")
    assert world.texts(max_repairs=3).repaired == 0
    world.sandbox.twilio.account_status = "active"
    assert len(locks(world)) == 1


@pytest.mark.parametrize("how", ["no control", "no answer", "hidden bodies", "not ours to read"])
def test_without_proof_the_hold_stays_and_locks_nothing(blind: World, how: str) -> None:
    twilio = blind.sandbox.twilio
    if how != "no control":
        twilio.transit = timedelta(0)
        control(blind)
    twilio.redacts = how == "hidden bodies"
    if how == "no answer":
        twilio.faults.always("messages.list", AWAY)
    if how == "not ours to read":
        twilio.list_lag = timedelta(days=60)
    bookings(blind, 5)
    result = blind.texts()
    assert result.breaker_trip is not None
    assert not result.breaker_trip.locked
    assert locks(blind) == []
    assert ("breaker", Hold.BREAKER) in reasons(blind)


def test_events_are_proved_by_the_calendar_and_taken_over_where_they_exist(world: World) -> None:
    world.configure(limits=", breaker: {sms: 50, calendar: 3}")
    for index in range(9):
        world.venue.booking(contact_phone=None, event_date=(world.venue.now + timedelta(days=20 + index)).date())
    first = world.events()
    assert (first.repaired, first.exit_code) == (3, Exit.REFUSED_AS_UNSAFE), "no stored event: no control"
    assert reasons(world, CALENDAR) == {("breaker", Hold.BREAKER)}
    assert world.events().repaired == 6, "our own are the control"
    assert len(world.sandbox.google.live()) == 9


# Backfill, refusals


def test_a_backfill_uses_up_nothing_of_a_pass(blind: World) -> None:
    bookings(blind, 3)
    blind.texts()
    blind.venue.sql("UPDATE reconciler.intent SET planned_by = 'backfill'")
    bookings(blind, 3)
    assert blind.texts().repaired == 3


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"event_date": "1800-01-01"}, Refusal.NO_DATE),
        ({"end_time": "12:00"}, Refusal.ENDS_BEFORE_START),
    ],
)
def test_many_refused_for_one_new_reason_page_like_other_systemic_causes(
    world: World, values: dict[str, object], reason: Refusal
) -> None:
    world.configure(calendar_policy="repair")
    world.venue.alter("ALTER TABLE private_bookings DROP CONSTRAINT times_in_order")
    for _ in range(8):
        world.venue.booking(contact_phone=None, **values)
    world.events()
    assert reasons(world, CALENDAR) == {(Cause.REFUSED_ALIKE, reason)}
    world.later(hours=5)
    world.events()
    assert "fatal" in {row["alert"]["severity"] for row in world.venue.rows("reconciler.outbox")}


def test_many_phones_that_an_import_spoiled_are_one_systemic_incident(world: World) -> None:
    for index in range(12):
        world.venue.booking(calendar_event_id=f"there{index}", contact_phone="07700")
    world.texts()
    assert reasons(world) == {(Cause.REFUSED_ALIKE, Refusal.PHONE_UNUSABLE)}
    world.texts()
    assert reasons(world) == {(Cause.REFUSED_ALIKE, Refusal.PHONE_UNUSABLE)}
