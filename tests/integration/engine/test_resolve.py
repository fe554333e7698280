"""``reconciler resolve``: a person's word ends what nobody could find out, and nothing else."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from reconciler.cli.main import run
from reconciler.domain.bookings import BookingId
from reconciler.errors import Exit
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from tests.support.application_db import ANA, BEA
from tests.support.sandbox_world import World

QUEUE = "private_booking_sms_queue"
Typed = Callable[..., tuple[int, str]]


@pytest.fixture
def typed(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """``reconciler resolve`` with these words: exit code and everything it said."""

    def typed(*words: str) -> tuple[int, str]:
        for name, value in world.sandbox.environment().items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        code = run(["resolve", *words])
        said = capsys.readouterr()
        return code, said.out + said.err

    return typed


@pytest.fixture
def stuck(world: World) -> BookingId:
    """A booking whose text may have left, and lists that show nothing."""
    booking = world.venue.booking(calendar_event_id="there")
    world.configure(limits=", settle_tries: 1")
    world.sandbox.twilio.faults.next_calls("messages.create", Fault(kind=Misbehaviour.LOSE))
    world.sandbox.twilio.redacts = True
    world.texts()
    world.later(seconds=2)
    world.settle_time_is_over()
    world.texts()
    assert world.states() == {booking: "needs_human"}
    return booking


def intent(world: World) -> str:
    ((found,),) = world.venue.sql("SELECT id::text FROM reconciler.intent WHERE state IN ('needs_human', 'unknown')")
    return str(found)


def row(world: World) -> tuple[str, str | None, str | None]:
    (found,) = world.venue.rows(QUEUE)
    return found["status"], found["twilio_message_sid"], found["error_message"]


def two_passes(world: World) -> None:
    for _ in range(2):
        world.later(hours=2)
        world.texts()


def test_what_waits_is_listed(world: World, typed: Typed, stuck: BookingId) -> None:
    code, said = typed()
    assert code == Exit.NEEDS_A_HUMAN
    assert said.startswith(
        f"{intent(world)}  text for {stuck[:8]}, first tried 2026-06-10 11:00 UTC: outcome could not be "
    )
    assert ANA not in said


def test_nothing_waits(typed: Typed) -> None:
    assert typed() == (Exit.AS_DESIRED, "no repair needs you\n")


@pytest.mark.parametrize("word", ["--sent", "--again", "--drop"])
def test_without_do_nothing_is_written(world: World, typed: Typed, stuck: BookingId, word: str) -> None:
    before = world.venue.checksum(), world.intents(), world.gaps()
    code, said = typed(intent(world)[:8], word)
    assert (code, "Nothing was written; use --do" in said) == (Exit.WORK_LEFT, True)
    assert (world.venue.checksum(), world.intents(), world.gaps()) == before


def test_it_was_sent_says_a_person(world: World, typed: Typed, stuck: BookingId) -> None:
    assert typed(intent(world), "--sent", "--do")[0] == Exit.AS_DESIRED
    assert world.intents() == [(stuck, "booking_confirmed", 1, "done", "by_a_person")]
    assert row(world) == ("cancelled", None, "reconciler: not by us, a person says it was sent")
    two_passes(world)
    assert (world.sent_to(), world.gaps(), row(world)[0]) == ([ANA], {}, "cancelled")


def test_it_was_sent_says_a_person_with_proof(world: World, typed: Typed, stuck: BookingId) -> None:
    (message,) = world.sandbox.twilio.messages
    assert typed(intent(world), "--sent", "--id", message.sid, "--do")[0] == Exit.AS_DESIRED
    two_passes(world)
    assert (world.sent_to(), world.gaps(), row(world)) == ([ANA], {}, ("sent", message.sid, None))


def test_a_message_of_another_booking_is_no_proof(world: World, typed: Typed, stuck: BookingId) -> None:
    world.venue.booking(contact_phone=BEA, calendar_event_id="too", status="draft")
    world.texts()
    other = world.sandbox.twilio.messages[-1].sid
    code, said = typed(intent(world), "--sent", "--id", other, "--do")
    assert (code, "belongs to another text or event" in said) == (Exit.CONFIGURATION, True)
    assert world.states()[stuck] == "needs_human"


def test_try_again_says_a_person(world: World, typed: Typed, stuck: BookingId) -> None:
    assert typed(intent(world), "--again", "--do")[0] == Exit.AS_DESIRED
    two_passes(world)
    assert (world.sent_to(), world.gaps(), row(world)[0]) == ([ANA, ANA], {}, "sent")
    assert world.venue.sql("SELECT state, attempts, generation FROM reconciler.intent") == [("done", 1, 1)]


def test_leave_it_says_a_person(world: World, typed: Typed, stuck: BookingId) -> None:
    assert typed(intent(world), "--drop", "--do")[0] == Exit.AS_DESIRED
    two_passes(world)
    assert (world.sent_to(), world.gaps(), row(world)[0]) == ([ANA], {}, "cancelled")
    assert world.intents() == [(stuck, "booking_confirmed", 1, "dropped", "by_a_person")], "and not restarted"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--sent",), "INTENT and one of"),
        (("abc",), "INTENT and one of"),
        (("abc", "--sent"), "no intent's id begins with abc"),
        (("", "--sent"), "give more characters"),
        (("abc", "--drop", "--id", "SM1"), "--id requires --sent"),
    ],
)
def test_what_cannot_be_meant(world: World, typed: Typed, stuck: BookingId, words: tuple[str, ...], said: str) -> None:
    world.venue.booking(contact_phone=BEA, calendar_event_id="too", status="draft")
    world.texts()
    code, seen = typed(*words)
    assert (code, said in seen) == (Exit.CONFIGURATION, True), seen


def test_what_does_not_wait_is_left_alone(world: World, typed: Typed) -> None:
    world.venue.booking(calendar_event_id="there")
    world.texts()
    ((done,),) = world.venue.sql("SELECT id::text FROM reconciler.intent")
    code, said = typed(done, "--again", "--do")
    assert (code, "is done (queued): it needs no resolving" in said) == (Exit.CONFIGURATION, True)


def test_an_event_needs_its_id(world: World, typed: Typed) -> None:
    booking = world.venue.booking()
    world.configure(texts=", policy: off")
    world.sandbox.google.faults.next_calls("events.insert", *[Fault(kind=Misbehaviour.DROP)] * 2)
    world.events()
    assert list(world.gaps().values()) == [("unknown_outcome", "unknown")]
    assert typed(intent(world), "--sent", "--do")[0] == Exit.CONFIGURATION
    made = world.sandbox.google.put("Ana's party", world.venue.now, world.venue.now + timedelta(hours=3))
    assert typed(intent(world), "--sent", "--id", made, "--do")[0] == Exit.AS_DESIRED
    world.later(minutes=10)
    world.events()
    assert (world.venue.stored_event(booking), world.gaps()) == (made, {})
    assert [event["id"] for event in world.sandbox.google.live()] == [made]


def refused_text(world: World, code: int = 21614) -> tuple[BookingId, str]:
    """A booking whose text Twilio refuses by this code, and the id of its intent."""
    booking = world.venue.booking(calendar_event_id="there")
    world.sandbox.twilio.refuse(ANA, 400, code)
    world.texts()
    ((found,),) = world.venue.sql("SELECT id::text FROM reconciler.intent WHERE state = 'refused'")
    return booking, str(found)


def test_c5_a_refusal_is_listed_and_again_takes_it(world: World, typed: Typed) -> None:
    booking, name = refused_text(world)
    code, said = typed()
    assert (code, "the provider refused it (twilio:21614)" in said) == (Exit.NEEDS_A_HUMAN, True)
    assert typed(name[:8], "--again")[0] == Exit.WORK_LEFT
    assert world.states()[booking] == "refused", "without --do"
    code, said = typed(name[:8], "--again", "--do")
    assert (code, "is planned: the next pass repairs it" in said) == (Exit.AS_DESIRED, True)
    world.later(minutes=10)
    world.texts()
    assert world.states()[booking] == "refused", "the provider still says no"
    world.sandbox.twilio.accept(ANA)
    assert typed(name[:8], "--again", "--do")[0] == Exit.AS_DESIRED
    world.later(minutes=10)
    world.texts()
    assert (world.states()[booking], world.sent_to()) == ("done", [ANA])
    assert typed() == (Exit.AS_DESIRED, "no repair needs you\n")


@pytest.mark.parametrize("word", ["--sent", "--drop"])
def test_a_refusal_has_nothing_to_be_sent_or_dropped(world: World, typed: Typed, word: str) -> None:
    booking, name = refused_text(world)
    code, said = typed(name, word, "--do")
    assert (code, "only --again is left for it" in said) == (Exit.CONFIGURATION, True)
    assert world.states()[booking] == "refused"


def test_stop_is_listed_and_again_asks_twilio_once_more(world: World, typed: Typed) -> None:
    """The recipient may have sent START. Twilio knows, and refuses the text if not."""
    booking, name = refused_text(world, 21610)
    world.sandbox.twilio.accept(ANA)
    assert typed(name, "--again", "--do")[0] == Exit.AS_DESIRED
    world.later(minutes=10)
    world.texts()
    assert world.states()[booking] == "done"


def test_an_odd_booking_that_is_tried_again_by_hand_blocks_nobody(world: World, typed: Typed) -> None:
    odd = world.venue.booking(calendar_event_id="there", status="draft")
    world.sandbox.twilio.refuse(ANA, 400, 21999)
    world.texts()
    world.later(minutes=10)
    world.venue.booking(calendar_event_id="here", status="draft", contact_phone=BEA)
    world.texts()
    assert world.states()[odd] == "refused"
    ((name,),) = world.venue.sql("SELECT id::text FROM reconciler.intent WHERE state = 'refused'")
    assert typed(str(name), "--again", "--do")[0] == Exit.AS_DESIRED
    world.later(minutes=10)
    assert (world.texts().faults, world.states()[odd]) == ((), "refused")
