"""A pass as a whole: how far it looks back, how much it does, when it refuses, and what its row in the ledger says."""

import os
import signal
from datetime import timedelta
from threading import Thread

import pytest

from reconciler.domain.decide.verdicts import VerdictStatus
from reconciler.domain.gaps import Effect, GapKind
from reconciler.engine.backfill import plan_backfill
from reconciler.engine.reconcile.results import PassResult
from reconciler.errors import Exit
from reconciler.ports import Lock
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.fakes.google import google_error
from reconciler.sandbox.fakes.twilio_messages import twilio_error
from tests.support.application_db import ANA, Venue
from tests.support.sandbox_world import World

SMS, CALENDAR = GapKind.SMS_MISSING, GapKind.CALENDAR_MISSING


def old_booking(venue: Venue, days: int) -> str:
    return venue.booking(created_at=venue.now - timedelta(days=days), event_date="2026-09-01")


def many(venue: Venue, number: int) -> None:
    for index in range(number):
        venue.booking(contact_phone=f"+4477009001{index:02d}")


def checked(result: PassResult) -> int:
    assert result.plan is not None
    return result.plan.checked


def test_the_first_pass_of_a_day_goes_back_to_since_and_the_next_only_through_lookback(world: World) -> None:
    old_booking(world.venue, days=40)
    first = world.events()
    assert (checked(first), first.full_scan, first.repaired) == (1, True, 1)
    old_booking(world.venue, days=15)
    recent = world.venue.booking()
    second = world.events()
    assert (checked(second), second.full_scan, second.repaired) == (1, False, 1)
    assert world.venue.stored_event(recent)
    world.later(hours=13)
    world.configure(quiet="off")
    next_day = world.events()
    assert (checked(next_day), next_day.full_scan, next_day.repaired) == (3, True, 1)


def test_an_open_gap_is_looked_at_by_id_when_it_is_older_than_lookback(world: World) -> None:
    booking = world.venue.booking(contact_phone="07700", calendar_event_id="there", event_date="2026-09-01")
    world.texts()
    world.later(days=20)
    assert world.texts().full_scan
    again = world.texts()
    assert (again.full_scan, checked(again), again.needs_human) == (False, 1, 1)
    assert (SMS, booking) in world.gaps()


def test_a_gap_closes_by_a_statement_about_its_booking(world: World) -> None:
    """Sent by somebody else, cancelled, deleted: each closes it, and says which."""
    world.configure(texts=", policy: report")
    texted, cancelled, deleted = (world.venue.booking(calendar_event_id=f"there{n}") for n in range(3))
    world.texts()
    world.venue.text(texted)
    world.venue.sql("UPDATE private_bookings SET status = 'cancelled' WHERE id = %s", cancelled)
    world.venue.sql("DELETE FROM private_bookings WHERE id = %s", deleted)
    world.later(minutes=10)
    world.texts()
    closed = dict(world.venue.sql("SELECT about, closed_by FROM reconciler.gap WHERE closed_at IS NOT NULL"))
    assert closed == {texted: "no_text", cancelled: "status", deleted: "gone"}
    assert world.gaps() == {}


def test_max_overrides_neither_hidden_rows_nor_an_empty_table(world: World) -> None:
    many(world.venue, 2)
    world.venue.alter("DROP POLICY reconciler_select ON private_booking_sms_queue")
    assert world.texts(max_repairs=100).exit_code == Exit.NEEDS_A_HUMAN
    assert world.sent_to() == []


def test_a_pass_does_at_most_so_much_and_says_so(world: World) -> None:
    world.configure(limits=", pass: 2")
    many(world.venue, 5)
    done = [world.texts() for _ in range(3)]
    assert [(result.repaired, result.unfinished) for result in done] == [(2, 3), (2, 1), (1, 0)]
    assert [result.exit_code for result in done] == [Exit.WORK_LEFT, Exit.WORK_LEFT, Exit.AS_DESIRED]
    assert len(set(world.sent_to())) == 5


def test_a_pass_ends_when_its_time_is_up(world: World) -> None:
    many(world.venue, 3)
    world.configure(limits=", pass_budget: 5ms")
    world.clock.step = timedelta(milliseconds=5)
    result = world.texts()
    assert (result.repaired, result.unfinished) == (0, 3)
    world.configure(limits="")
    assert world.texts().repaired == 3


def test_what_was_never_examined_comes_before_what_was_put_back(world: World) -> None:
    world.configure(limits=", pass: 1")
    many(world.venue, 2)
    first, second = (row["contact_phone"] for row in world.venue.rows("private_bookings"))
    world.sandbox.twilio.refuse(first, 400, 21408)
    world.sandbox.twilio.refuse(second, 400, 21408)
    for _ in range(2):
        world.texts()
    assert sorted(state for _, trigger, _, state, _ in world.intents() if trigger != "event") == ["planned"] * 2
    examined = world.venue.sql("SELECT count(*) FROM reconciler.intent WHERE effect = 'sms' AND examined_at IS NULL")
    assert examined == [(0,)], "the second was not starved by the first"


STOPS = {
    "wrong token": (401, 20003),
    "too many requests": (429, 20429),
    "server error": (500, 20500),
}


@pytest.mark.parametrize(("status", "code"), STOPS.values(), ids=STOPS.keys())
def test_a_provider_that_is_unwell_is_asked_once_and_the_other_effect_goes_on(
    world: World, status: int, code: int
) -> None:
    many(world.venue, 4)
    fault = Fault(kind=Misbehaviour.STATUS, status=status, body=twilio_error(status, code))
    world.sandbox.twilio.faults.always("messages.create", fault)
    results = world.once()
    assert sum(number for (status, _), number in results[SMS].attempts.items() if status != "dropped") == 1
    assert results[CALENDAR].repaired == 4
    attempts = world.venue.sql("SELECT sum(attempts)::int FROM reconciler.intent WHERE effect = 'sms'")
    assert attempts == [(1 if status == 500 else 0,)], "only a call that may have done something is an attempt"


def test_what_was_certainly_not_sent_is_sent_when_twilio_is_well_again(world: World) -> None:
    many(world.venue, 3)
    broken = Fault(kind=Misbehaviour.STATUS, status=401, body=twilio_error(401, 20003))
    world.sandbox.twilio.faults.always("messages.create", broken)
    assert world.texts().exit_code == Exit.NEEDS_A_HUMAN
    world.sandbox.twilio.faults.clear()
    world.later(minutes=10)
    assert world.texts().repaired == 3
    assert world.gaps() == {}


def test_an_hour_of_429_uses_up_no_attempt_and_loses_nothing(world: World) -> None:
    many(world.venue, 4)
    busy = Fault(kind=Misbehaviour.STATUS, status=429, body=twilio_error(429, 20429))
    world.sandbox.twilio.faults.always("messages.create", busy)
    for _ in range(7):
        assert world.texts().repaired == 0
        world.later(minutes=10)
    assert world.venue.sql("SELECT sum(attempts)::int FROM reconciler.intent WHERE effect = 'sms'") == [(0,)]
    world.sandbox.twilio.faults.clear()
    assert world.texts().repaired == 4


def test_google_s_hours_long_limit_stops_events_only(world: World) -> None:
    many(world.venue, 3)
    limit = Fault(kind=Misbehaviour.STATUS, status=403, body=google_error(403, "quotaExceeded"))
    world.sandbox.google.faults.always("events.insert", limit)
    results = world.once()
    assert (results[SMS].repaired, results[CALENDAR].repaired, results[CALENDAR].left) == (3, 0, 3)
    world.sandbox.google.faults.clear()
    world.later(hours=1, minutes=1)
    assert world.events().repaired == 3


def test_two_passes_at_once_repair_each_booking_once(world: World) -> None:
    many(world.venue, 12)
    world.once(act=False)
    passes = [Thread(target=world.once) for _ in range(3)]
    for thread in passes:
        thread.start()
    for thread in passes:
        thread.join()
    world.once()
    assert len(world.sent_to()) == len(set(world.sent_to())) == 12
    events = [event["id"] for event in world.sandbox.google.live()]
    stored = [row["calendar_event_id"] for row in world.venue.rows("private_bookings")]
    assert sorted(events) == sorted(stored)
    assert world.gaps() == {}


def test_the_application_s_insert_that_waits_for_our_lock_is_seen_before_the_call(world: World) -> None:
    """It blocks on the booking we lock, and goes on between our two re-checks: committed by the second, or queueing."""
    booking = world.venue.booking(calendar_event_id="there")
    world.venue.alter(
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NEW.error_message LIKE 'reconciler: in flight%' THEN LOOP PERFORM pg_sleep(0.05); "
        "EXIT WHEN EXISTS (SELECT FROM pg_locks WHERE NOT granted AND transactionid = pg_current_xact_id()::xid); "
        "END LOOP; END IF; RETURN NEW; END $$; "
        "CREATE TRIGGER wait BEFORE INSERT ON private_booking_sms_queue FOR EACH ROW EXECUTE FUNCTION wait()"
    )

    def application() -> None:
        world.wait_for(lambda: bool(world.venue.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'")))
        world.venue.text(booking, status="pending", sent_at=None)

    inserting = Thread(target=application)
    inserting.start()
    result = world.texts()
    inserting.join()
    assert result.attempts in ({("dropped", "no_text"): 1}, {("held", "busy"): 1})
    world.texts()
    assert world.sent_to() == []
    assert sorted(row["status"] for row in world.venue.rows("private_booking_sms_queue")) == ["cancelled", "pending"]
    assert world.gaps() == {}


def test_who_has_waited_for_a_booking_since_before_us_goes_first(world: World) -> None:
    """Its backend is frozen just where it would get the row: PostgreSQL would give us the lock meanwhile."""
    booking = world.venue.booking()

    def blocked() -> list[tuple[int]]:
        return world.venue.sql("SELECT pid FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'")

    wait_for_lock = "SELECT FROM private_bookings WHERE id = %s FOR KEY SHARE"
    application = Thread(target=world.venue.sql, args=(wait_for_lock, booking))
    with world.services() as services:
        with services.store.writing() as tx:
            assert tx.bookings.lock(booking, Effect.SMS) is Lock.HELD
            application.start()
            world.wait_for(lambda: bool(blocked()))
            ((backend,),) = blocked()
            os.kill(backend, signal.SIGSTOP)
        try:
            with services.store.writing() as tx:
                assert tx.bookings.lock(booking, Effect.SMS) is Lock.BUSY
        finally:
            os.kill(backend, signal.SIGCONT)
        application.join()
        with services.store.writing() as tx:
            assert tx.bookings.lock(booking, Effect.SMS) is Lock.HELD


def test_a_pass_leaves_a_row_with_its_counts(world: World) -> None:
    many(world.venue, 2)
    world.venue.booking(status="cancelled")
    world.texts()
    ((result, counts, finished),) = world.venue.sql(
        "SELECT result, counts, finished_at IS NOT NULL FROM reconciler.run WHERE job = 'sms_missing'"
    )
    assert (result, finished) == ("as_desired", True)
    assert counts == {
        "scan_ms": 0,  # the clock stands
        "checked": 3,
        "not_applicable": 1,
        "repairable": 2,
        "repaired": 2,
        "sent": 2,
        "left": 0,
        "needs_human": 0,
    }


def test_a_rule_that_is_off_looks_at_nothing(world: World) -> None:
    many(world.venue, 1)
    world.configure(texts=", policy: off", calendar_policy="off")
    results = world.both()
    assert [result.plan for result in results.values()] == [None, None]
    assert (world.sent_to(), world.sandbox.google.writes) == ([], 0)


def test_our_queue_row_says_what_was_sent(world: World) -> None:
    booking = world.venue.booking()
    world.texts()
    (row,) = world.venue.rows("private_booking_sms_queue")
    (message,) = world.sandbox.twilio.messages
    assert (row["booking_id"], row["trigger_type"], row["status"]) == (booking, "booking_confirmed", "sent")
    assert (row["twilio_message_sid"], row["error_message"]) == (message.sid, None)
    assert (row["customer_phone"], row["recipient_phone"], row["customer_name"]) == (ANA, ANA, "Ana Lima")
    assert row["message_body"] == message.body
    assert booking[:8] in message.body
    assert row["created_at"] == row["scheduled_for"] == "2026-06-10T11:00:00+00:00"


NO_SENT = (
    "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "IF NEW.status = 'sent' THEN RAISE EXCEPTION 'not today'; END IF; RETURN NEW; END $$; "
    "CREATE TRIGGER no BEFORE UPDATE ON private_booking_sms_queue FOR EACH ROW EXECUTE FUNCTION no()"
)


def test_a_table_that_would_not_hold_the_marker_is_noticed_before_the_call(world: World) -> None:
    booking = world.venue.booking()
    world.venue.alter(NO_SENT)
    result = world.texts()
    assert (result.attempts, result.exit_code) == ({("blocked", "sqlstate:P0001"): 1}, Exit.NEEDS_A_HUMAN)
    assert world.sent_to() == []
    assert world.gaps() == {(SMS, booking): ("blocked", "sqlstate:P0001")}
    world.venue.alter("DROP TRIGGER no ON private_booking_sms_queue")
    assert world.texts().repaired == 1


def test_a_column_too_short_for_our_event_ids_is_noticed_before_the_event_is_made(world: World) -> None:
    world.venue.booking()
    world.venue.alter("ALTER TABLE private_bookings ALTER COLUMN calendar_event_id TYPE varchar(40)")
    result = world.events()
    assert [fault.code for fault in result.faults] == ["sqlstate:22001"]
    assert (result.attempts, world.sandbox.google.writes) == ({}, 0)


def test_a_marker_that_could_not_be_written_is_written_by_a_later_pass_and_nothing_is_sent_again(world: World) -> None:
    """The row that says *sent* is written by itself: if the table will not have it any more, the ledger still knows."""
    world.venue.booking(calendar_event_id="there")
    world.venue.altered = True
    world.sandbox.twilio.faults.next_calls("messages.create", Fault(kind=Misbehaviour.SLOW, seconds=0.5))
    meanwhile = Thread(target=lambda: (world.wait_for(lambda: bool(world.sent_to())), world.venue.sql(NO_SENT)))
    meanwhile.start()
    world.texts()
    meanwhile.join()
    assert [row["status"] for row in world.venue.rows("private_booking_sms_queue")] == ["failed"]
    again = world.texts()
    assert again.plan is not None
    assert [status for status, _ in again.plan.decided.elements()] == [VerdictStatus.OK]
    assert again.attempts == {("blocked", "sqlstate:P0001"): 1}
    world.venue.alter("DROP TRIGGER no ON private_booking_sms_queue")
    world.texts()
    assert world.sent_to() == [ANA]
    assert [row["status"] for row in world.venue.rows("private_booking_sms_queue")] == ["sent"]
    assert world.gaps() == {}


@pytest.mark.parametrize(
    ("took", "after", "is_full"), [(3_000, 299, False), (3_000, 301, True), (60_000, 3_599, False)]
)
def test_a_full_scan_is_repeated_as_soon_as_it_costs_little(world: World, took: int, after: int, is_full: bool) -> None:
    """A hundredth of the time at most; and every hour, whatever it costs."""
    world.venue.booking()
    assert world.texts().full_scan
    world.venue.sql("UPDATE reconciler.run SET counts = counts || jsonb_build_object('scan_ms', %s::int)", took)
    world.later(seconds=after)
    assert world.texts().full_scan is is_full
    world.later(seconds=3_601)
    assert world.texts().full_scan


def test_a_result_counts_and_a_look_keeps_what_lists_need_without_personal_data(world: World) -> None:
    """A pass decides on a hundred thousand gaps, and its result is in memory until the command ends."""
    booking = world.venue.booking()
    for result in world.both(act=False).values():
        assert result.plan is not None
        assert (result.plan.gaps, result.plan.segments, result.decisions) == (1, 1 if result.kind is SMS else 0, ())
    with world.services(act=False) as services:
        looks = [plan_backfill(effect, services) for effect in Effect]
    for result in looks:
        (decision,) = result.decisions
        assert (decision.booking.id, decision.booking.status) == (booking, "confirmed")
        assert (decision.booking.first_name, decision.booking.name, decision.booking.phones) == ("", "", ())
        assert decision.draft is None
        assert decision.segments == (1 if result.kind is SMS else 0)
