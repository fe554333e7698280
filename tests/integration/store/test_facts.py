"""``bookings.facts``: values of the venue's own in its texts, and never a hole where one is missing."""

import re

import pytest
from psycopg.types.json import Jsonb
from reconciler_jobs import fire_drill

from reconciler.domain.gaps import GapKind
from reconciler.errors import ConfigurationError
from reconciler.store.drill import shadow_tables
from reconciler.wiring import assembly
from tests.integration.store.test_joins import changes
from tests.support.sandbox_world import World

COLUMNS = """
    CREATE TABLE barbers (id int PRIMARY KEY, name text);
    INSERT INTO barbers VALUES (1, 'Bo Berg'), (2, ''), (3, 'see evil.example/x');
    ALTER TABLE private_bookings ADD barber_id int, ADD meta jsonb;
    GRANT SELECT ON barbers, private_bookings TO reconciler_job;
"""
FACTS = """, join: {barber: {table: barbers, on: {id: barber_id}}}
    , facts: {barber: barber.name, room: "meta->>room", format: source}"""
PLAIN = "{{ facts.barber }} waits for you. Ref {{ ref }}"
CAREFUL = (
    "We wait{% if facts.barber %} with {{ facts.barber }}{% endif %} in {{ facts.room|default('the bar') }}. {{ ref }}"
)


def configure(world: World, template: str) -> None:
    message = f'{{trigger: booking_confirmed, template: "{template}"}}'
    texts = f", messages: {{confirmed: {message}}}"
    world.configure(bookings=f", statuses: [confirmed]{FACTS}", texts=texts)


def test_a_text_says_them(world: World) -> None:
    world.venue.alter(COLUMNS)
    configure(world, "{{ facts.barber }}, {{ facts['room'] }}, {{ facts.format|upper }}. Ref {{ ref }}")
    booking = world.venue.booking(barber_id=1, meta=Jsonb({"room": 12}), source="web")
    assert world.texts().repaired == 1
    assert world.sandbox.twilio.messages[0].body == f"Bo Berg, 12, WEB. Ref {booking[:8]}"
    assert world.texts().repaired == 0


EMPTY = {"no row": None, "an empty value": 2, "a link": 3}


@pytest.mark.parametrize("barber", EMPTY.values(), ids=EMPTY)
def test_no_text_has_a_hole(world: World, barber: int | None, capfd: pytest.CaptureFixture[str]) -> None:
    world.venue.alter(COLUMNS)
    configure(world, PLAIN)
    booking = world.venue.booking(barber_id=barber)
    world.texts()
    assert world.sent_to() == []
    assert world.gaps()["sms.missing", booking] == ("unusable_data", "text_unwritable")
    assert "name of public.barbers, where id is the booking's barber_id: filled" in changes(world, booking)
    said = " ".join([*capfd.readouterr(), *changes(world, booking)])
    assert "evil" not in said


def test_a_template_may_do_without(world: World) -> None:
    world.venue.alter(COLUMNS)
    configure(world, CAREFUL)
    world.venue.booking(barber_id=2)
    assert world.texts().repaired == 1
    assert world.sandbox.twilio.messages[0].body.startswith("We wait in the bar. ")


WRONG = {
    "a name that is none": ("{{ facts.barbr }} {{ ref }}", "unknown variable facts.barbr, did you mean facts.barber?"),
    "a name in brackets": (
        "{{ facts['barbr'] }} {{ ref }}",
        "unknown variable facts.barbr, did you mean facts.barber?",
    ),
    "all of them": ("{{ facts }} {{ ref }}", "facts are used one by one"),
    "a loop": ("{% for one in facts %}{{ one }}{% endfor %}{{ ref }}", "facts are used one by one"),
    "a name that is computed": ("{{ facts[name] }} {{ ref }}", "facts are used one by one"),
    "a method": ("{{ facts.items() }} {{ ref }}", "unknown variable facts.items"),
    "one in a condition": ("{% if facts.chef %}x{% endif %}{{ ref }}", "unknown variable facts.chef"),
}


@pytest.mark.parametrize(("template", "said"), WRONG.values(), ids=WRONG)
def test_each_fact_of_a_template_is_mapped(world: World, template: str, said: str) -> None:
    configure(world, template)
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        world.settings()


def test_facts_are_unknown_where_none_are_mapped(world: World) -> None:
    configure(world, PLAIN)
    world.configure(bookings=", statuses: [confirmed]")
    with pytest.raises(ConfigurationError, match=re.escape("unknown variable facts.barber")):
        world.settings()


def test_the_fire_drill_writes_texts_with_them(world: World) -> None:
    world.venue.alter(COLUMNS)
    configure(world, PLAIN)
    world.venue.migrate()
    with world.venue.database() as database:
        assert shadow_tables.refresh(database, assembly.application(world.settings())).problems == []
    with world.services() as services:
        (result,) = fire_drill.run(services)
    assert not result.faults, result.faults


def test_the_doctor_tries_a_template_with_and_without_them(world: World) -> None:
    configure(world, PLAIN)
    with world.services(act=False) as services:
        tried = {one.is_full: (one.why, one.lacks) for one in services.message_writer.trials()}
    assert tried == {True: ("", ()), False: ("lacks", ("facts.barber",))}


def test_nothing_of_them_is_said(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    world.venue.alter(COLUMNS)
    configure(world, PLAIN)
    booking = world.venue.booking(barber_id=1, meta=Jsonb({"room": "secret room"}))
    with world.services(act=False) as services, services.store.reading() as tx:
        (seen,) = tx.bookings.in_full(GapKind.SMS_MISSING, world.venue.now, [booking])
    assert dict(seen.facts) == {"barber": "Bo Berg", "room": "secret room", "format": ""}
    assert not re.search("Berg|secret", repr(seen))
    world.texts()
    kept = world.venue.sql("SELECT to_jsonb(i) FROM reconciler.intent i")
    assert not re.search("Berg|secret", " ".join([*capfd.readouterr(), str(kept)]))
