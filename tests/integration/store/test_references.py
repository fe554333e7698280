"""``bookings.reference``: the application's own code in texts, titles and evidence, in place of the id's beginning."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from reconciler_jobs import fire_drill

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.verdicts import Hold, Refusal
from reconciler.domain.explain.remediation import Constraint, Location
from reconciler.domain.gaps import GapKind
from reconciler.engine.explain.explanation import bookings_with_prefix, explain
from reconciler.engine.reconcile.results import SettleOutcome
from reconciler.errors import ConfigurationError
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from tests.support.application_db import BEA
from tests.support.doctor_runner import DoctorRunner
from tests.support.sandbox_world import World

CODE = "B-2026-0042"
SMS, CALENDAR = GapKind.SMS_MISSING, GapKind.CALENDAR_MISSING
LOST, NEVER = Fault(kind=Misbehaviour.LOSE), Fault(kind=Misbehaviour.DROP)


@pytest.fixture
def coded(world: World) -> World:
    """A venue whose bookings have codes."""
    return with_codes(world, "text")


def with_codes(world: World, kind: str) -> World:
    world.venue.alter(f"ALTER TABLE private_bookings ADD code {kind}")
    world.configure(bookings=", reference: code")
    return world


def known_message(world: World) -> None:
    """A text to somebody else that has arrived: lists can be checked against it."""
    world.sandbox.twilio.add_message(BEA, "Hi Bea", world.clock.now() - timedelta(hours=1))


def settle(world: World) -> dict[tuple[SettleOutcome, str], int]:
    world.settle_time_is_over()
    return dict(world.once(jobs=("unsettled_repairs",))[SMS].settled)


def lost(world: World, fault: Fault, **booking: object) -> BookingId:
    """A booking whose text was posted, and nobody saw an answer."""
    made = world.venue.booking(**{"code": CODE, "calendar_event_id": "there", **booking})
    world.sandbox.twilio.faults.next_calls("messages.create", fault)
    world.texts()
    assert world.states() == {made: "unknown"}
    return made


KINDS = {
    "text": ("text", CODE),
    "varchar": ("varchar(20) NOT NULL UNIQUE DEFAULT gen_random_uuid()::varchar(20)", "AB12.34+(5)*6"),
    "char": ("char(14)", CODE),
    "a number": ("bigint", "1000042"),
    "a domain": ("code", CODE),
    "generated": ("text GENERATED ALWAYS AS ('B-' || upper(left(id::text, 8))) STORED", None),
}


@pytest.mark.parametrize(("kind", "code"), KINDS.values(), ids=KINDS)
def test_text_and_title_carry_the_code(world: World, kind: str, code: str | None) -> None:
    world.venue.alter("CREATE DOMAIN code AS text CHECK (length(VALUE) > 3)")
    with_codes(world, kind)
    booking = world.venue.booking(**({"code": code} if code else {}))
    code = code or f"B-{booking[:8].upper()}"
    assert [result.repaired for result in world.both().values()] == [1, 1]
    (message,) = world.sandbox.twilio.messages
    (event,) = (one for one in world.sandbox.google.live() if "Ana Lima" in one["summary"])
    assert message.body.endswith(f"Ref {code}")
    assert f" - {code} - " in event["summary"]
    assert booking[:8] not in message.body + event["summary"] + event["description"] or booking[:8] in code.lower()
    writes = world.sandbox.google.writes
    for result in world.both().values():
        assert result.plan is not None
        assert result.plan.gaps == 0
    assert (world.sandbox.google.writes, len(world.sent_to())) == (writes, 1)


UNUSABLE = {
    "empty": None, "spaces": "B 0042", "short": "B-1", "an address": "ana@venue.example", "a number": "+447700900142",
    "control characters": "B-00\x0742", "the name": "Ana", "long": "B" * 41,
}  # fmt: skip


@pytest.mark.parametrize("written", UNUSABLE.values(), ids=UNUSABLE)
def test_a_booking_without_a_usable_code_is_refused_and_the_next_one_is_repaired(
    coded: World, written: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    odd, _ = coded.venue.booking(code=written), coded.venue.booking(code=CODE, contact_phone=BEA)
    assert [result.repaired for result in coded.both().values()] == [1, 1]
    assert {key: reason for key, (_, reason) in coded.gaps().items()} == {
        (SMS, odd): Refusal.REFERENCE,
        (CALENDAR, odd): Refusal.REFERENCE,
    }
    assert coded.sent_to() == [BEA]
    assert not written or written not in caplog.text + str(coded.sandbox.sentry.raw)
    coded.venue.sql("UPDATE private_bookings SET code = 'B-2026-0043' WHERE id = %s", odd)
    assert [result.repaired for result in coded.both().values()] == [1, 1]


@pytest.mark.parametrize("other", [CODE, CODE.lower()], ids=["the same", "in small letters"])
def test_a_code_that_two_bookings_have_stands_for_neither(coded: World, other: str) -> None:
    both = {coded.venue.booking(code=CODE), coded.venue.booking(code=other)}
    third = coded.venue.booking(code="B-2026-00421", contact_phone=BEA)
    coded.both()
    assert {about for (_, about) in coded.gaps()} == both
    assert coded.states() == {third: "done"}


def test_the_same_code_of_another_installation_holds_up_no_text(coded: World) -> None:
    coded.venue.alter("ALTER TABLE private_bookings ADD venue_id int DEFAULT 7")
    coded.configure(bookings=", reference: code, only: {venue_id: 7}")
    coded.venue.booking(code=CODE, contact_phone=BEA, venue_id=8)
    coded.venue.booking(code=CODE)
    assert coded.texts().repaired == 1
    forget(coded)
    coded.texts()  # but a text with that code proves nothing
    assert len(coded.sent_to()) == 1
    assert {reason for _, reason in coded.gaps().values()} >= {Hold.ANOTHER_TEXT}


def forget(world: World) -> None:
    """A new ledger and a queue that has lost its rows, long ago enough that every list shows what was sent."""
    world.venue.sql("DELETE FROM reconciler.intent; DELETE FROM private_booking_sms_queue")


def test_our_earlier_text_is_adopted_by_its_code(coded: World) -> None:
    coded.venue.booking(code=CODE)
    coded.texts()
    forget(coded)
    assert coded.texts().attempts == {("adopted", ""): 1}
    assert len(coded.sent_to()) == 1


STARTS_WITH_IT = ', messages: {confirmed: {trigger: booking_confirmed, template: "{{ ref }}: see you on {{ date }}"}}'


@pytest.mark.parametrize(
    ("longer", "code"),
    [("B-2026-0042", "2026-0042"), ("B-2026-00421", "B-2026-0042"), ("B-2026-0042-A", "B-2026-0042")],
)
def test_a_longer_code_that_has_this_one_in_it_is_another(coded: World, longer: str, code: str) -> None:
    """Both bookings have one number, and the same words."""
    coded.configure(texts=STARTS_WITH_IT, bookings=", reference: code, statuses: [confirmed]")
    first = coded.venue.booking(code=longer)
    coded.texts()
    coded.venue.sql("UPDATE private_bookings SET status = 'cancelled' WHERE id = %s", first)
    forget(coded)
    second = coded.venue.booking(code=code)
    coded.texts()
    coded.later(minutes=11)
    coded.texts()
    ((booking, _, _, _, code),) = coded.intents()
    assert (booking, code) in {(second, Hold.ANOTHER_TEXT), (second, "queued")}, "its own text, or none"


def test_a_text_about_another_booking_of_the_number_is_told_by_its_code(coded: World) -> None:
    other = coded.venue.booking(code="R2026.77", calendar_event_id="there")
    coded.venue.text(other)
    coded.sandbox.twilio.add_message("+447700900101", "Your deposit for R2026.77 is due", coded.clock.now())
    coded.venue.booking(code=CODE)
    assert coded.texts().repaired == 1
    coded.sandbox.twilio.add_message("+447700900101", "Your deposit for X2026.77 is due", coded.clock.now())
    coded.venue.booking(code="B-2026-0043")
    coded.texts()
    coded.later(minutes=11)
    assert coded.texts().repaired == 0
    assert {reason for _, reason in coded.gaps().values()} >= {Hold.ANOTHER_TEXT}


@pytest.mark.parametrize("title", ["[CONFIRMED] - {} - x", "{} - Ana Lima"])
def test_the_application_s_event_is_adopted_by_its_code(coded: World, title: str) -> None:
    made = coded.venue.booking(code=CODE)
    start = coded.venue.now.replace(hour=19, minute=30) + timedelta(days=7)
    event = coded.sandbox.google.put(title.format(CODE), start, start + timedelta(hours=3))
    assert coded.events().attempts == {("adopted", ""): 1}
    assert coded.venue.stored_event(made) == event


def test_a_text_that_arrived_is_found_by_its_code(coded: World) -> None:
    booking = lost(coded, LOST)
    assert settle(coded) == {(SettleOutcome.FOUND, ""): 1}
    assert coded.states() == {booking: "done"}


def test_one_that_did_not_is_provably_absent(coded: World) -> None:
    lost(coded, NEVER)
    known_message(coded)
    assert settle(coded) == {(SettleOutcome.ABSENT, ""): 1}


def changes_code(world: World, booking: BookingId) -> None:
    world.venue.sql("UPDATE private_bookings SET code = 'B-2026-9999' WHERE id = %s", booking)


def loses_code(world: World, booking: BookingId) -> None:
    world.venue.sql("UPDATE private_bookings SET code = NULL WHERE id = %s", booking)


def is_deleted(world: World, booking: BookingId) -> None:
    world.venue.sql("DELETE FROM private_bookings WHERE id = %s", booking)


@pytest.mark.parametrize("meanwhile", [changes_code, loses_code, is_deleted])
@pytest.mark.parametrize("fault", [LOST, NEVER], ids=["it arrived", "it did not"])
def test_an_outcome_is_not_settled_by_a_code_that_its_text_did_not_have(
    coded: World, meanwhile: Callable[[World, BookingId], None], fault: Fault
) -> None:
    booking = lost(coded, fault)
    known_message(coded)
    meanwhile(coded, booking)
    settled = settle(coded)
    assert SettleOutcome.ABSENT not in {outcome for outcome, _ in settled}
    assert coded.states() == {booking: "unknown"}
    coded.both()
    assert len([to for to in coded.sent_to() if to != BEA]) == (fault is LOST)


def test_a_booking_is_found_by_its_id_and_by_its_code(coded: World) -> None:
    short, longer = coded.venue.booking(code="B-2026-004"), coded.venue.booking(code="B-2026-0042")
    with coded.services(act=False) as services:
        found = {
            name: set(bookings_with_prefix(name, 5, services))
            for name in ("B-2026-004", "b-2026-0042", "B-2026", short, short[:8], "nothing", "b%")
        }
    assert found == {
        "B-2026-004": {short}, "b-2026-0042": {longer}, "B-2026": {short, longer}, short: {short}, short[:8]: {short},
        "nothing": set(), "b%": set(),
    }  # fmt: skip


def test_explain_names_the_refusal_and_what_to_change(coded: World) -> None:
    booking = coded.venue.booking(code="ana@venue.example")
    with coded.services(act=False) as services:
        explained = explain(booking, services)
    assert explained is not None
    for rule in explained.rules[:2]:
        assert rule.verdict.reason == Refusal.REFERENCE
        deciding = next(one for one in rule.checks if one.verdict)
        assert deciding.seen == "an e-mail address or a telephone number"
        (change,) = rule.required_changes
        assert (change.place, change.name, change.wanted) == (Location.BOOKING, "reference", Constraint.OTHER)


def test_the_terminal_calls_a_booking_by_its_code(
    coded: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    coded.venue.booking(code=CODE)
    assert f"booking   {CODE} " in DoctorRunner(coded, monkeypatch, capsys).command("explain", CODE.lower()).out


def test_the_fire_drill_needs_no_code(world: World) -> None:
    with_codes(world, "text NOT NULL UNIQUE CHECK (code ~ '^B-[0-9]{4}-[0-9]{4}$')")
    world.venue.migrate()
    with world.services() as services:
        (result,) = fire_drill.run(services)
    assert not result.faults, result.faults


@pytest.mark.parametrize("kind", ["jsonb", "bytea", "text[]", "timestamptz", "boolean"])
def test_a_column_that_holds_no_code_is_named(world: World, kind: str) -> None:
    with_codes(world, kind)
    world.venue.booking()
    for result in world.both().values():
        (fault,) = result.faults
        assert "private_bookings.code is " in fault.seen
        assert "bookings.reference" in fault.remedy
    assert not world.sent_to()


def test_a_column_that_is_not_there_is_named_and_never_offered(world: World) -> None:
    world.configure(bookings=", reference: code")
    for result in world.both(act=False).values():
        (fault,) = result.faults
        assert ("code" in fault.seen, fault.sql) == (True, "")


def test_a_column_that_another_key_names_is_a_mistake(world: World) -> None:
    world.configure(bookings=", reference: customer_name")
    with pytest.raises(ConfigurationError, match=re.escape("both name the column customer_name")):
        world.settings()


def test_a_right_that_is_missing_is_named(world: World) -> None:
    world.venue.alter("REVOKE SELECT ON private_bookings FROM reconciler_job")
    columns = [name for (name,) in world.venue.sql(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'private_bookings'::regclass AND attnum > 0"
    )]  # fmt: skip
    world.venue.alter(f"GRANT SELECT ({', '.join(columns)}, tableoid, ctid) ON private_bookings TO reconciler_job")
    with_codes(world, "text")
    for result in world.both(act=False).values():
        (fault,) = result.faults
        assert "our role may not SELECT 1 column: code" in fault.seen
        assert "GRANT SELECT" in fault.sql


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (lambda n: f"guest{n}@venue.example", "12 an e-mail address or a telephone number"),
        (lambda n: f"+4477009001{n:02}", "12 an e-mail address or a telephone number"),
        (lambda n: f"Ana {n}", "12 the customer's name"),
        (lambda n: f"B-{n % 3:04}", "12 another booking has it too"),
    ],
    ids=["addresses", "numbers", "names", "duplicates"],
)
def test_a_column_of_something_else_is_a_fault(coded: World, code: Callable[[int], str], said: str) -> None:
    for n in range(12):
        coded.venue.booking(code=code(n), customer_name=f"Ana {n}")
    for result in coded.both().values():
        (fault,) = result.faults
        assert said in fault.seen
        assert "leave the key out" in fault.remedy
        assert code(1) not in fault.seen
    assert not coded.sent_to()


def test_the_doctor_counts_the_bookings_that_are_refused(
    coded: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for n in range(12):
        coded.venue.booking(code=f"B-2026-{n:04}" if n % 2 else None)
    doctor = DoctorRunner(coded, monkeypatch, capsys)
    said = doctor.doctor("--json").out
    assert "of the 12 newest bookings, not usable as a reference in public.private_bookings.code: 6 empty" in said
    coded.venue.sql("UPDATE private_bookings SET code = 'B-' || left(id::text, 8)")
    assert "not usable" not in doctor.doctor("--json").out
