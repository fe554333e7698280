"""``deliver: application``: the text is put into the application's queue, once and whole, and what it does is seen."""

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from reconciler_jobs import sms_missing

from reconciler.domain.decide.verdicts import Hold, Refusal
from reconciler.domain.gaps import Effect, GapKind
from reconciler.domain.intents import HANDED_OVER
from reconciler.engine.reconcile.results import PassResult
from reconciler.engine.reconcile.run_pass import run_pass
from reconciler.engine.repair.repairers import repairer_of
from reconciler.errors import ConfigurationError, Exit
from reconciler.sandbox.demo.fixtures import STAFF
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.fakes.twilio_messages import twilio_error
from reconciler.store.app.evidence.queue_records import QueueRecords
from reconciler.store.bookings import PostgresBookings
from reconciler.store.ledger.gaps import PostgresGaps
from reconciler.store.ledger.intents import PostgresIntents
from tests.integration.engine.reconcile.test_refusals_and_holds import TEXT_REFUSALS, Story
from tests.support.application_db import ANA, LONDON
from tests.support.sandbox_world import World

pytestmark = pytest.mark.long

SMS, STUCK = GapKind.SMS_MISSING, GapKind.SMS_STUCK
QUEUE = "private_booking_sms_queue"
APPLICATION = ", deliver: application"
NO_TWILIO = dict.fromkeys(("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_PHONE_NUMBER", "TWILIO_API_URL"), "")


@pytest.fixture(autouse=True)
def _deliver_by_the_application(world: World) -> None:
    """And nothing is known of Twilio: whatever asked for it would be a bug that comes out."""
    world.configure(texts=APPLICATION)
    world.environment |= NO_TWILIO


def texts(world: World) -> PassResult:
    with world.services() as services:
        (result,) = sms_missing.run(services)
    return result


def queue(world: World) -> list[dict[str, Any]]:
    return sorted(world.venue.rows(QUEUE), key=lambda row: str(row["created_at"]))


def states(world: World) -> list[tuple[int, str, str]]:
    return [(generation, state, code) for _, trigger, generation, state, code in world.intents() if trigger != "event"]


def application_says(world: World, status: str, error: str | None = None, **more: object) -> None:
    """Of every row that is approved."""
    written = {"status": status, "error_message": error, **more}
    columns = ", ".join(f"{name} = %s" for name in written)
    world.venue.sql(f"UPDATE {QUEUE} SET {columns} WHERE status = 'approved'", *written.values(), role="venue_app")
    world.later(minutes=10)


# Handing over


def test_a_text_is_queued_as_the_application_queues_it_and_the_ledger_says_so(world: World) -> None:
    booking = world.venue.booking(calendar_event_id="there")
    result = texts(world)
    assert (result.attempts, result.exit_code) == ({("handed over", ""): 1}, Exit.AS_DESIRED)
    (row,) = queue(world)
    assert (row["booking_id"], row["trigger_type"], row["status"]) == (booking, "booking_confirmed", "approved")
    assert (row["error_message"], row["twilio_message_sid"], row["sent_at"]) == (None, None, None)
    assert (row["customer_phone"], row["recipient_phone"], row["customer_name"]) == (ANA, ANA, "Ana Lima")
    assert booking[:8] in row["message_body"]
    assert row["created_at"] == row["scheduled_for"] == "2026-06-10T11:00:00+00:00"
    intents = world.venue.sql("SELECT state, code, provider_id FROM reconciler.intent")
    assert intents == [("done", HANDED_OVER, row["id"])]
    assert (world.gaps(), world.sent_to()) == ({}, [])


def test_a_second_pass_writes_nothing_whether_it_is_sent_or_not(world: World) -> None:
    world.venue.booking(calendar_event_id="there")
    texts(world)
    for _ in range(2):
        before = world.venue.checksum()
        assert texts(world).attempts == {}
        assert world.venue.checksum() == before
        application_says(world, "sent", twilio_message_sid="SM" + "1" * 32)
    assert (states(world), world.gaps()) == ([(1, "done", HANDED_OVER)], {})


def test_neither_a_slot_of_the_rate_nor_a_validity_is_needed(world: World) -> None:
    world.venue.booking()
    world.clock.moment = datetime(2026, 6, 10, 20, 59, 30, tzinfo=LONDON)
    assert texts(world).repaired == 1
    assert world.venue.rows("reconciler.rate") == []


def test_twilio_is_wanted_again_where_we_send_ourselves(world: World) -> None:
    world.configure(texts="")
    world.venue.booking()
    (fault,) = texts(world).faults
    assert (fault.kind, fault.code) == (GapKind.INTEGRATION_TWILIO, "unusable_variables")
    assert "TWILIO_ACCOUNT_SID: not set" in fault.seen
    assert world.sent_to() == []


def test_what_nobody_would_watch_is_not_accepted_as_a_setting(world: World) -> None:
    world.configure(rules="  sms.stuck: {policy: off}")
    with pytest.raises(ConfigurationError, match=r"rules\.sms\.stuck\.policy: off, so nothing would notice"):
        texts(world)


# Whatever keeps a text from being sent keeps it from being queued


@pytest.mark.parametrize(
    ("refusal", "story"), TEXT_REFUSALS, ids=[f"{r}-{i}" for i, (r, _) in enumerate(TEXT_REFUSALS)]
)
def test_a_text_that_is_refused_is_not_queued(world: World, refusal: Refusal, story: Story) -> None:
    template = '"{{ first_name }} {{ occasion }} {{ ref }}"' if refusal is Refusal.TEXT_UNWRITABLE else '"Hi {{ ref }}"'
    message = f"{{trigger: booking_confirmed, template: {template}}}"
    world.configure(texts=f"{APPLICATION}, messages: {{draft: {message}, confirmed: {message}}}")
    story(world.venue)
    assert texts(world).needs_human == 1
    assert [reason for (kind, _), (_, reason) in world.gaps().items() if kind == SMS] == [refusal]
    assert [row for row in queue(world) if row["status"] == "approved"] == []


HOLDS: dict[Hold, Callable[[World], object]] = {
    Hold.QUIET_HOURS: lambda w: w.configure(quiet="11:30-12:30"),
    Hold.SUSPENDED: lambda w: w.environment.update(SUSPEND_ALL_SMS="true"),
    Hold.POLICY: lambda w: w.configure(more="repairs: report"),
    Hold.BREAKER: lambda w: w.configure(limits=", breaker: {sms: 0, calendar: 200, ratio_from: 1}"),
}


@pytest.mark.parametrize(("hold", "arrange"), HOLDS.items(), ids=HOLDS)
def test_a_text_that_is_held_is_not_queued(world: World, hold: Hold, arrange: Callable[[World], object]) -> None:
    booking = world.venue.booking()
    arrange(world)
    texts(world)
    assert (world.gaps()[SMS, booking][1], queue(world)) == (hold, [])


def test_what_was_handed_over_counts_for_the_recipient_s_limit(world: World) -> None:
    for _ in range(5):
        world.venue.booking()
    result = texts(world)
    assert (result.repaired, result.left, len(queue(world))) == (3, 2, 3)
    world.later(minutes=10)
    assert texts(world).repaired == 0


def test_a_booking_that_the_application_is_writing_waits(world: World) -> None:
    booking = world.venue.booking()
    with world.venue.postgres.connect(world.venue.name, "venue_app") as other, other.transaction():
        other.execute("UPDATE private_bookings SET guest_count = 9 WHERE id = %s", (booking,))
        assert texts(world).attempts == {("held", Hold.BUSY): 1}
    assert queue(world) == []
    assert texts(world).repaired == 1


def test_a_text_the_application_queued_after_our_look_is_seen_under_the_lock(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking = world.venue.booking(calendar_event_id="there")
    lock = PostgresBookings.lock

    def meanwhile(self: PostgresBookings, locked: Any, effect: Any) -> Any:
        world.venue.text(booking, status="pending", sent_at=None)
        return lock(self, locked, effect)

    monkeypatch.setattr(PostgresBookings, "lock", meanwhile)
    assert texts(world).attempts == {("dropped", "no_text"): 1}
    assert [row["status"] for row in queue(world)] == ["pending"]


def test_two_passes_at_once_hand_over_each_text_once(world: World) -> None:
    for number in range(8):
        world.venue.booking(contact_phone=f"+4477009001{number:02d}")
    passes = [Thread(target=texts, args=(world,)) for _ in range(3)]
    with world.services(act=False):  # the file is written before they begin
        for thread in passes:
            thread.start()
        for thread in passes:
            thread.join()
    texts(world)
    rows = queue(world)
    assert len({row["booking_id"] for row in rows}) == len(rows) == 8


# Nothing of it, or all


class Killed(BaseException):
    """What a kill leaves of a process: nothing runs after it."""


STEPS = {
    "before the ledger says sending": (PostgresIntents, "begin_sending", 1),
    "before the row": (QueueRecords, "hand_over", 1),
    "before the ledger says done": (PostgresIntents, "mark_handed_over", 1),
    "before the gap is closed": (PostgresGaps, "close", 1),
}


@pytest.mark.parametrize(("port", "step", "nth"), STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("after", [False, True], ids=["", "just after"])
def test_a_kill_leaves_nothing_or_all(
    world: World, monkeypatch: pytest.MonkeyPatch, port: type, step: str, nth: int, *, after: bool
) -> None:
    booking = world.venue.booking(calendar_event_id="there")
    real, calls = getattr(port, step), []

    def killed(self: object, *arguments: Any, **options: Any) -> Any:
        if step == "close" and arguments[0] != SMS:
            return real(self, *arguments, **options)  # of what is well
        calls.append(step)
        if len(calls) == nth and not after:
            raise Killed
        found = real(self, *arguments, **options)
        if len(calls) == nth:
            raise Killed
        return found

    with monkeypatch.context() as patch:
        patch.setattr(port, step, killed)
        with pytest.raises(Killed):
            texts(world)
    assert (queue(world), [state for _, state, _ in states(world)]) == ([], ["planned"])
    assert (SMS, booking) in world.gaps()
    world.venue.sql("UPDATE reconciler.intent SET leased_until = now() - interval '1 second'")
    world.later(minutes=10)
    texts(world)
    assert ([row["status"] for row in queue(world)], states(world)) == (["approved"], [(1, "done", HANDED_OVER)])
    assert world.gaps() == {}


def test_a_connection_that_dies_before_the_commit_leaves_nothing(world: World) -> None:
    world.venue.booking()
    world.venue.alter(
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN "
        "PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$; "
        "CREATE TRIGGER die AFTER UPDATE ON reconciler.intent FOR EACH ROW WHEN (NEW.state = 'done') "
        "EXECUTE FUNCTION die()"
    )
    (fault,) = texts(world).faults
    assert (fault.kind, queue(world), states(world)) == (GapKind.INTEGRATION_DATABASE, [], [(1, "planned", "")])


def test_a_row_that_the_queue_will_not_have_is_told_and_stops_no_other(world: World) -> None:
    poisoned = world.venue.booking(customer_name="Poison")
    world.venue.booking()
    world.venue.alter(
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NEW.customer_name = 'Poison' THEN RAISE EXCEPTION 'no'; END IF; RETURN NEW; END $$; "
        f"CREATE TRIGGER no BEFORE INSERT ON {QUEUE} FOR EACH ROW EXECUTE FUNCTION no()"
    )
    assert texts(world).attempts == {("blocked", "sqlstate:P0001"): 1, ("handed over", ""): 1}
    assert world.gaps() == {(SMS, poisoned): ("blocked", "sqlstate:P0001")}


# What the queue must allow


def test_a_queue_that_cannot_hold_approved_is_told_before_anything_is_written(world: World) -> None:
    world.venue.booking()
    world.venue.alter(
        f"ALTER TABLE {QUEUE} DROP CONSTRAINT {QUEUE}_status_check; "
        f"ALTER TABLE {QUEUE} ADD CHECK (status IN ('pending', 'sent', 'failed', 'cancelled'))"
    )
    result = texts(world)
    assert [fault.seen for fault in result.faults] == [f"public.{QUEUE}.status cannot hold approved"]
    assert (queue(world), world.gaps()[GapKind.INTEGRATION_SCHEMA, Effect.SMS][1]) == ([], "value_forbidden")


def test_neither_our_own_statuses_nor_a_right_to_change_rows_is_needed(world: World) -> None:
    world.venue.booking()
    world.venue.alter(
        f"ALTER TABLE {QUEUE} DROP CONSTRAINT {QUEUE}_status_check; "
        f"ALTER TABLE {QUEUE} ADD CHECK (status IN ('approved', 'sent')); "
        f"REVOKE UPDATE ON {QUEUE} FROM reconciler_job; DROP POLICY reconciler_update ON {QUEUE}"
    )
    assert texts(world).repaired == 1


# What becomes of it is the application's word


def test_a_text_that_is_not_sent_is_stuck(world: World) -> None:
    booking = world.venue.booking(calendar_event_id="there")
    world.once()
    world.later(minutes=59)
    assert world.once()[STUCK].needs_human == 0
    world.later(minutes=1)
    assert world.once()[STUCK].needs_human == 1
    assert world.gaps() == {(STUCK, booking): ("app_failed", Refusal.NOT_SENT)}


FAILURES = {
    "it may have left": ("timeout of 30000ms exceeded", "unknown_outcome", Refusal.MAY_HAVE_LEFT),
    "nobody knows why": (None, "unknown_outcome", Refusal.MAY_HAVE_LEFT),
    "the recipient said stop": ("Twilio error 21610", "refused_recipient", Refusal.OPTED_OUT),
}


@pytest.mark.parametrize(("error", "cause", "refusal"), FAILURES.values(), ids=FAILURES)
def test_a_sending_that_failed_is_judged_like_any_failure(
    world: World, error: str | None, cause: str, refusal: Refusal
) -> None:
    booking = world.venue.booking(calendar_event_id="there")
    texts(world)
    application_says(world, "failed", error)
    for _ in range(2):
        assert texts(world).needs_human == 1
        assert world.gaps() == {(SMS, booking): (cause, refusal)}
    assert (len(queue(world)), states(world)) == (1, [(1, "done", HANDED_OVER)])


def test_a_sending_that_certainly_reached_nobody_is_handed_over_anew_until_it_is_given_up(world: World) -> None:
    booking = world.venue.booking(calendar_event_id="there")
    world.configure(limits=", generations: 2")
    for _ in range(3):
        texts(world)
        application_says(world, "failed", "HTTP 400 Bad Request")
    assert states(world) == [(1, "done", HANDED_OVER), (2, "done", HANDED_OVER)]
    assert [row["status"] for row in queue(world)] == ["failed", "failed"]
    texts(world)
    assert world.gaps() == {(SMS, booking): ("given_up", Refusal.GIVEN_UP)}


def test_handed_over_anew_it_is_planned_once_and_no_news_for_the_breaker(world: World) -> None:
    world.venue.booking(calendar_event_id="there")
    texts(world)
    application_says(world, "failed", "HTTP 400 Bad Request")
    world.configure(limits=", pass_budget: 5ms")
    world.clock.step = timedelta(milliseconds=5)
    new = []
    for _ in range(2):
        with world.services() as services:
            seen = run_pass("sms_missing", repairer_of(Effect.SMS, services), services, keep_decisions=True)
        new += [(len(seen.decisions), sum(decision.is_new for decision in seen.decisions))]
    assert (new, states(world)) == ([(1, 1), (1, 0)], [(1, "done", HANDED_OVER), (2, "planned", "")])


@pytest.mark.parametrize("gone", ["cancelled", "deleted"])
def test_what_was_taken_out_of_the_queue_is_told_and_not_put_back(world: World, gone: str) -> None:
    booking = world.venue.booking(calendar_event_id="there")
    world.venue.text(booking, status="failed", error_message="HTTP 400 Bad Request")
    texts(world)
    if gone == "deleted":
        world.venue.sql(f"DELETE FROM {QUEUE} WHERE status = 'approved'", role="venue_app")
    application_says(world, "cancelled")
    assert texts(world).needs_human == 1
    assert world.gaps() == {(SMS, booking): ("deleted_by_hand", Refusal.TAKEN_BACK)}
    assert "approved" not in {row["status"] for row in queue(world)}


def test_a_person_who_rejects_it_has_decided(world: World) -> None:
    world.venue.booking(calendar_event_id="there")
    texts(world)
    application_says(world, "cancelled", approved_by=STAFF)
    assert (texts(world).needs_human, world.gaps()) == (0, {})


# From one way to the other


def test_what_was_put_back_under_the_other_way_is_handed_over_in_a_row_of_its_own(world: World) -> None:
    world.venue.booking()
    world.configure(texts="")
    world.environment.clear()
    busy = Fault(kind=Misbehaviour.STATUS, status=429, body=twilio_error(429, 20429))
    world.sandbox.twilio.faults.next_calls("messages.create", busy)
    texts(world)
    assert [row["status"] for row in queue(world)] == ["failed"]
    world.later(minutes=10)
    world.configure(texts=APPLICATION)
    assert texts(world).repaired == 1
    assert sorted(row["status"] for row in queue(world)) == ["approved", "failed"]


def test_a_refusal_of_twilio_s_is_not_hidden_by_what_was_handed_over_before(world: World) -> None:
    world.venue.booking(calendar_event_id="there")
    texts(world)
    application_says(world, "failed", "HTTP 400 Bad Request")
    world.configure(texts="")
    world.environment.clear()
    world.sandbox.twilio.refuse(ANA, 400, 21614)
    for _ in range(3):
        assert texts(world).needs_human == 1
        world.later(minutes=10)
    assert states(world) == [(1, "done", HANDED_OVER), (2, "refused", "twilio:21614")]


def test_a_broken_twilio_is_no_longer_in_the_way(world: World) -> None:
    world.venue.booking(calendar_event_id="there")
    world.configure(texts="")
    world.environment.clear()
    world.environment["TWILIO_AUTH_TOKEN"] = "wrong" * 6
    assert texts(world).exit_code == Exit.NEEDS_A_HUMAN
    assert (GapKind.INTEGRATION_TWILIO, Effect.SMS) in world.gaps()
    world.configure(texts=APPLICATION)
    assert texts(world).repaired == 1
    assert world.gaps() == {}
