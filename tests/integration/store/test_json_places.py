"""Names and numbers inside JSON: texts and numbers are read, and nothing that is stored there stops a scan."""

import json
import random
from typing import Any

import pytest
from psycopg.types.json import Json, Jsonb
from reconciler_jobs import fire_drill

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.verdicts import Condition
from reconciler.domain.gaps import GapKind
from reconciler.store.drill import shadow_tables
from reconciler.wiring import assembly
from tests.integration.store.test_joins import ONE, THREE, TWO, changes, in_full, only_fault, person
from tests.support.sandbox_world import World

SMS = GapKind.SMS_MISSING
COLUMNS = """
    CREATE TABLE people (
        id uuid PRIMARY KEY, full_name text, given text, mobile text, "Data" jsonb
    );
    ALTER TABLE private_bookings ADD person_id uuid, ADD meta jsonb, ADD raw json, ADD words text;
    ALTER TABLE private_bookings ALTER contact_phone DROP NOT NULL;
    GRANT SELECT ON people, private_bookings TO reconciler_job;
    GRANT SELECT, INSERT, UPDATE ON people TO venue_app;
"""
JOIN = "join: {person: {table: people, on: {id: person_id}}}"
PLACES = f"""
    , {JOIN}, name: ["meta->>name", "person.Data->who->>name"], first_name: "meta->names->0->>given"
    , phone: ["meta->contact->>phone", "raw->>'home phone'", "person.Data->>mobile"]
"""


def numbers_of(world: World, booking: BookingId) -> tuple[str, ...]:
    return in_full(world, [booking])[booking][2]


def test_a_whole_life_with_a_number_inside_json(world: World) -> None:
    world.venue.alter(COLUMNS)
    world.configure(bookings=PLACES)
    meta = {"name": "Pia Long", "names": [{"given": "Pia"}], "contact": {"phone": ONE}}
    booking = world.venue.booking(contact_phone=None, customer_name="", customer_first_name=None, meta=Jsonb(meta))
    assert [result.repaired for result in world.both().values()] == [1, 1]
    assert world.sent_to() == [ONE]
    assert "Hi Pia," in world.sandbox.twilio.messages[0].body
    assert "Pia Long" in world.sandbox.google.calendar.events[world.venue.stored_event(booking) or ""]["summary"]
    before = world.venue.checksum()
    assert [result.plan.gaps for result in world.both().values() if result.plan] == [0, 0]
    assert (world.venue.checksum(), len(world.sent_to())) == (before, 1)


VALUES: dict[str, tuple[str, tuple[str, ...]]] = {
    "a text": (json.dumps({"p": ONE}), (ONE,)),
    "blanks around it": (json.dumps({"p": f" {ONE} "}), (ONE,)),
    "a number": ('{"p": 447700900201}', ("447700900201",)),
    "null": ('{"p": null}', ()),
    "nothing": ("{}", ()),
    "an empty text": ('{"p": "  "}', ()),
    "a truth value": ('{"p": true}', ()),
    "an object": ('{"p": {"q": "+447700900201"}}', ()),
    "a list": ('{"p": ["+447700900201"]}', ()),
    "a list around it": ('[{"p": "+447700900201"}]', ()),
    "a text alone": ('"+447700900201"', ()),
    "a null alone": ("null", ()),
    "a character in two halves": ('{"p": "+447700900201", "note": "\\ud83d\\ude00"}', (ONE,)),
}
UNREADABLE = {
    "a character that no text holds": '{"p": "+447700900201", "note": "\\u0000"}',
    "half a character": '{"p": "+447700900201", "note": "\\ud83d"}',
    "a number without end": '{"p": "+447700900201", "size": 1e999999}',
}


@pytest.mark.parametrize("column", ["meta", "raw"])
@pytest.mark.parametrize(("stored", "numbers"), VALUES.values(), ids=VALUES)
def test_what_a_value_is_read_as(world: World, column: str, stored: str, numbers: tuple[str, ...]) -> None:
    world.venue.alter(COLUMNS)
    world.configure(bookings=f', phone: "{column}->>p"')
    booking = world.venue.booking(**{column: stored})
    assert numbers_of(world, booking) == numbers


@pytest.mark.parametrize("stored", UNREADABLE.values(), ids=UNREADABLE)
def test_what_postgresql_stores_and_cannot_read_stops_nobody(world: World, stored: str) -> None:
    world.venue.alter(COLUMNS)
    world.configure(bookings=', phone: ["raw->>p", contact_phone]')
    world.venue.booking(contact_phone=TWO, raw=stored)
    world.venue.booking(raw=Json({"p": THREE}))
    assert world.texts().repaired == 2
    assert THREE in world.sent_to()


@pytest.mark.parametrize("seed", range(3))
def test_a_path_that_is_missing_falls_through(world: World, seed: int) -> None:
    world.venue.alter(COLUMNS)
    world.configure(bookings=PLACES)
    draw = random.Random(seed)
    some: list[Any] = [None, "", ONE, TWO, 7, True, [], {}]
    expected: dict[BookingId, tuple[str, ...]] = {}
    for _ in range(14):
        own, raw, theirs = draw.choice(some), draw.choice(some), draw.choice(some)
        whose = draw.choice([None, person(world, Data=Jsonb({"mobile": theirs}))])
        meta = draw.choice([None, Jsonb({}), Jsonb({"contact": own}), Jsonb({"contact": {"phone": own}})])
        nested = bool(meta) and meta.obj.get("contact") is not None and "phone" in str(meta.obj)
        booking = world.venue.booking(person_id=whose, meta=meta, raw=Json({"home phone": raw}))
        found = [own if nested else None, raw, theirs if whose else None]
        expected[booking] = tuple(str(one) for one in found if one and isinstance(one, str | int) and one is not True)
    read = in_full(world, list(expected))
    assert {booking: numbers for booking, (_, _, numbers) in read.items()} == expected
    with world.services(act=False) as services, services.store.reading() as tx:
        seen = tx.bookings.scan(SMS, world.venue.now, world.venue.now.replace(year=2025))
    without = [booking for booking, numbers in expected.items() if not numbers]
    assert 0 < len(without) < len(expected)
    assert seen.by_condition == {(Condition.PHONE, ""): len(without)}


MISFITS = {
    "a text": ('phone: "words->>phone"', "bookings.phone reads public.private_bookings.words, which is text",
               "a text is not read as JSON"),
    "a number": ('phone: "guest_count->>phone"', "which is integer, and a path leads into json", "the column alone"),
    "of a joined table": (f'{JOIN}, name: "person.full_name->>x"', "bookings.name reads public.people.full_name",
                          "a text is not read as JSON"),
    "json as a text": ("name: meta", "bookings.name reads public.private_bookings.meta, which is jsonb, and no text",
                       "name the place inside: meta->>key"),
    "a fact": ('facts: {room: "words->>room"}', "bookings.facts.room reads public.private_bookings.words",
               "name a json"),
}  # fmt: skip


@pytest.mark.parametrize(("written", "said", "remedy"), MISFITS.values(), ids=MISFITS)
def test_a_path_into_what_is_no_json_is_named(world: World, written: str, said: str, remedy: str) -> None:
    world.venue.alter(COLUMNS)
    world.venue.booking(words='{"phone": "+447700900201"}')
    world.configure(bookings=f", {written}")
    fault = only_fault(world)
    assert said in fault.seen
    assert remedy in fault.remedy
    assert not fault.sql
    world.both()
    assert not world.sent_to()


def test_the_fire_drill_plants_inside_json(world: World) -> None:
    world.venue.alter(COLUMNS)
    world.configure(bookings=PLACES.replace("names->0", "names->deep"))
    world.venue.migrate()
    with world.venue.database() as database:
        assert shadow_tables.refresh(database, assembly.application(world.settings())).problems == []
    with world.services() as services:
        (result,) = fire_drill.run(services)
    assert not result.faults, result.faults


def test_explain_names_the_path(world: World) -> None:
    world.venue.alter(COLUMNS)
    world.configure(bookings=PLACES)
    usable = "a number that can be texted"
    booking = world.venue.booking(raw=Json({"home phone": "12"}))
    assert changes(world, booking) == [f"raw->>'home phone': {usable}"]
    pia = person(world, Data=Jsonb({"mobile": "34"}))
    world.venue.sql("UPDATE private_bookings SET raw = NULL, person_id = %s WHERE id = %s", pia, booking)
    assert changes(world, booking) == [f"Data->>mobile of public.people, where id is the booking's person_id: {usable}"]
    world.venue.sql("UPDATE private_bookings SET person_id = NULL WHERE id = %s", booking)
    (said,) = changes(world, booking)
    assert said.startswith("meta->contact->>phone or raw->>'home phone' or Data->>mobile of public.people")
    assert said.endswith(": filled")
