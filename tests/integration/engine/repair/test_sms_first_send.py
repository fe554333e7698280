"""Before a text is sent for the first time, Twilio is asked what the number has got: B3, B4, and whoever else texts."""

from datetime import timedelta

import pytest

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.verdicts import Hold, Refusal
from reconciler.domain.gaps import GapKind
from reconciler.domain.intents import State
from reconciler.errors import Exit
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.fakes.twilio_messages import twilio_error
from tests.support.application_db import ANA, BEA, WITHOUT_CAUTION
from tests.support.sandbox_world import World

SMS = GapKind.SMS_MISSING
NUMBERS = ["+447700900101", "+447700900103", "+447700900104", "+447700900105"]
LOST = Fault(kind=Misbehaviour.LOSE)
AWAY = Fault(kind=Misbehaviour.STATUS, status=503, body="{}")
NOT_PROVABLE = ("unknown_outcome", Refusal.NOT_PROVABLE)
HELD_BY_ANOTHER = ("unknown_outcome", Hold.ANOTHER_TEXT)
QUEUE = "private_booking_sms_queue"
NO_TWILIO = dict.fromkeys(("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_PHONE_NUMBER", "TWILIO_API_URL"), "")


@pytest.fixture(autouse=True)
def without_beacon(world: World) -> None:
    """The question to Twilio by itself. The beacon would see most of these losses: test_beacon.py."""
    world.configure(more="record: {beacon: no}")


def booking(world: World, **values: object) -> BookingId:
    return world.venue.booking(calendar_event_id="there", **values)


def texted(world: World, body: str = "See you soon", *, minutes: float = 30, **more: str) -> str:
    """A message to Ana that the application's queue knows nothing of."""
    return world.sandbox.twilio.add_message(ANA, body, world.clock.now() - timedelta(minutes=minutes), **more).sid


def rows(world: World) -> list[tuple[object, ...]]:
    return world.venue.sql(f"SELECT status, error_message, twilio_message_sid FROM {QUEUE} ORDER BY created_at, id")


class Backup:
    """A copy of the whole database, as a dump has it."""

    def __init__(self, world: World) -> None:
        self.venue = world.venue
        self.venue.altered = True
        self.venue.close()
        self.venue.postgres.create_database(self.name, self.venue.name)

    @property
    def name(self) -> str:
        return f"{self.venue.name}_dump"

    def restore(self) -> None:
        self.venue.close()
        self.venue.postgres.drop_database(self.venue.name)
        self.venue.postgres.create_database(self.venue.name, self.name)
        self.venue.postgres.drop_database(self.name)
        self.venue.settle_in()  # as a snapshot of the disk, which keeps every id


def lose_ledger(world: World) -> None:
    world.venue.alter("DROP SCHEMA reconciler CASCADE; CREATE SCHEMA reconciler AUTHORIZATION reconciler_job")
    world.venue.migrate()
    world.venue.sql(f"UPDATE reconciler.installation SET {WITHOUT_CAUTION}")  # test_place.py has it


def known_message(world: World) -> None:
    """The control: a message to somebody else that has arrived."""
    world.sandbox.twilio.add_message(BEA, "Hello", world.clock.now() - timedelta(hours=1))


# B3: a backup is restored


def test_b3_dump_a_pass_of_four_restore_a_pass_sends_none_again(world: World) -> None:
    bookings = [booking(world, contact_phone=number) for number in NUMBERS]
    backup = Backup(world)
    assert world.texts().attempts == {("sent", ""): 4}
    sids = {message.to: message.sid for message in world.sandbox.twilio.messages}
    backup.restore()

    result = world.texts()

    assert (result.attempts, result.exit_code) == ({("adopted", ""): 4}, Exit.AS_DESIRED)
    assert sorted(world.sent_to()) == NUMBERS
    assert (world.states(), world.gaps()) == (dict.fromkeys(bookings, "done"), {})
    assert sorted(rows(world)) == sorted(("sent", None, sid) for sid in sids.values())
    assert world.texts().attempts == {}


def test_a_restore_amid_the_pass_knows_some_as_planned(world: World) -> None:
    booking(world)
    world.sandbox.twilio.faults.next_calls("messages.create", Fault(kind=Misbehaviour.STATUS, status=429, body="{}"))
    world.texts()
    backup = Backup(world)
    world.later(minutes=2)
    assert world.texts().repaired == 1
    backup.restore()
    assert world.texts().attempts == {("adopted", ""): 1}
    assert world.sent_to() == [ANA]


def test_after_a_restore_a_text_that_was_not_delivered_needs_a_human(world: World) -> None:
    one = booking(world)
    backup = Backup(world)
    world.sandbox.twilio.fates[ANA] = ("undelivered", 30003)
    world.texts()
    world.later(minutes=5)
    backup.restore()
    assert world.texts().attempts == {("refused", Refusal.NOT_DELIVERED): 1}
    assert (world.sent_to(), world.states()) == ([ANA], {one: State.NEEDS_HUMAN})
    assert world.gaps() == {(SMS, one): ("unusable_data", Refusal.NOT_DELIVERED)}


def test_after_a_restore_with_another_template_the_text_is_another_text(world: World) -> None:
    one = booking(world)
    backup = Backup(world)
    world.texts()
    backup.restore()
    message = "{trigger: booking_confirmed, template: 'Hello, we expect you. {{ ref }}'}"
    world.configure(texts=f", messages: {{draft: {message}, confirmed: {message}}}")
    world.texts()
    assert (world.sent_to(), world.gaps()) == ([ANA], {(SMS, one): HELD_BY_ANOTHER})


def test_two_texts_of_ours_are_not_taken_for_one(world: World) -> None:
    one = booking(world)
    backup = Backup(world)
    world.texts()
    (sent,) = world.sandbox.twilio.messages
    texted(world, sent.body, minutes=1)
    backup.restore()
    world.texts()
    assert world.gaps() == {(SMS, one): HELD_BY_ANOTHER}
    assert world.sent_to() == [ANA, ANA], "nothing more"


# B4: the ledger is lost


def test_b4_schema_dropped_migrate_an_unknown_text_is_not_sent_again(world: World) -> None:
    one = booking(world)
    world.sandbox.twilio.faults.next_calls("messages.create", LOST)
    world.texts()
    assert world.states() == {one: State.UNKNOWN}
    lose_ledger(world)
    assert world.texts().attempts == {("adopted", ""): 1}
    assert (world.sent_to(), world.states(), world.gaps()) == ([ANA], {one: State.DONE}, {})


@pytest.mark.parametrize("error", ["unknown timeout", "in flight"])
def test_b4_a_row_without_an_intent_is_unknown_until_its_absence_is_proved(world: World, error: str) -> None:
    """The list lags: what it does not show yet may be there."""
    one = booking(world)
    world.sandbox.twilio.list_lag = timedelta(hours=1)
    world.sandbox.twilio.faults.next_calls("messages.create", LOST)
    world.texts()
    world.venue.sql(f"UPDATE {QUEUE} SET error_message = replace(error_message, 'unknown reset', '{error}')")
    lose_ledger(world)
    assert world.texts().attempts == {("unknown", "row_without_intent"): 1}
    assert world.gaps() == {(SMS, one): ("unknown_outcome", Refusal.UNKNOWN)}
    world.sandbox.twilio.list_lag = timedelta(0)
    world.settle_time_is_over()
    world.texts()
    assert (world.sent_to(), world.states(), world.gaps()) == ([ANA], {one: State.DONE}, {})


def test_a_row_without_an_intent_is_sent_only_under_the_control(world: World) -> None:
    one = booking(world)
    world.sandbox.twilio.faults.next_calls("messages.create", Fault(kind=Misbehaviour.STATUS, status=503, body="{}"))
    world.texts()
    lose_ledger(world)
    world.texts()
    world.settle_time_is_over()
    world.texts()
    assert (world.sent_to(), world.states()) == ([], {one: State.UNKNOWN}), "no control: absence proves nothing"

    known_message(world)
    world.settle_time_is_over()
    world.texts()
    world.later(minutes=90)  # the pause of something that has been failing since the booking was made
    assert world.texts().attempts == {("sent", ""): 1}
    assert world.sent_to().count(ANA) == 1


def after_settling(world: World) -> None:
    known_message(world)
    for _ in range(8):
        world.texts()
        world.time_passes(minutes=10)
        world.settle_time_is_over()


def lose_answer_and_ledger(world: World, fault: Fault) -> None:
    world.configure(quiet="off")
    world.sandbox.twilio.faults.next_calls("messages.create", fault)
    world.texts()
    lose_ledger(world)


@pytest.mark.parametrize(("more", "state"), [("", State.DONE), (", status = 'draft'", State.NEEDS_HUMAN)])
def test_b4_a_text_to_the_number_before_it_was_corrected_is_found(world: World, more: str, state: State) -> None:
    one = booking(world)
    lose_answer_and_ledger(world, LOST)
    world.venue.sql(f"UPDATE private_bookings SET contact_phone = '+447700900777'{more}")
    after_settling(world)
    assert [number for number in world.sent_to() if number != BEA] == [ANA]
    assert world.states() == {one: state}


@pytest.mark.parametrize("fault", [AWAY, Fault(kind=Misbehaviour.DROP)], ids=["503", "drop"])
def test_a_lost_text_to_another_number_is_never_called_absent(world: World, fault: Fault) -> None:
    """The lists show none to either number, and a person decides."""
    one = booking(world)
    lose_answer_and_ledger(world, fault)
    world.venue.sql("UPDATE private_bookings SET contact_phone = '+447700900777'")
    after_settling(world)
    assert (world.states(), world.gaps()) == ({one: State.NEEDS_HUMAN}, {(SMS, one): NOT_PROVABLE})
    assert set(world.sent_to()) == {BEA}


def test_a_lost_text_to_the_same_number_is_called_absent_as_before(world: World) -> None:
    booking(world)
    lose_answer_and_ledger(world, AWAY)
    after_settling(world)
    world.later(minutes=90)
    world.texts()
    assert world.sent_to().count(ANA) == 1


def test_a_row_of_ours_that_says_not_sent_needs_no_proof(world: World) -> None:
    booking(world)
    world.sandbox.twilio.faults.next_calls("messages.create", Fault(kind=Misbehaviour.STATUS, status=429, body="{}"))
    world.texts()
    lose_ledger(world)
    assert world.texts().attempts == {("sent", ""): 1}


# Whoever else texts


def test_a_person_texts_from_twilios_console_and_ours_waits(world: World) -> None:
    one = booking(world)
    texted(world, "Hi Ana, all is set for your party. Bea from the venue")
    result = world.texts()
    assert (result.attempts, result.exit_code) == ({("held", Hold.ANOTHER_TEXT): 1}, Exit.WORK_LEFT)
    assert world.gaps() == {(SMS, one): HELD_BY_ANOTHER}
    assert rows(world) == [("cancelled", "reconciler: not sent, another_text", None)]

    before = world.venue.checksum()
    for _ in range(3):
        world.later(minutes=10)
        world.texts()
        assert world.gaps() == {(SMS, one): HELD_BY_ANOTHER}
    assert world.venue.checksum() == before, "the queue is left as it is"
    assert len(world.sent_to()) == 1


@pytest.mark.parametrize("deadline", ["too old", "too soon"])
def test_a_text_that_waits_needs_a_human_at_its_deadline(world: World, deadline: str) -> None:
    soon = {"event_date": world.clock.now().date(), "start_time": "15:00", "end_time": "23:00"}
    one = booking(world, **(soon if deadline == "too soon" else {}))
    texted(world)
    world.texts()
    world.later(hours=71 if deadline == "too old" else 1)
    result = world.texts()
    assert world.gaps()[SMS, one][0] == "too_late"
    assert (result.needs_human, len(world.sent_to())) == (1, 1)


def test_it_goes_out_once_the_other_text_is_in_the_queue(world: World) -> None:
    """The application wrote its id late: a reminder of a kind that does not satisfy the rule."""
    world.configure(texts=", satisfied_by: [booking_created, booking_confirmed]")
    one = booking(world)
    sid = texted(world)
    world.texts()
    world.venue.text(one, trigger_type="event_reminder_1d", twilio_message_sid=sid)
    world.later(minutes=10)
    assert world.texts().attempts == {("sent", ""): 1}
    assert world.gaps() == {}


def test_a_reminder_from_the_queue_of_the_application_holds_nothing(world: World) -> None:
    world.configure(texts=", satisfied_by: [booking_created, booking_confirmed]")
    one = booking(world)
    world.venue.text(one, trigger_type="event_reminder_1d", twilio_message_sid=texted(world, f"Soon! {one[:8]}"))
    assert world.texts().attempts == {("sent", ""): 1}


def test_a_row_of_another_booking_does_not_explain_a_text_about_this_one(world: World) -> None:
    """An UPDATE of the queue that named too many rows."""
    one, other = booking(world), booking(world, contact_phone=BEA)
    world.venue.text(other, twilio_message_sid=texted(world, f"Your party is confirmed. Ref {one[:8]}"))
    assert world.texts().attempts == {("held", Hold.ANOTHER_TEXT): 1}
    assert world.gaps() == {(SMS, one): HELD_BY_ANOTHER}


@pytest.mark.parametrize("body", ["Your party is confirmed.", "Ref {other}: table {one}"])
def test_a_row_of_another_booking_explains_what_names_that_one_or_none(world: World, body: str) -> None:
    one, other = booking(world), booking(world)
    said = body.format(one=one[:8], other=other[:8])
    world.venue.text(other, twilio_message_sid=texted(world, said))
    assert world.texts().attempts == {("sent", ""): 1}


def test_two_bookings_of_one_number_at_the_same_time_both_get_theirs(world: World) -> None:
    bookings = [booking(world), booking(world)]
    assert world.texts().attempts == {("sent", ""): 2}
    assert (world.sent_to(), world.states()) == ([ANA, ANA], dict.fromkeys(bookings, "done"))


def test_the_first_is_not_recorded_yet_and_names_its_own_booking(world: World) -> None:
    """As if another process were just about to write down its answer."""
    first, second = booking(world), booking(world)
    texted(world, f"Your party is confirmed. Ref {first[:8]}")
    world.venue.text(first)
    assert world.texts().attempts == {("sent", ""): 1}
    assert second[:8] in world.sandbox.twilio.messages[-1].body


def test_a_word_that_is_a_reference_by_chance_says_nothing(world: World) -> None:
    one = booking(world)
    stranger = booking(world, contact_phone=BEA)
    world.venue.text(stranger)
    texted(world, f"Your code is {stranger[:8]}")
    world.texts()
    assert world.gaps() == {(SMS, one): HELD_BY_ANOTHER}


@pytest.mark.parametrize(
    ("ignore", "body", "goes"),
    [
        ("[one-time code]", "Your ONE-TIME CODE is 1234", True),
        ("['/^code \\d{4}$/']", "Code 1234", True),
        ("['/^code \\d{4}$/']", "Your code 1234", False),
        ("[one-time code, newsletter]", "See you soon", False),
    ],
)
def test_texts_about_no_booking_are_ignored_if_the_settings_name_them(
    world: World, ignore: str, body: str, goes: bool
) -> None:
    world.configure(texts=f", ignore: {ignore}")
    booking(world)
    texted(world, body)
    assert world.texts().repaired == goes


@pytest.mark.parametrize(
    ("more", "minutes", "goes"),
    [
        ({"direction": "inbound"}, 30, True),
        ({"direction": "outbound-reply"}, 30, False),
        ({"direction": "outbound-call"}, 30, False),
        ({}, 60 * 24, True),  # before the booking was made
        ({}, 59, False),
        ({}, 62, False),  # in doubt: the clocks may differ
    ],
)
def test_what_the_customer_got_since_the_booking_was_made(
    world: World, more: dict[str, str], minutes: float, goes: bool
) -> None:
    booking(world)
    texted(world, minutes=minutes, **more)
    assert world.texts().repaired == goes


@pytest.mark.parametrize("status", ["failed", "undelivered", "canceled"])
def test_another_text_that_did_not_arrive_holds_nothing(world: World, status: str) -> None:
    booking(world)
    world.sandbox.twilio.fates[ANA] = (status, 30003)
    texted(world)
    assert world.texts().attempts == {("sent", ""): 1}


def test_a_text_that_hides_its_words_may_be_ours(world: World) -> None:
    one = booking(world)
    world.sandbox.twilio.hides_bodies = True
    texted(world)
    world.texts()
    assert (world.gaps(), len(world.sent_to())) == ({(SMS, one): HELD_BY_ANOTHER}, 1)


def test_b3_with_redacted_bodies_sends_none_again(world: World) -> None:
    one = booking(world)
    world.sandbox.twilio.hides_bodies = True
    backup = Backup(world)
    world.texts()
    backup.restore()
    world.later(minutes=1)
    world.texts()
    assert (world.sent_to(), world.gaps()) == ([ANA], {(SMS, one): HELD_BY_ANOTHER})


# The list


def test_a_list_of_several_pages_is_read_back_to_the_booking(world: World) -> None:
    one = booking(world)
    world.configure(texts=", ignore: [news]")
    texted(world, f"Your party is set. {one[:8]}", minutes=59)
    for number in range(450):
        texted(world, "News", minutes=50 - number / 10)
    world.texts()
    assert world.gaps() == {(SMS, one): HELD_BY_ANOTHER}


def test_no_page_is_read_beyond_the_booking(world: World) -> None:
    booking(world)
    for number in range(450):
        texted(world, "News", minutes=120 + number)
    # The second page would not be answered.
    fair = Fault(kind=Misbehaviour.SLOW, seconds=0)
    world.sandbox.twilio.faults.next_calls(
        "messages.list", fair, Fault(kind=Misbehaviour.STATUS, status=503, body="{}")
    )
    assert world.texts().attempts == {("sent", ""): 1}


def test_more_pages_than_are_read_prove_nothing(world: World) -> None:
    one = booking(world)
    world.configure(texts=", ignore: [news]")
    for _ in range(1001):
        texted(world, "News")
    world.texts()
    assert world.gaps() == {(SMS, one): HELD_BY_ANOTHER}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind=Misbehaviour.STATUS, status=500, body=twilio_error(500, 20500)),
        Fault(kind=Misbehaviour.HTML, status=200),
        Fault(kind=Misbehaviour.DROP),
        Fault(kind=Misbehaviour.HANG, seconds=1.5),
        Fault(kind=Misbehaviour.STATUS, status=429, body=twilio_error(429, 20429)),
    ],
    ids=["500", "html", "drop", "timeout", "429"],
)
def test_no_answer_is_no_leave_to_send(world: World, fault: Fault) -> None:
    one = booking(world)
    world.configure(limits=", timeouts: {twilio: 1s}")
    world.sandbox.twilio.faults.next_calls("messages.list", fault)
    assert world.texts().attempts == {("held", Hold.NOT_ANSWERED): 1}
    assert (world.sent_to(), world.gaps()) == ([], {(SMS, one): ("blocked", Hold.NOT_ANSWERED)})
    world.configure()
    assert world.texts().attempts == {("sent", ""): 1}
    assert world.gaps() == {}


def test_a_second_page_without_an_answer_is_no_leave_to_send(world: World) -> None:
    booking(world)
    world.configure(texts=", ignore: [news]")
    for _ in range(201):
        texted(world, "News")
    fair = Fault(kind=Misbehaviour.SLOW, seconds=0)
    world.sandbox.twilio.faults.next_calls(
        "messages.list", fair, Fault(kind=Misbehaviour.STATUS, status=503, body="{}")
    )
    assert world.texts().attempts == {("held", Hold.NOT_ANSWERED): 1}


def test_a_provider_that_answers_nobody_stops_the_pass(world: World) -> None:
    booking(world), booking(world, contact_phone=BEA)
    rejected = Fault(kind=Misbehaviour.STATUS, status=401, body=twilio_error(401, 20003))
    world.sandbox.twilio.faults.always("messages.list", rejected)
    result = world.texts()
    assert (result.attempts, world.sent_to()) == ({("broken", "twilio:20003"): 1}, [])
    assert [fault.kind for fault in result.faults] == [GapKind.INTEGRATION_TWILIO]


def test_one_list_that_fails_stops_no_other_text(world: World) -> None:
    booking(world), booking(world, contact_phone=BEA)
    world.sandbox.twilio.faults.next_calls("messages.list", Fault(kind=Misbehaviour.STATUS, status=500, body="{}"))
    assert world.texts().attempts == {("held", Hold.NOT_ANSWERED): 1, ("sent", ""): 1}


# The application sends


def test_the_application_is_not_asked_to_send_what_was_sent(world: World) -> None:
    world.configure(texts=", deliver: application")
    one = booking(world)
    texted(world)
    assert world.texts().attempts == {("held", Hold.ANOTHER_TEXT): 1}
    assert (rows(world), world.gaps()) == ([], {(SMS, one): HELD_BY_ANOTHER})


def test_without_credentials_the_application_sends_unasked(world: World) -> None:
    world.configure(texts=", deliver: application")
    world.environment |= NO_TWILIO
    booking(world)
    texted(world)
    assert world.texts().attempts == {("handed over", ""): 1}


@pytest.mark.parametrize("fault", ["sender", "service", "suspended"])
def test_a_fault_that_lets_us_read_the_list_excuses_no_question(world: World, fault: str) -> None:
    world.configure(texts=", deliver: application")
    match fault:
        case "sender":
            world.environment["TWILIO_PHONE_NUMBER"] = "+447700900999"
        case "service":
            world.environment["TWILIO_MESSAGING_SERVICE_SID"] = f"MG{'0' * 32}"
        case "suspended":
            world.sandbox.twilio.account_status = "suspended"
    one = booking(world)
    texted(world)
    assert world.texts().attempts == {("held", Hold.ANOTHER_TEXT): 1}
    assert (rows(world), world.gaps()) == ([], {(SMS, one): HELD_BY_ANOTHER})


def test_with_rejected_credentials_the_application_sends_unasked(world: World) -> None:
    world.configure(texts=", deliver: application")
    world.environment["TWILIO_AUTH_TOKEN"] = "0" * 32
    booking(world)
    texted(world)
    assert world.texts().attempts == {("handed over", ""): 1}


@pytest.mark.parametrize("credentials", [{"TWILIO_AUTH_TOKEN": "0" * 32}, NO_TWILIO], ids=["rejected", "none"])
def test_rejected_credentials_and_none_are_equally_cautious(world: World, credentials: dict[str, str]) -> None:
    world.configure(texts=", deliver: application")
    one = booking(world)
    world.events()
    world.venue.sql("UPDATE reconciler.installation SET caution_since = now(), caution_reason = 'new_timeline'")
    world.environment |= credentials
    assert world.texts().attempts == {("held", Hold.CAUTION): 1}
    assert (rows(world), world.gaps()) == ([], {(SMS, one): ("unknown_outcome", Hold.CAUTION)})
