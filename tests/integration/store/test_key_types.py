"""Bookings with keys of any type, from the scan to what a person asks."""

import json

import pytest
from reconciler_jobs import fire_drill

from reconciler.domain.bookings import BookingId
from reconciler.engine.explain.explanation import bookings_with_prefix, explain
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from tests.support.application_db import BEA
from tests.support.doctor_runner import DoctorRunner
from tests.support.sandbox_world import World

KEYS = {
    "uuid": ("uuid", "0b0f5c1e-0000-4000-8000-0000000000a1"),
    "integer": ("integer", "4"),
    "bigint": ("bigint", "9007199254740993"),
    "numeric": ("numeric", "42"),
    "text": ("text", "APPT-00001"),
    "varchar": ("varchar(12)", "bk_01HZX"),
    "char": ("char(12)", "bk_01HZX"),
    "a domain": ("booking_key", "APPT-00001"),
    "quotes": ("text", 'it\'s "one" \\ 100% :x {y} $1'),
    "unicode": ("text", "Grüße/日本-1"),
    "spaces": ("text", "party of  Ana 7"),
    "an address": ("text", "ana.lima@venue.example"),
}


def with_keys(world: World, kind: str) -> None:
    world.venue.alter(f"""
        CREATE DOMAIN booking_key AS text CHECK (length(VALUE) > 3);
        ALTER TABLE private_booking_sms_queue DROP CONSTRAINT private_booking_sms_queue_booking_id_fkey;
        ALTER TABLE private_booking_sms_queue ALTER booking_id TYPE {kind} USING NULL;
        ALTER TABLE private_bookings ALTER id DROP DEFAULT, ALTER id TYPE {kind} USING NULL;
        ALTER TABLE private_booking_sms_queue ADD FOREIGN KEY (booking_id) REFERENCES private_bookings (id)
            ON DELETE CASCADE;
    """)
    world.venue.migrate()


@pytest.mark.parametrize(("kind", "key"), KEYS.values(), ids=KEYS)
def test_a_whole_life(world: World, kind: str, key: str) -> None:
    with_keys(world, kind)
    booking = BookingId(key)
    world.venue.booking(id=key)
    assert [result.repaired for result in world.both().values()] == [1, 1]
    assert world.states() == {booking: "done"}
    writes = world.sandbox.google.writes
    world.later(minutes=10)
    for result in world.both().values():
        assert result.plan is not None
        assert (result.plan.gaps, result.plan.checked) == (0, 1)
    assert (world.sandbox.google.writes, len(world.sent_to())) == (writes, 1)
    with world.services(act=False) as services:
        assert bookings_with_prefix(key, 5, services) == [booking]
        explained = explain(booking, services)
    assert explained is not None
    assert explained.booking.id == booking
    (row,) = world.venue.rows("private_booking_sms_queue")
    assert (str(row["booking_id"]).strip(), row["status"]) == (key, "sent")
    world.venue.sql("UPDATE private_bookings SET status = 'cancelled'")
    world.both(max_removals=1)
    assert world.sandbox.google.live() == []


@pytest.mark.parametrize(("kind", "key"), KEYS.values(), ids=KEYS)
def test_an_unknown_outcome_is_settled_and_resolved(
    world: World, kind: str, key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_keys(world, kind)
    booking = BookingId(key)
    world.venue.booking(id=key, calendar_event_id="there")
    world.sandbox.twilio.faults.next_calls("messages.create", Fault(kind=Misbehaviour.DROP))
    world.texts()
    assert world.states() == {booking: "unknown"}
    ((intent,),) = world.venue.sql("SELECT id::text FROM reconciler.intent")
    said = DoctorRunner(world, monkeypatch, capsys).command("resolve", intent, "--drop", "--do")
    assert said.code == 0, said
    assert world.states() == {booking: "dropped"}


KINDS = ["uuid", "integer", "bigint", "numeric", "text", "varchar(12)", "char(12)", "booking_key"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_fire_drill_and_the_doctor(
    world: World, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_keys(world, kind)
    with world.services() as services:
        (result,) = fire_drill.run(services)
    assert not result.faults, result.faults
    said = DoctorRunner(world, monkeypatch, capsys).doctor("--json")
    assert said.messages("schema", "fail") == [], said.out


def test_a_number_that_begins_another_one_is_explained(world: World) -> None:
    with_keys(world, "integer")
    for key in ("4", "42", "421"):
        world.venue.booking(id=key)
    with world.services(act=False) as services:
        assert [bookings_with_prefix(key, 5, services) for key in ("4", "42", "421")] == [["4"], ["42"], ["421"]]


def test_an_address_as_a_key_is_in_no_log_and_no_alert(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither when it is repaired, nor when its outcome is unknown, nor when its row is taken for the wrong one."""
    address = "ana.lima@venue.example"
    with_keys(world, "text")
    world.venue.booking(id=address)
    world.sandbox.twilio.faults.next_calls("messages.create", Fault(kind=Misbehaviour.LOSE))
    for _ in range(3):
        world.once()
        world.time_passes(hours=1)
        world.sandbox.twilio.add_message(BEA, "Hi Bea", world.clock.now())
    assert world.states() == {address: "done"}
    world.venue.sql("UPDATE private_bookings SET status = 'cancelled'")
    world.once(max_removals=1)
    said = capfd.readouterr()
    assert "incident" in said.out + said.err
    for text in (said.out, said.err, json.dumps(world.sandbox.sentry.raw)):
        assert "ana.lima" not in text
