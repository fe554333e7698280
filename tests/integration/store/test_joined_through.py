"""Tables that are joined to the row of another join, and joined rows of which only some count."""

import pytest
from reconciler_jobs import fire_drill

from reconciler.errors import ConfigurationError
from tests.integration.store.test_joins import ONE, PERSON, TABLES, THREE, TWO, attendee, changes, faults, person
from tests.support.sandbox_world import World

CHIEF = f", join: {{{PERSON}, chief: {{table: people, through: person, on: {{id: chief}}}}}}, phone: chief.mobile"
GUEST = """, join: {
    guest: {table: 'crm."Attendee"', on: {bookingId: id}, first_by: ID, where: {fullName: {not: [Staff, null]}}},
    known: {table: people, through: guest, on: {code: age}, where: {label: {not: gone}}}
  }, name: guest.fullName, phone: [known.mobile, guest.phone]"""


def test_a_number_of_the_row_behind_another_row(world: World) -> None:
    world.venue.alter(TABLES)
    world.configure(bookings=CHIEF)
    chief = person(world, mobile=ONE)
    led, alone, nobody = person(world, chief=chief, mobile=TWO), person(world, mobile=TWO), None
    for who in (led, alone, nobody):
        world.venue.booking(person_id=who, contact_phone=THREE)
    result = world.texts()
    assert (result.faults, world.sent_to()) == ((), [ONE])
    assert result.plan is not None
    assert result.plan.checked == 3, "a join loses no booking and doubles none"


def test_rows_that_do_not_count_are_not_the_first(world: World) -> None:
    world.venue.alter(TABLES)
    world.configure(bookings=GUEST)
    person(world, code=7, mobile=ONE)
    person(world, code=8, mobile=TWO, label="gone")
    known, gone, unknown = (world.venue.booking(contact_phone=None) for _ in range(3))
    for booking, code in ((known, 7), (gone, 8), (unknown, None)):
        attendee(world, booking, fullName="Staff", phone="+447700900299")
        attendee(world, booking, phone="+447700900298")
        attendee(world, booking, fullName="Ana Lima", phone=THREE, age=code)
        attendee(world, booking, fullName="Bea Lima", phone="+447700900297")
    world.texts()
    assert sorted(world.sent_to()) == sorted([ONE, THREE, THREE])


@pytest.mark.parametrize("places", [CHIEF, GUEST], ids=["through", "where"])
def test_the_drill_plants_what_counts(world: World, places: str) -> None:
    world.venue.alter(TABLES)
    world.configure(bookings=places)
    world.migrate()
    with world.services() as services:
        (result,) = fire_drill.run(services)
    assert not result.faults, result.faults


def test_explain_names_both_rows(world: World) -> None:
    world.venue.alter(TABLES)
    world.configure(bookings=CHIEF)
    booking = world.venue.booking(person_id=person(world, chief=person(world, mobile="07")))
    assert changes(world, booking) == [
        "mobile of public.people, where id is the person's chief: a number that can be texted"
    ]


MISTAKES = {
    "no join": (CHIEF.replace("through: person", "through: persn"), "persn is no join, did you mean person?"),
    "itself": (CHIEF.replace("through: person", "through: chief"), "chief is joined through another table itself"),
    "several rows": (CHIEF.replace("on: {id: chief}", "on: {id: chief}, first_by: id"), "first_by has no place here"),
}


@pytest.mark.parametrize(("written", "said"), MISTAKES.values(), ids=MISTAKES)
def test_what_cannot_be_joined_through(world: World, written: str, said: str) -> None:
    world.configure(bookings=written)
    with pytest.raises(ConfigurationError, match=said.replace("?", r"\?")):
        world.settings()


MISFITS = {
    "no such column of that row": (
        CHIEF.replace("on: {id: chief}", "on: {id: cheif}"),
        "bookings.join.chief.on names cheif, and public.people has no such column",
    ),
    "another type": (
        CHIEF.replace("on: {id: chief}", "on: {id: code}"),
        "bookings.join.chief.on: public.people.id is uuid, and public.people.code is integer: they cannot be compared",
    ),
    "several rows": (
        CHIEF.replace("on: {id: chief}", "on: {label: label}"),
        "bookings.join.chief: a booking may have several rows, as public.people has no unique key on label",
    ),
    "a filter by no column": (
        GUEST.replace("fullName: {not", "nickname: {not"),
        "crm.Attendee lacks 1 column: nickname",
    ),
}


@pytest.mark.parametrize(("written", "said"), MISFITS.values(), ids=MISFITS)
def test_what_the_tables_do_not_have_is_named(world: World, written: str, said: str) -> None:
    world.venue.alter(TABLES)
    world.venue.booking()
    world.configure(bookings=written)
    assert said in [fault.seen for fault in faults(world)]
    assert world.sent_to() == []
