"""What went wrong elsewhere, or would have here: each was a text too many, an event too many, or a silence."""

from datetime import timedelta
from threading import Thread

import pytest

from reconciler.domain.decide.verdicts import Hold, Refusal
from reconciler.domain.gaps import Effect, GapKind
from reconciler.errors import Exit
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.fakes.google import google_error
from reconciler.sandbox.fakes.twilio_messages import twilio_error
from tests.support.application_db import ANA
from tests.support.sandbox_world import World

SMS, CALENDAR = GapKind.SMS_MISSING, GapKind.CALENDAR_MISSING
QUEUE = "private_booking_sms_queue"
UNDATED = "ALTER TABLE private_bookings DROP CONSTRAINT times_in_order"


# Texts: when in doubt, none


@pytest.mark.parametrize("status", [None, "sending", "delivered"])
def test_a_queue_row_in_a_status_we_do_not_know_counts_as_a_text(world: World, status: str | None) -> None:
    world.venue.alter(f"ALTER TABLE {QUEUE} DROP CONSTRAINT {QUEUE}_status_check")
    world.venue.text(world.venue.booking(), status=status)
    assert world.texts().repaired == 0
    assert world.sent_to() == []


def test_a_cancelled_row_that_twilio_gave_a_sid_was_sent(world: World) -> None:
    world.venue.text(world.venue.booking(), status="cancelled", twilio_message_sid="SM" + "1" * 32)
    assert world.texts().repaired == 0
    assert world.sent_to() == []


def test_every_failed_row_must_be_harmless_not_only_the_newest(world: World) -> None:
    booking = world.venue.booking()
    earlier = world.venue.now - timedelta(minutes=40)
    world.venue.text(booking, status="failed", error_message="timeout of 30000ms exceeded", created_at=earlier)
    world.venue.text(booking, status="failed", error_message="validation failed")
    world.texts()
    assert world.sent_to() == []
    assert world.gaps()[SMS, booking] == ("unknown_outcome", Refusal.MAY_HAVE_LEFT)


@pytest.mark.parametrize("written", ["07700 900101 / 07700 900102", "0044 7700 900101", "07700 900101 (mum)"])
def test_an_opted_out_number_is_found_however_the_customer_row_spells_it(world: World, written: str) -> None:
    world.venue.customer(mobile_e164=None, mobile_number=written, sms_opt_in=False)
    booking = world.venue.booking()
    world.texts()
    assert world.sent_to() == []
    assert world.gaps()[SMS, booking] == ("refused_recipient", Refusal.OPTED_OUT)


def test_a_confirmation_is_not_satisfied_by_an_earlier_text_that_does_not_count(world: World) -> None:
    """Texted as a draft; then confirmed, where only confirmations count: it is sent, once."""
    satisfied = (
        ", satisfied_by: [booking_confirmed], messages: {confirmed: {trigger: booking_confirmed, "
        'template: "Yes {{ ref }}"}, draft: {trigger: booking_created, template: "Maybe {{ ref }}"}}'
    )
    booking = world.venue.booking(status="draft")
    world.texts()
    world.venue.sql("UPDATE private_bookings SET status = 'confirmed' WHERE id = %s", booking)
    world.configure(texts=satisfied, bookings=", statuses: [confirmed]")
    for _ in range(2):
        world.later(minutes=10)
        world.texts()
    assert [message.body[:3] for message in world.sandbox.twilio.messages] == ["Hi ", "Yes"]


def test_what_would_never_satisfy_the_rule_is_not_accepted_as_a_setting(world: World) -> None:
    world.configure(texts=", satisfied_by: [booking_created]")
    with pytest.raises(Exception, match="satisfied_by: lacks booking_confirmed"):
        world.texts()


def test_the_kill_switch_stops_texts_and_only_texts(world: World) -> None:
    booking = world.venue.booking()
    world.environment["SUSPEND_ALL_SMS"] = "true"
    results = world.once()
    assert (results[SMS].repaired, results[SMS].needs_human, results[CALENDAR].repaired) == (0, 1, 1)
    assert (world.sent_to(), world.gaps()[SMS, booking]) == ([], ("never_queued", Hold.SUSPENDED))
    world.environment["SUSPEND_ALL_SMS"] = "false"
    assert world.texts().repaired == 1


def test_the_kill_switch_stops_removals_too(world: World) -> None:
    booking = world.venue.booking()
    world.events()
    world.venue.sql("UPDATE private_bookings SET status = 'cancelled', calendar_event_id = NULL WHERE id = %s", booking)
    world.environment["SUSPEND_ALL_EVENTS"] = "true"
    world.events()
    assert len(world.sandbox.google.live()) == 1


def test_the_kill_switch_for_events(world: World) -> None:
    world.venue.booking()
    world.environment["SUSPEND_ALL_EVENTS"] = "1"
    results = world.once()
    assert (results[SMS].repaired, results[CALENDAR].repaired, world.sandbox.google.writes) == (1, 0, 0)


def test_a_text_put_back_goes_to_the_number_and_name_of_the_day_it_is_sent(world: World) -> None:
    booking = world.venue.booking()
    busy = Fault(kind=Misbehaviour.STATUS, status=429, body=twilio_error(429, 20429))
    world.sandbox.twilio.faults.next_calls("messages.create", busy)
    world.texts()
    changed = "UPDATE private_bookings SET contact_phone = '07700900102', customer_first_name = 'Bea' WHERE id = %s"
    world.venue.sql(changed, booking)
    world.later(minutes=10)
    assert world.texts().repaired == 1
    (message,) = world.sandbox.twilio.messages
    (row,) = [row for row in world.venue.rows(QUEUE) if row["status"] == "sent"]
    assert (row["customer_phone"], row["message_body"]) == (message.to, message.body)
    assert (message.to, "Bea" in message.body) == ("+447700900102", True)


def test_a_text_refused_for_what_it_said_is_tried_again_when_it_says_something_else(world: World) -> None:
    world.venue.booking()
    world.sandbox.twilio.refuse(ANA, 400, 21617)
    world.texts()
    world.sandbox.twilio.refuse(ANA, 400, 21610)
    message = '{trigger: booking_confirmed, template: "Short {{ ref }}"}'
    world.configure(texts=f", messages: {{draft: {message}, confirmed: {message}}}")
    world.later(minutes=10)
    assert world.texts().needs_human == 1, "this time the person says STOP"
    message = '{trigger: booking_confirmed, template: "Another {{ ref }}"}'
    world.configure(texts=f", messages: {{draft: {message}, confirmed: {message}}}")
    world.later(minutes=10)
    world.texts()
    assert [(generation, code) for _, trigger, generation, _, code in world.intents() if trigger != "event"] == [
        (1, "twilio:21617"),
        (2, "twilio:21610"),
    ], "nobody who said STOP is asked again in other words"


def test_texts_of_unknown_outcome_count_for_the_recipient_s_limit(world: World) -> None:
    for _ in range(4):
        world.venue.booking()
    lost = Fault(kind=Misbehaviour.LOSE)
    for _ in range(4):
        world.sandbox.twilio.faults.next_calls("messages.create", lost)
        world.texts()
        world.later(minutes=10)
    assert world.sent_to() == [ANA] * 3


def test_an_unknown_outcome_stays_visible_when_its_booking_is_cancelled(world: World) -> None:
    from reconciler.store.views.status import status_snapshot

    booking = world.venue.booking(calendar_event_id="there")
    world.sandbox.twilio.faults.next_calls("messages.create", Fault(kind=Misbehaviour.LOSE))
    world.texts()
    world.venue.sql("UPDATE private_bookings SET status = 'cancelled' WHERE id = %s", booking)
    world.later(minutes=10)
    world.texts()
    with world.venue.database() as database:
        seen = status_snapshot(database)
    assert (seen.gaps, dict(seen.unsettled)) == ((), {"sms unknown": 1})


# Data nobody expects


@pytest.mark.parametrize("date", ["20026-06-17", "9999-12-31", "infinity", "0001-01-01 BC"])
def test_a_date_that_cannot_be_meant_stops_nothing_and_is_told(world: World, date: str) -> None:
    world.venue.alter(UNDATED)
    fine = world.venue.booking()
    odd = world.venue.booking(event_date=date, end_time="02:00", end_time_next_day=True)
    results = world.both()
    assert [(result.repaired, result.needs_human) for result in results.values()] == [(1, 1)] * 2
    assert world.venue.stored_event(fine)
    assert {about: reason for (_, about), (_, reason) in world.gaps().items()} == {odd: Refusal.NO_DATE}


@pytest.mark.parametrize("made", [None, "infinity", "-infinity"])
def test_a_booking_made_nobody_knows_when_gets_its_event_and_no_text(world: World, made: str | None) -> None:
    world.venue.alter("ALTER TABLE private_bookings ALTER COLUMN created_at DROP NOT NULL")
    world.configure(bookings="", more="")
    booking = world.venue.booking(created_at=made)
    world.once()
    if made is None:
        assert (world.sent_to(), world.gaps()) == ([], {(SMS, booking): ("too_late", Refusal.OLD)})
        assert world.venue.stored_event(booking)
    else:
        assert world.sent_to() == []


def test_a_bug_that_meets_one_booking_stops_no_other_and_is_not_hidden(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reconciler.domain.decide import calendar_event

    poisoned, fine = world.venue.booking(customer_name="Poison"), world.venue.booking()
    right = calendar_event.body

    def wrong(booking: object, *rest: object) -> object:
        assert getattr(booking, "name", "") != "Poison"
        return right(booking, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(calendar_event, "body", wrong)
    with pytest.raises(AssertionError):
        world.events()
    assert world.venue.stored_event(fine)
    assert world.gaps()[CALENDAR, poisoned] == ("blocked", "AssertionError")
    ((result,),) = world.venue.sql("SELECT result FROM reconciler.run WHERE job = 'calendar_missing'")
    assert result == "crashed"


# A database that is not what cron.yaml says


def test_a_view_may_hide_rows_and_no_repair_goes_by_it(world: World) -> None:
    world.venue.text(world.venue.booking(), status="sent")
    world.venue.alter(
        f"CREATE VIEW queue AS SELECT * FROM {QUEUE} WHERE status <> 'sent'; GRANT ALL ON queue TO public"
    )
    world.configure(texts=", queue: public.queue")
    result = world.texts()
    assert [(fault.code, QUEUE in fault.remedy) for fault in result.faults] == [("is_view", True)]
    assert world.sent_to() == []


@pytest.mark.parametrize(("only", "code"), [("{venu_id: 7}", "columns_missing"), ("{source: 7}", "sqlstate:42883")])
def test_only_by_a_column_that_is_not_there_or_of_another_type(world: World, only: str, code: str) -> None:
    world.venue.booking()
    world.configure(bookings=f", only: {only}")
    for kind, result in world.both().items():
        assert ([fault.code for fault in result.faults], result.exit_code) == ([code], Exit.NEEDS_A_HUMAN)
        alerted = [gap for (_, about), gap in world.gaps().items() if about.startswith(f"{result.effect} ")]
        assert alerted == [("blocked", code)], kind


def test_a_pass_that_saw_nothing_does_not_use_up_the_day_s_full_scan(world: World) -> None:
    booking = world.venue.booking(created_at=world.venue.now - timedelta(days=30))
    world.venue.alter("REVOKE SELECT ON private_bookings FROM reconciler_job")
    world.events()
    world.venue.alter("GRANT SELECT ON private_bookings TO reconciler_job")
    world.later(minutes=10)
    assert world.events().repaired == 1
    assert world.venue.stored_event(booking)


def test_a_rule_that_is_switched_off_leaves_no_gap_behind(world: World) -> None:
    world.venue.booking(contact_phone="07700")
    world.texts()
    assert {kind for kind, _ in world.gaps()} == {SMS}
    world.venue.alter("REVOKE INSERT ON private_booking_sms_queue FROM reconciler_job")
    world.texts()
    assert {kind for kind, _ in world.gaps()} == {SMS, GapKind.INTEGRATION_SCHEMA}
    world.configure(texts=", policy: off")
    world.texts()
    assert world.gaps() == {}


def test_an_integration_that_nothing_is_asked_of_is_no_longer_broken(world: World) -> None:
    world.venue.booking()
    world.sandbox.google.role = "reader"
    world.events()
    assert (GapKind.INTEGRATION_GOOGLE, Effect.CALENDAR) in world.gaps()
    world.configure(more="repairs: report")
    world.events()
    assert (GapKind.INTEGRATION_GOOGLE, Effect.CALENDAR) not in world.gaps()


# Events: one for each booking, and none for a booking that has no use for it


def test_an_event_found_after_its_booking_was_cancelled_is_removed(world: World) -> None:
    booking = world.venue.booking()
    world.sandbox.google.faults.next_calls("events.insert", Fault(kind=Misbehaviour.FAIL_AFTER, status=503))
    world.events()
    world.venue.sql("UPDATE private_bookings SET status = 'cancelled' WHERE id = %s", booking)
    world.later(minutes=10)
    world.events()
    assert world.sandbox.google.live() == []


def lose_the_id(world: World, booking: str) -> None:
    """As if we had died between the ledger's *done* and the write-back."""
    world.venue.sql("UPDATE private_bookings SET calendar_event_id = NULL WHERE id = %s", booking)


def test_our_event_gives_way_when_the_application_stored_its_own(world: World) -> None:
    booking = world.venue.booking()
    world.events()
    lose_the_id(world, booking)
    theirs = world.sandbox.google.put(
        "their own", world.venue.now + timedelta(days=7), world.venue.now + timedelta(days=8)
    )
    world.venue.sql("UPDATE private_bookings SET calendar_event_id = %s WHERE id = %s", theirs, booking)
    world.later(minutes=10)
    world.events()
    assert [event["id"] for event in world.sandbox.google.live()] == [theirs]
    writes = world.sandbox.google.writes
    world.later(minutes=10)
    world.events()
    assert world.sandbox.google.writes == writes, "and then it is forgotten"


def test_an_event_that_cannot_be_removed_now_is_told_and_removed_later(world: World) -> None:
    booking = world.venue.booking()
    world.events()
    world.venue.sql("UPDATE private_bookings SET status = 'cancelled', calendar_event_id = NULL WHERE id = %s", booking)
    refusing = Fault(kind=Misbehaviour.STATUS, status=403, body=google_error(403, "quotaExceeded"))
    world.sandbox.google.faults.next_calls("events.delete", refusing)
    world.later(minutes=10)
    world.events()
    assert world.gaps() == {(GapKind.CALENDAR_ORPHAN, booking): ("blocked", "google:quotaExceeded")}
    world.later(hours=2)
    world.events()
    assert (world.sandbox.google.live(), world.gaps()) == ([], {})


def test_an_event_whose_party_moved_before_its_id_was_written_is_made_anew(world: World) -> None:
    booking = world.venue.booking()
    world.events()
    lose_the_id(world, booking)
    world.venue.sql("UPDATE private_bookings SET event_date = event_date + 2 WHERE id = %s", booking)
    world.later(minutes=10)
    assert world.events().repaired == 1
    (event,) = world.sandbox.google.live()
    assert (event["start"]["dateTime"][:10], event["id"]) == ("2026-06-19", world.venue.stored_event(booking))


def test_several_candidates_are_forgotten_once_one_is_adopted(world: World) -> None:
    booking = world.venue.booking()
    title = f"[CONFIRMED] - {booking[:8]} - Ana Lima @ Main Bar"
    starts = world.venue.now.replace(hour=19, minute=30) + timedelta(days=7)
    first, second = (world.sandbox.google.put(title, starts, starts + timedelta(hours=3)) for _ in range(2))
    world.events()
    assert {kind for kind, _ in world.gaps()} >= {GapKind.CALENDAR_DUPLICATE}
    world.sandbox.google.delete_by_hand(second)
    world.later(hours=2)
    world.events()
    assert world.venue.stored_event(booking) == first
    assert [kind for kind, _ in world.gaps() if kind != SMS] == []


def test_our_event_is_adopted_by_a_ledger_that_was_lost_and_made_anew(world: World) -> None:
    booking = world.venue.booking()
    world.events()
    before = world.venue.stored_event(booking)
    lose_the_id(world, booking)
    world.venue.alter("DELETE FROM reconciler.intent; UPDATE reconciler.installation SET id = gen_random_uuid()")
    world.later(minutes=10)
    world.events()
    assert [event["id"] for event in world.sandbox.google.live()] == [before] == [world.venue.stored_event(booking)]


def test_a_reference_that_two_bookings_share_proves_nothing(world: World) -> None:
    ids = [f"0197abcd-0000-7000-8000-00000000000{number}" for number in (1, 2)]
    lost, _ = (world.venue.booking(id=booking) for booking in ids)
    starts = world.venue.now.replace(hour=19, minute=30) + timedelta(days=7)
    world.sandbox.google.put(f"[CONFIRMED] - {lost[:8]} - Ana Lima", starts, starts + timedelta(hours=3))
    world.events()
    assert [world.venue.stored_event(booking) for booking in ids] == [None, None]
    assert {reason for (kind, _), (_, reason) in world.gaps().items() if kind == CALENDAR} == {"several_candidates"}


def test_an_event_refused_for_what_it_said_is_tried_again_when_the_booking_changed(world: World) -> None:
    booking = world.venue.booking()
    bad = Fault(kind=Misbehaviour.STATUS, status=400, body=google_error(400, "invalid"))
    world.sandbox.google.faults.next_calls("events.insert", bad)
    world.events()
    world.venue.sql("UPDATE private_bookings SET customer_name = 'Ana' WHERE id = %s", booking)
    world.later(minutes=10)
    assert world.events().repaired == 1


def test_a_stored_id_that_google_calls_malformed_does_not_block_the_others(world: World) -> None:
    world.venue.booking(calendar_event_id="not an id!")
    known = world.sandbox.google.put("party", world.venue.now, world.venue.now + timedelta(hours=1))
    world.venue.booking(calendar_event_id=known)
    booking = world.venue.booking()
    malformed = Fault(kind=Misbehaviour.STATUS, status=400, body=google_error(400, "invalid"))
    world.sandbox.google.faults.next_calls("events.get", malformed)
    assert world.events().repaired == 1
    assert world.venue.stored_event(booking)


def test_a_lock_held_during_the_write_back_delays_that_booking_and_no_other(world: World) -> None:
    locked, free = world.venue.booking(), world.venue.booking()
    world.configure(limits=", timeouts: {lock: 100ms}")
    world.sandbox.google.faults.always("events.insert", Fault(kind=Misbehaviour.SLOW, seconds=0.3))
    holding = Thread(target=lambda: hold(world, locked))
    holding.start()
    results = world.once()
    holding.join()
    assert results[CALENDAR].exit_code in (Exit.WORK_LEFT, Exit.AS_DESIRED)
    assert world.venue.stored_event(free)
    world.sandbox.google.faults.clear()
    world.later(minutes=10)
    world.events()
    assert sorted(event["id"] for event in world.sandbox.google.live()) == sorted(
        str(world.venue.stored_event(booking)) for booking in (locked, free)
    )


def hold(world: World, booking: str) -> None:
    """Lock the booking from the moment its event is made, for longer than we wait for a lock."""
    world.wait_for(lambda: any(booking[:8] in event["summary"] for event in world.sandbox.google.live()))
    with world.venue.postgres.connect(world.venue.name, "venue_app") as other, other.transaction():
        other.execute("SELECT FROM private_bookings WHERE id = %s FOR UPDATE", (booking,))
        other.execute("SELECT pg_sleep(0.7)")
