"""Texts and events of unknown outcome: found, provably absent, or a person's business; never sent on suspicion."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.verdicts import Hold, Refusal
from reconciler.domain.gaps import Effect, GapKind
from reconciler.engine.reconcile.results import PassResult, SettleOutcome
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.fakes.twilio_messages import twilio_error
from tests.support.application_db import ANA, BEA
from tests.support.sandbox_world import World

SMS, CALENDAR = GapKind.SMS_MISSING, GapKind.CALENDAR_MISSING
QUEUE = "private_booking_sms_queue"
LOST, NEVER = Fault(kind=Misbehaviour.LOSE), Fault(kind=Misbehaviour.DROP)


def lost(world: World, fault: Fault = LOST, **booking: object) -> BookingId:
    """A booking whose text was posted, and nobody saw an answer."""
    made = world.venue.booking(calendar_event_id="there", **booking)
    world.sandbox.twilio.faults.next_calls("messages.create", fault)
    world.texts()
    assert world.states() == {made: "unknown"}
    return made


def known_message(world: World) -> None:
    """A text the application sent to somebody else an hour ago: lists can be checked against it."""
    world.sandbox.twilio.add_message(BEA, "Hi Bea", world.clock.now() - timedelta(hours=1))


def settle(world: World) -> PassResult:
    """The next run of the job, once the time to settle is over."""
    world.settle_time_is_over()
    return world.once(jobs=("unsettled_repairs",))[SMS]


def test_a_text_that_arrived_is_found_and_written_down_as_if_nothing_had_happened(world: World) -> None:
    booking = lost(world)
    assert settle(world).settled == {(SettleOutcome.FOUND, ""): 1}
    (row,) = world.venue.rows(QUEUE)
    (message,) = world.sandbox.twilio.messages
    assert (row["status"], row["twilio_message_sid"], row["error_message"]) == ("sent", message.sid, None)
    assert world.intents() == [(booking, "booking_confirmed", 1, "done", "found")]
    assert world.gaps() == {}
    world.later(minutes=10)
    world.texts()
    assert world.sent_to() == [ANA]


def test_a_pass_settles_before_it_looks(world: World) -> None:
    booking = lost(world)
    world.settle_time_is_over()
    result = world.texts()
    assert (result.settled, result.needs_human, world.states()) == (
        {(SettleOutcome.FOUND, ""): 1},
        0,
        {booking: "done"},
    )


def test_nothing_is_asked_before_the_settle_time_is_over(world: World) -> None:
    """A list may lag behind: too early, what arrived would look absent."""
    lost(world)
    known_message(world)
    result = world.once(jobs=("unsettled_repairs",))[SMS]
    assert (result.settled, set(world.states().values())) == ({}, {"unknown"})


def test_a_text_that_is_provably_not_there_is_sent_after_a_pause(world: World) -> None:
    booking = lost(world, NEVER)
    known_message(world)
    assert settle(world).settled == {(SettleOutcome.ABSENT, ""): 1}
    assert world.texts().left == 1, "not at once"
    assert world.gaps()[SMS, booking] == ("never_queued", Hold.BACKOFF)
    world.later(minutes=2)
    assert world.texts().repaired == 1
    assert world.sent_to() == [BEA, ANA]
    assert world.venue.sql("SELECT attempts, generation FROM reconciler.intent") == [(1, 1)]


@pytest.mark.parametrize("fault", [LOST, NEVER], ids=["it arrived", "it did not"])
@pytest.mark.parametrize(
    "hidden",
    [
        "redacted",
        "nothing of today",
        pytest.param("too many messages", marks=pytest.mark.long),
        pytest.param("a shared reference", marks=pytest.mark.long),
    ],
)
def test_what_cannot_be_proved_is_never_sent_again(world: World, fault: Fault, hidden: str) -> None:
    booking = lost(world, fault)
    if hidden == "redacted":
        known_message(world)
        world.sandbox.twilio.redacts = True
        world.later(seconds=2)  # it has arrived
    elif hidden == "nothing of today" and fault is LOST:
        world.sandbox.twilio.messages.clear()  # it may be there, and lists show nothing at all
    elif hidden == "too many messages":
        for _ in range(1001):
            world.sandbox.twilio.add_message(ANA, "Hi", world.clock.now())
        if fault is LOST:
            world.sandbox.twilio.messages.sort(key=lambda message: message.body != "Hi")  # ours is beyond the last page
    elif hidden == "a shared reference":
        known_message(world)
        world.venue.booking(id=booking[:8] + "-0000-4000-8000-000000000000", status="cancelled")
    sent = len(world.sent_to())
    for tries in range(1, 7):
        result = settle(world)
        state = "unknown" if tries < 6 else "needs_human"
        assert world.states()[booking] == state
        assert {settling for settling, _ in result.settled} == {
            SettleOutcome.UNDECIDED if tries < 6 else SettleOutcome.NEEDS_HUMAN
        }
    for _ in range(2):
        world.later(hours=2)
        assert settle(world).settled == {}
        assert world.texts().needs_human == 1
    assert len(world.sent_to()) == sent
    assert world.gaps()[SMS, booking] == ("unknown_outcome", Refusal.NOT_PROVABLE)


def test_the_questions_come_at_doubling_intervals(world: World) -> None:
    lost(world, NEVER)
    waits = []
    for _ in range(5):
        settle(world)
        ((seconds,),) = world.venue.sql(
            "SELECT extract(epoch FROM not_before - clock_timestamp())::float FROM reconciler.intent"
        )
        waits.append(round(seconds / 60))
    assert waits == [5, 10, 20, 40, 80]


def test_twilio_out_of_reach_costs_no_try_and_the_other_effect_goes_on(world: World) -> None:
    lost(world)
    world.settle_time_is_over()
    world.sandbox.twilio.faults.always("", Fault(kind=Misbehaviour.STATUS, status=503, body="{}"))
    results = world.once(jobs=("unsettled_repairs",))
    assert [fault.kind for fault in results[SMS].faults] == [GapKind.INTEGRATION_TWILIO]
    assert results[CALENDAR].faults == ()
    assert world.venue.sql("SELECT state, settle_tries FROM reconciler.intent") == [("unknown", 0)]
    world.sandbox.twilio.faults.clear()
    assert world.once(jobs=("unsettled_repairs",))[SMS].settled == {(SettleOutcome.FOUND, ""): 1}, "asked for at once"


def test_a_list_that_cannot_be_read_stops_no_other_text(world: World) -> None:
    """Twilio as a whole is well, and everything else goes on. Lists that fail for everybody use up nobody's tries."""
    booking, other = lost(world), world.venue.booking(status="draft", contact_phone=BEA)
    for tries in range(6):
        world.sandbox.twilio.faults.next_calls("messages.list", Fault(kind=Misbehaviour.STATUS, status=500, body="{}"))
        world.settle_time_is_over()
        result = world.texts()
        assert {code for _, code in result.settled} == {"not_answered http:500"}
        assert world.states()[other] == "done", tries
    assert world.states()[booking] == "unknown"


def test_a_revoked_token_answers_for_no_text(world: World) -> None:
    lost(world)
    world.settle_time_is_over()
    rejected = Fault(kind=Misbehaviour.STATUS, status=401, body=twilio_error(401, 20003))
    world.sandbox.twilio.faults.always("", rejected)
    result = world.once(jobs=("unsettled_repairs",))[SMS]
    assert (result.settled, len(result.faults), set(world.states().values())) == ({}, 1, {"unknown"})


def _changed_number(world: World, booking: BookingId) -> None:
    world.venue.sql("UPDATE private_bookings SET contact_phone = %s WHERE id = %s", BEA, booking)


def _deleted_row(world: World, booking: BookingId) -> None:
    world.venue.sql("DELETE FROM private_booking_sms_queue WHERE booking_id = %s", booking)


@pytest.mark.parametrize("happened", [_changed_number, _deleted_row])
def test_the_number_it_was_sent_to_is_remembered(world: World, happened: Callable[[World, BookingId], None]) -> None:
    """In our row, and in the booking as long as its digest agrees: the ledger holds no number."""
    booking = lost(world)
    happened(world, booking)
    assert settle(world).settled == {(SettleOutcome.FOUND, ""): 1}
    assert world.states() == {booking: "done"}


def test_a_number_that_nobody_knows_any_more_is_no_proof(world: World) -> None:
    booking = lost(world, NEVER)
    known_message(world)
    _changed_number(world, booking)
    _deleted_row(world, booking)
    assert settle(world).settled == {(SettleOutcome.UNDECIDED, "number_not_known"): 1}


@pytest.mark.parametrize("change", ["status = 'cancelled'", "event_date = '2026-06-01'"])
def test_absent_and_not_wanted_any_more_is_dropped(world: World, change: str) -> None:
    booking = lost(world, NEVER)
    known_message(world)
    world.venue.sql(f"UPDATE private_bookings SET {change} WHERE id = %s", booking)
    ((what, _),) = settle(world).settled
    assert what is SettleOutcome.DROPPED
    assert (world.states(), world.gaps()) == ({booking: "dropped"}, {})
    (row,) = world.venue.rows(QUEUE)
    assert row["status"] == "cancelled"


def test_found_and_not_wanted_any_more_is_written_down_all_the_same(world: World) -> None:
    booking = lost(world)
    world.venue.sql("UPDATE private_bookings SET status = 'cancelled' WHERE id = %s", booking)
    assert settle(world).settled == {(SettleOutcome.FOUND, ""): 1}
    (row,) = world.venue.rows(QUEUE)
    assert (row["status"], world.states(), world.gaps()) == ("sent", {booking: "done"}, {})


def test_a_booking_that_was_deleted_stops_nothing(world: World) -> None:
    gone, other = lost(world), None
    _deleted_row(world, gone)
    world.venue.sql("DELETE FROM private_bookings WHERE id = %s", gone)
    other = world.venue.booking(status="draft", contact_phone=BEA)
    settle(world)
    world.both()
    assert world.states()[other] == "done"
    assert world.gaps() == {}


def test_the_application_s_own_text_is_nobody_else_s(world: World) -> None:
    """It carries the same reference, and its row names it: what is left over is ours, or ours is absent."""
    booking = lost(world, NEVER)
    known_message(world)
    theirs = world.sandbox.twilio.add_message(ANA, f"Hi Ana, booked! {booking[:8]}", world.clock.now())
    world.venue.text(booking, twilio_message_sid=theirs.sid)
    ((what, why),) = settle(world).settled
    assert (what, why) == (SettleOutcome.DROPPED, "no_text"), "the application's text satisfies the rule"
    assert world.sent_to() == [BEA, ANA]


def test_a_text_of_the_application_that_no_row_names_is_not_taken_for_ours(world: World) -> None:
    booking = lost(world, NEVER)
    known_message(world)
    world.sandbox.twilio.add_message(ANA, f"Your deposit is due, {booking[:8]}", world.clock.now())
    assert settle(world).settled == {(SettleOutcome.UNDECIDED, "another_text"): 1}


def test_ours_is_found_beside_a_text_of_the_application_that_no_row_names(world: World) -> None:
    booking = lost(world)
    world.sandbox.twilio.add_message(ANA, f"Your deposit is due, {booking[:8]}", world.clock.now())
    assert settle(world).settled == {(SettleOutcome.FOUND, ""): 1}


def test_another_account_knows_nothing_of_ours(world: World) -> None:
    """Nothing is there, the control holds, and all that proves nothing."""
    lost(world)
    world.sandbox.twilio.messages.clear()
    known_message(world)
    world.venue.sql("UPDATE reconciler.intent SET account = 'of another'")
    assert settle(world).settled == {(SettleOutcome.UNDECIDED, "another_account"): 1}


def test_two_bookings_on_one_phone_are_told_apart(world: World) -> None:
    arrived, did_not = world.venue.booking(), world.venue.booking()
    world.sandbox.twilio.faults.next_calls("messages.create", LOST)
    world.texts()
    world.sandbox.twilio.faults.next_calls("messages.create", NEVER)
    world.texts()
    (message,) = world.sandbox.twilio.messages
    known_message(world)
    first = arrived if arrived[:8] in message.body else did_not
    assert sum(settle(world).settled.values()) == 2
    assert world.states()[first] == "done"
    assert sorted(world.states().values()) == ["done", "planned"]
    world.later(minutes=2)
    world.texts()
    ours = [message.body[-8:] for message in world.sandbox.twilio.messages if message.to == ANA]
    assert sorted(ours) == sorted([arrived[:8], did_not[:8]])


def test_attempts_are_counted_and_used_up_while_others_are_accepted(world: World) -> None:
    booking = world.venue.booking(calendar_event_id="there")
    known_message(world)
    world.configure(limits=", attempts: 3")
    for number in range(3):
        world.sandbox.twilio.faults.next_calls("messages.create", NEVER)
        world.texts()
        # Before the outcome is settled, another booking's text is accepted.
        world.venue.booking(
            status="draft", calendar_event_id=f"there{number}", contact_phone=f"+4477009003{number:02d}"
        )
        world.texts()
        settle(world)
        world.later(hours=2)
        known_message(world)
    assert world.states()[booking] == "needs_human"
    assert world.texts().needs_human == 1
    assert world.gaps()[SMS, booking] == ("given_up", Refusal.GIVEN_UP)
    assert ANA not in world.sent_to()


def test_a_text_that_failed_on_its_way_is_a_person_s_business(world: World) -> None:
    from dataclasses import replace

    booking = lost(world)
    messages = world.sandbox.twilio.messages
    messages[0] = replace(messages[0], status="undelivered")
    assert settle(world).settled == {(SettleOutcome.NEEDS_HUMAN, "found_undelivered"): 1}
    world.later(hours=2)
    world.texts()
    assert world.sent_to() == [ANA]
    assert world.gaps()[SMS, booking] == ("unusable_data", Refusal.NOT_DELIVERED)


def test_whoever_made_the_call_may_still_come_back_with_the_answer(world: World) -> None:
    """It wrote the SID into our row, and its claim on the ledger was gone by then."""
    booking = lost(world)
    (message,) = world.sandbox.twilio.messages
    world.venue.sql(
        "UPDATE private_booking_sms_queue SET status = 'sent', twilio_message_sid = %s, error_message = NULL",
        message.sid,
    )
    world.sandbox.twilio.redacts = True
    assert settle(world).settled == {(SettleOutcome.FOUND, ""): 1}
    assert world.intents() == [(booking, "booking_confirmed", 1, "done", "own_row")]


def test_a_text_whose_sending_is_the_application_s_by_now_goes_to_a_person(world: World) -> None:
    booking = lost(world)
    world.configure(limits=", settle_tries: 1", texts=", deliver: application")
    world.environment |= dict.fromkeys(("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_PHONE_NUMBER"), "")
    assert settle(world).settled == {(SettleOutcome.NEEDS_HUMAN, "no_provider"): 1}
    assert world.states() == {booking: "needs_human"}


def test_a_ledger_that_refuses_to_be_written_is_a_fault_of_the_job(world: World) -> None:
    lost(world)
    world.venue.sql("UPDATE reconciler.intent SET not_before = now()")
    world.venue.alter(
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE insufficient_privilege; END $$; "
        "CREATE TRIGGER no BEFORE UPDATE ON reconciler.intent FOR EACH ROW EXECUTE FUNCTION no()"
    )
    result = world.once(jobs=("unsettled_repairs",))[SMS]
    assert [fault.code for fault in result.faults] == ["sqlstate:42501"]


def test_two_that_settle_at_once_write_one_answer(world: World) -> None:
    from threading import Thread

    for number in range(6):
        world.venue.booking(contact_phone=f"+4477009002{number:02d}", calendar_event_id=f"e{number}")
    world.configure(limits=", pass: 1")
    for number in range(6):
        world.sandbox.twilio.faults.next_calls("messages.create", LOST if number % 2 else NEVER)
        world.texts()
    known_message(world)
    world.configure(limits="")
    world.settle_time_is_over()
    both = [Thread(target=world.once, kwargs={"jobs": ("unsettled_repairs",)}) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sorted(world.states().values()) == ["done"] * 3 + ["planned"] * 3
    assert world.venue.sql("SELECT DISTINCT settle_tries FROM reconciler.intent") == [(0,)]


def test_looking_only_settles_nothing(world: World) -> None:
    lost(world)
    world.settle_time_is_over()
    world.once(act=False)
    assert set(world.states().values()) == {"unknown"}


def test_an_event_of_unknown_outcome_is_asked_for_by_its_id_at_once(world: World) -> None:
    booking = world.venue.booking()
    world.configure(texts=", policy: off")
    world.sandbox.google.faults.next_calls("events.insert", LOST)
    world.events()
    assert world.states(Effect.CALENDAR) == {booking: "unknown"}
    assert world.once(jobs=("unsettled_repairs",))[CALENDAR].settled == {(SettleOutcome.FOUND, ""): 1}
    assert world.venue.stored_event(booking) == world.sandbox.google.live()[0]["id"]
    assert world.gaps() == {}


# However a call goes wrong, there is one effect in the end


def until_quiet(world: World) -> None:
    for _ in range(6):
        world.settle_time_is_over()
        world.both()
        world.later(hours=1)
        known_message(world)


WRONG = {
    **{kind.value: Fault(kind=kind, seconds=1.5) for kind in Misbehaviour},
    "429": Fault(kind=Misbehaviour.STATUS, status=429, body=twilio_error(429, 20429), headers=(("Retry-After", "30"),)),
    "no id": Fault(kind=Misbehaviour.STATUS, status=201, body='{"status": "queued"}'),
    "a list": Fault(kind=Misbehaviour.STATUS, status=201, body="[]"),
    "HTML, 200": Fault(kind=Misbehaviour.HTML, status=200),
}


def ways() -> list[object]:
    """The usual ways of going wrong in every run, all of them in the long one."""
    usual = ("lose", "drop", "429", "no id")
    return [pytest.param(name, marks=[] if name in usual else pytest.mark.long) for name in WRONG]


@pytest.mark.parametrize("name", ways())
def test_one_text_whatever_the_call_said(world: World, name: str) -> None:
    world.configure(limits=", timeouts: {twilio: 1s}", calendar_policy="off")
    known_message(world)
    booking = world.venue.booking()
    world.sandbox.twilio.faults.next_calls("messages.create", WRONG[name])
    until_quiet(world)
    assert (world.sent_to().count(ANA), world.states(), world.gaps()) == (1, {booking: "done"}, {})
    (row,) = world.venue.rows(QUEUE)
    assert row["status"] == "sent"


@pytest.mark.parametrize("name", ways())
def test_one_event_whatever_the_call_said(world: World, name: str) -> None:
    world.configure(limits=", timeouts: {google: 1s}", texts=", policy: off")
    booking = world.venue.booking()
    world.sandbox.google.faults.next_calls("events.insert", WRONG[name])
    until_quiet(world)
    assert [event["id"] for event in world.sandbox.google.live()] == [world.venue.stored_event(booking)]
    assert (world.states(Effect.CALENDAR), world.gaps()) == ({booking: "done"}, {})


def test_a_clock_that_jumps_back_doubles_nothing_and_loses_nothing(world: World) -> None:
    known_message(world)
    sent, unknown = world.venue.booking(contact_phone="+447700900103"), world.venue.booking()
    world.sandbox.twilio.faults.next_calls("messages.create", LOST)
    world.both()
    noon = world.clock.now()
    world.sandbox.twilio._now = lambda: max(noon, world.clock.now())  # Twilio's clock is right
    world.later(hours=-26)
    until_quiet(world)
    world.later(hours=24)
    until_quiet(world)
    assert sorted(number for number in world.sent_to() if number != BEA) == [ANA, "+447700900103"]
    assert world.states() == {sent: "done", unknown: "done"}


def test_a_clock_that_jumped_forward_before_the_attempt_makes_nothing_absent(world: World) -> None:
    """The attempt is stored in the future. It is taken for one of now, and our text is found; nothing is sent again."""
    booking = world.venue.booking(event_date="2026-07-01", calendar_event_id="there")
    twilio_clock = world.clock.now()
    world.sandbox.twilio._now = lambda: twilio_clock
    world.later(hours=3)
    world.sandbox.twilio.faults.next_calls("messages.create", LOST)
    world.texts()
    world.later(hours=-3)
    assert settle(world).settled == {(SettleOutcome.FOUND, ""): 1}
    assert (world.sent_to(), world.states()) == ([ANA], {booking: "done"})


# Rows of the ledger that we would not write


ODD = {
    "in flight until the year 2999": "state = 'sending', claim = gen_random_uuid(), leased_until = '2999-01-01'",
    "of an attempt that is still to come": "state = 'unknown', attempted_at = '2999-01-01'",
    "without a recipient": "state = 'unknown', subject = ''",
    "without sense": "state = 'unknown', subject = ':::', code = E'\\u0001', attempts = 2000000000",
    "tried very often": "state = 'planned', attempts = 99, settle_tries = 99",
    "held by nobody": "state = 'planned', claim = NULL, leased_until = '1900-01-01', examined_at = '2999-01-01'",
}


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_row_stops_nothing_doubles_nothing_and_is_seen(world: World, odd: str) -> None:
    booking, other = lost(world), world.venue.booking(status="draft", contact_phone="+447700900103")
    known_message(world)
    usual = {"attempted_at": "now()"} if "attempted_at" not in ODD[odd] else {}
    more = "".join(f", {name} = {value}" for name, value in usual.items())
    world.venue.sql("ALTER TABLE reconciler.intent DISABLE TRIGGER intent_move")
    world.venue.sql(f"UPDATE reconciler.intent SET {ODD[odd]}{more}")
    world.venue.sql("ALTER TABLE reconciler.intent ENABLE TRIGGER intent_move")
    world.settle_time_is_over()
    world.both()
    assert world.states()[other] == "done"
    if ODD[odd].startswith("state = 'planned'"):
        return  # as planned as any other
    assert (world.sent_to().count(ANA), (SMS, booking) in world.gaps()) == (1, True)
