"""Names and numbers that stand in other tables: joined to one row, or to the first of several."""

import random
import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from reconciler_jobs import fire_drill

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.verdicts import Condition
from reconciler.domain.gaps import GapKind, IntegrationFault
from reconciler.engine.explain import explanation
from reconciler.errors import ConfigurationError
from reconciler.sandbox.postgres import PostgresServer
from reconciler.service.next_step import what_would_change
from reconciler.store.drill import shadow_tables
from reconciler.wiring import assembly
from tests.conftest import TEMPLATE
from tests.integration.store.test_grants import apply, world_of
from tests.support.restricted_database import OWNER, closed_venue, migrate_as_owner
from tests.support.sandbox_world import World

SMS = GapKind.SMS_MISSING
PEOPLE, ATTENDEES = "people", "Attendee"
TABLES = """
    CREATE SCHEMA crm;
    CREATE TABLE people (
        id uuid PRIMARY KEY, full_name varchar(80), given text, mobile text, chief uuid, code int UNIQUE, label text
    );
    CREATE TABLE crm."Attendee" (
        "ID" bigserial PRIMARY KEY, "bookingId" uuid, "fullName" text, phone text, age int, data jsonb
    );
    CREATE VIEW attending AS SELECT * FROM crm."Attendee";
    ALTER TABLE private_bookings
        ADD person_id uuid, ADD helper_id uuid, ADD parent_id uuid, ADD code int, ADD words text;
    ALTER TABLE private_bookings ALTER contact_phone DROP NOT NULL;
    GRANT USAGE ON SCHEMA crm TO reconciler_job, venue_app;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA crm TO venue_app;
    GRANT SELECT ON people, crm."Attendee", attending, private_bookings TO reconciler_job, reconciler_reader;
    GRANT SELECT, INSERT, UPDATE ON people, crm."Attendee" TO venue_app;
"""
PERSON = "person: {table: people, on: {id: person_id}}"
ATTENDEE = """attendee: {table: 'crm."Attendee"', on: {bookingId: id}, first_by: ID}"""
BOTH = f"""
    , join: {{{PERSON}, {ATTENDEE}}}
    , name: [person.full_name, attendee.fullName, customer_name]
    , first_name: person.given
    , phone: [contact_phone, attendee.phone, person.mobile]
"""
ONE, TWO, THREE = "+447700900201", "+447700900202", "+447700900203"


def person(world: World, **values: Any) -> str:
    return world.venue.insert(PEOPLE, {"id": str(uuid.uuid4()), "full_name": "Pia Long", "given": "Pia", **values})


def attendee(world: World, booking: str, **values: Any) -> None:
    columns = {"bookingId": booking, **values}
    names = ", ".join(f'"{name}"' for name in columns)
    places = ", ".join(["%s"] * len(columns))
    world.venue.sql(f'INSERT INTO crm."Attendee" ({names}) VALUES ({places})', *columns.values(), role="venue_app")


def faults(world: World) -> tuple[IntegrationFault, ...]:
    """Those of a pass that writes nothing; each rule names the same."""
    found = {result.faults for result in world.both(act=False).values()}
    (same,) = found
    return tuple(same)


def only_fault(world: World) -> IntegrationFault:
    (fault,) = faults(world)
    return fault


def in_full(world: World, ids: list[BookingId]) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    with world.services(act=False) as services, services.store.reading() as tx:
        seen = tx.bookings.in_full(SMS, world.venue.now, ids)
    return {one.id: (one.name, one.first_name, one.phones) for one in seen}


def test_a_whole_life_with_the_number_of_the_first_attendee(world: World) -> None:
    world.venue.alter(TABLES)
    world.configure(bookings=BOTH)
    pia = person(world, mobile=THREE)
    booking = world.venue.booking(contact_phone=None, person_id=pia, customer_name="", customer_first_name=None)
    attendee(world, booking, ID=7, phone=TWO)
    attendee(world, booking, ID=3, phone=ONE)
    assert [result.repaired for result in world.both().values()] == [1, 1]
    assert world.sent_to() == [ONE]
    assert "Hi Pia," in world.sandbox.twilio.messages[0].body
    event = world.sandbox.google.calendar.events[world.venue.stored_event(booking) or ""]
    assert "Pia Long" in event["summary"]
    before = world.venue.checksum()
    assert [result.plan.gaps for result in world.both().values() if result.plan] == [0, 0]
    assert (world.venue.checksum(), len(world.sent_to())) == (before, 1)


# The same as by hand


def drawn(world: World, seed: int) -> dict[BookingId, dict[str, Any]]:
    """Bookings with any number of attendees, people that are there or not, and blanks where values could be."""
    draw = random.Random(seed)
    numbers = [None, "", "  ", ONE, TWO, THREE]
    names = [None, "", " ", "Ana Lima", "Bo Berg"]
    people = {}
    for _ in range(4):
        values = {"full_name": draw.choice(names), "given": draw.choice(names), "mobile": draw.choice(numbers)}
        people[person(world, **values)] = values
    planted: dict[BookingId, dict[str, Any]] = {}
    for _ in range(12):
        whose = draw.choice([None, str(uuid.uuid4()), *people])
        own = {"contact_phone": draw.choice(numbers), "customer_name": draw.choice(["", "Own Name"])}
        booking = world.venue.booking(person_id=whose, **own)
        rows: list[dict[str, Any]] = [
            {
                "ID": 10_000 * number + draw.randrange(10_000),
                "fullName": draw.choice(names),
                "phone": draw.choice(numbers),
            }
            for number in draw.sample(range(100), draw.choice([0, 1, 2, 5]))
        ]
        for row in rows:
            row["ID"] += 10**6 * (len(planted) + 1)
            attendee(world, booking, **row)
        first = min(rows, key=lambda row: row["ID"], default={})
        planted[booking] = {"own": own, "person": people.get(whose or "", {}), "attendee": first}
    return planted


def by_hand(row: dict[str, Any]) -> tuple[str, str, tuple[str, ...]]:
    own, whose, first = row["own"], row["person"], row["attendee"]
    names = [whose.get("full_name"), first.get("fullName"), own["customer_name"]]
    phones = [own["contact_phone"], first.get("phone"), whose.get("mobile")]
    filled = [name.strip() for name in names if name and name.strip()]
    return next(iter(filled), ""), whose.get("given") or "", tuple(one.strip() for one in phones if one and one.strip())


NOTHING_ELSE_IS_JOINED = ", customers: off, made_as: [draft, confirmed]"
"""Then a scan needs neither customers nor due moments."""


@pytest.mark.parametrize("more", ["", NOTHING_ELSE_IS_JOINED], ids=["customers too", "alone"])
@pytest.mark.parametrize("seed", range(3))
def test_what_is_joined_is_what_a_plain_loop_finds(world: World, seed: int, more: str) -> None:
    world.venue.alter(TABLES)
    world.configure(bookings=BOTH + more)
    planted = drawn(world, seed)
    expected = {booking: by_hand(row) for booking, row in planted.items()}
    assert in_full(world, list(planted)) == expected
    with world.services(act=False) as services, services.store.reading() as tx:
        seen = tx.bookings.scan(SMS, world.venue.now, world.venue.now.replace(year=2025))
        found = tx.bookings.findings(SMS, world.venue.now, world.venue.now.replace(year=2025), list(planted))
    without = {booking for booking, (_, _, phones) in expected.items() if not phones}
    assert 0 < len(without) < len(planted)
    assert seen.checked == len(planted), "a join neither drops a booking nor multiplies it"
    assert set(seen.broken) == set(planted) - without
    assert seen.by_condition == {(Condition.PHONE, ""): len(without)}
    assert {booking for booking, finding in found.items() if finding.failed is Condition.PHONE} == without


def test_rows_that_are_equal_in_their_order_are_always_the_same_one(world: World) -> None:
    world.venue.alter(TABLES)
    world.configure(bookings=BOTH.replace("first_by: ID", "first_by: age"))
    booking = world.venue.booking(contact_phone=None)
    for phone in (THREE, TWO, ONE, TWO):
        attendee(world, booking, age=4, phone=phone)
        attendee(world, booking, age=None, phone="+447700900100")
    expected = {booking: ("Ana Lima", "", (ONE,))}
    assert in_full(world, [booking]) == expected
    world.venue.sql('UPDATE crm."Attendee" SET "bookingId" = "bookingId" WHERE phone = %s', ONE)
    assert in_full(world, [booking]) == expected


def test_one_table_may_be_joined_twice_and_the_bookings_with_themselves(world: World) -> None:
    world.venue.alter(TABLES)
    helper = "helper: {table: people, on: {id: helper_id}}"
    parent = "parent: {table: private_bookings, on: {id: parent_id}}"
    eldest = "eldest: {table: private_bookings, on: {parent_id: parent_id}, first_by: created_at}"
    places = (
        "name: [person.full_name, parent.customer_name], phone: [helper.mobile, eldest.contact_phone, person.mobile]"
    )
    world.configure(bookings=f", join: {{{PERSON}, {helper}, {parent}, {eldest}}}, {places}")
    top = world.venue.booking(customer_name="Top Name", contact_phone=THREE)
    pia, bo = person(world, mobile=ONE), person(world, full_name="Bo Berg", mobile=TWO)
    one = world.venue.booking(person_id=pia, helper_id=bo, parent_id=top)
    two = world.venue.booking(parent_id=top, contact_phone=" ", created_at=world.venue.now)
    named = {key: (name, phones) for key, (name, _, phones) in in_full(world, [top, one, two]).items()}
    assert named == {
        top: ("", ()),
        one: ("Pia Long", (TWO, "+447700900101", ONE)),
        two: ("Top Name", ("+447700900101",)),
    }


# What is refused

WRONG = {
    "an unknown join": (
        f"join: {{{PERSON}}}, name: person.full_name, phone: [persn.mobile]",
        "bookings.phone: persn is no join, did you mean person?",
    ),
    "an unknown join in a list": (
        f"join: {{{PERSON}}}, phone: [person.mobile, a.b]",
        "bookings.phone.1: a is no join; bookings.join has person",
    ),
    "a join that nothing uses": (f"join: {{{PERSON}}}", "bookings.join.person: nothing is read through it"),
    "two names on one column": ("name: customer_name, phone: customer_name", "phone and name (line "),
    "a name on a column that has one": (
        "phone: guest_count",
        "guests (line" + "|" + "both name the column guest_count",
    ),
    "two places of the number": ("phone: a, columns: {phone: b}", "`phone` takes the place of columns.phone"),
    "a place twice": ("phone: [a, b, a]", "bookings.phone.2: a stands here twice"),
    "no place": ("phone: []", "at least one belongs here"),
    "three parts": ("name: a.b.c", "a column, join.column, or a path into JSON"),
    "a join on nothing": ("join: {person: {table: people, on: {}}}, name: person.a", "bookings.join.person.on"),
    "a join without a table": ("join: {person: {on: {id: x}}}, name: person.a", "bookings.join.person.table"),
    "a join of two words": ("join: {a-b: {table: people, on: {id: x}}}", "a name of your own is one word"),
}


@pytest.mark.parametrize(("written", "said"), WRONG.values(), ids=WRONG)
def test_what_cannot_be(world: World, written: str, said: str) -> None:
    world.configure(bookings=f", {written}")
    with pytest.raises(ConfigurationError) as refused:
        world.settings()
    assert any(part in str(refused.value) for part in said.split("|"))


MISFITS = {
    "a join that multiplies": (
        'join: {a: {table: \'crm."Attendee"\', on: {bookingId: id}}}, phone: a.phone',
        'bookings.join.a: a booking may have several rows, as crm.Attendee has no unique key on bookingId',
        "add `first_by: column`",
    ),
    "a join on a part of a key": (
        "join: {a: {table: people, on: {label: words}}}, phone: a.mobile", "no unique key on label", "first_by"
    ),
    "a key that is compared as another type": (
        "join: {a: {table: people, on: {code: total_amount}}}, phone: a.mobile", "", ""
    ),
    "a join on another type": (
        "join: {a: {table: people, on: {id: words}}}, phone: a.mobile",
        "public.people.id is uuid, and public.private_bookings.words is text: they cannot be compared",
        "name the columns that hold the same value",
    ),
    "a column of the joined table": (
        f"join: {{{PERSON}}}, phone: person.mobil",
        "bookings.phone names mobil, and public.people has no such column", "did you mean mobile?"
    ),
    "a column of the bookings": (
        "phone: contact_fone", "bookings.phone names contact_fone, and public.private_bookings has no such column",
        "did you mean contact_phone?"
    ),
    "a key of the joined table": (
        "join: {a: {table: people, on: {ident: person_id}}}, phone: a.mobile",
        "bookings.join.a.on names ident, and public.people has no such column", "the table has id, full_name"
    ),
    "a key of the bookings": (
        "join: {a: {table: people, on: {id: persons_id}}}, phone: a.mobile",
        "bookings.join.a.on names persons_id, and public.private_bookings has no such column",
        "did you mean person_id?"
    ),
    "an order": (
        "join: {a: {table: attending, on: {bookingId: id}, first_by: made}}, phone: a.phone",
        "bookings.join.a.first_by names made, and public.attending has no such column", "the table has ID"
    ),
    "a column that has no order": (
        "join: {a: {table: attending, on: {bookingId: id}, first_by: point}}, phone: a.phone",
        "bookings.join.a.first_by names public.attending.point, which is point and has no order", "such as an id"
    ),
    "a table": (
        "join: {a: {table: persons, on: {id: person_id}}}, phone: a.mobile",
        "bookings.join.a: there is no table public.persons", "correct the name"
    ),
    "a view without an order": (
        "join: {a: {table: attending, on: {bookingId: id}}}, phone: a.phone",
        "a booking may have several rows, as public.attending has no unique key on bookingId", "first_by"
    ),
    "capitals": (
        "join: {a: {table: crm.Attendee, on: {bookingid: id}, first_by: ID}}, phone: a.phone",
        "bookings.join.a.on names bookingid, and crm.Attendee has no such column", "did you mean bookingId?"
    ),
}  # fmt: skip
WITH_A_POINT = TABLES.replace("SELECT * FROM", "SELECT *, point(0, 0) FROM")


@pytest.mark.parametrize(("written", "said", "remedy"), MISFITS.values(), ids=MISFITS)
def test_what_the_tables_do_not_have_is_named(world: World, written: str, said: str, remedy: str) -> None:
    world.venue.alter(WITH_A_POINT)
    world.venue.booking()
    world.configure(bookings=f", {written}")
    before = world.venue.checksum()
    found = faults(world)
    if said:
        (fault,) = found
        assert said in fault.seen
        assert remedy in fault.remedy
        assert not fault.sql, "a wrong mapping is not mended by a new column"
        world.both()
        assert (world.venue.checksum(), world.sent_to()) == (before, [])
    else:
        assert found == ()


def test_a_key_that_holds_only_for_another_type_does_not_count(world: World) -> None:
    """Large whole numbers that differ are equal as floating-point numbers."""
    world.venue.alter(
        TABLES + "; ALTER TABLE people ADD big bigint UNIQUE; ALTER TABLE private_bookings ADD share double precision"
    )
    world.configure(bookings=", join: {a: {table: people, on: {big: share}}}, phone: a.mobile")
    fault = only_fault(world)
    assert "no unique key on big that holds for the bookings' type" in fault.seen


def test_a_joined_table_without_a_right(world: World) -> None:
    world.venue.alter(
        TABLES + "; REVOKE SELECT ON people FROM reconciler_job; GRANT SELECT (id) ON people TO reconciler_job"
    )
    world.venue.booking()
    world.configure(bookings=f", join: {{{PERSON}}}, phone: person.mobile")
    fault = only_fault(world)
    assert fault.seen == "our role may not SELECT 1 column: mobile of public.people"
    assert fault.sql == 'GRANT SELECT ("mobile") ON "public"."people" TO "reconciler_job";'
    world.venue.sql(fault.sql)
    assert faults(world) == ()


def test_a_joined_table_whose_rows_are_hidden(world: World) -> None:
    world.venue.alter(TABLES + "; ALTER TABLE people ENABLE ROW LEVEL SECURITY")
    world.configure(bookings=f", join: {{{PERSON}}}, phone: person.mobile")
    fault = only_fault(world)
    assert "row-level security of public.people does not let our role SELECT every row" in fault.seen
    world.venue.sql(fault.sql)
    assert faults(world) == ()


# Grants, drill, explain

PLACES = {
    "one row and the first of several": BOTH,
    "a view": ", join: {a: {table: attending, on: {bookingId: id}, first_by: ID}}, phone: a.phone",
    "one table twice": f", join: {{{PERSON}, helper: {{table: people, on: {{id: helper_id}}}}}}"
    ", name: person.full_name, phone: helper.mobile",
    "the bookings": ", join: {parent: {table: private_bookings, on: {id: parent_id}}}, phone: parent.contact_phone",
    "the customers": ", join: {c: {table: customers, on: {id: customer_id}}}, name: c.last_name, phone: c.email",
    "a number as a key": ", join: {p: {table: people, on: {code: code}}}, name: p.full_name, phone: p.mobile",
    "own columns": ", name: words, phone: [contact_email, contact_phone]",
}


@pytest.mark.parametrize("places", PLACES.values(), ids=PLACES)
def test_the_fire_drill_plants_what_is_joined(world: World, places: str) -> None:
    world.venue.alter(TABLES)
    world.configure(bookings=places)
    world.venue.migrate()
    with world.venue.database() as database:
        refreshed = shadow_tables.refresh(database, assembly.application(world.settings()))
    assert refreshed.problems == []
    with world.services() as services:
        (result,) = fire_drill.run(services)
    assert not result.faults, result.faults


@pytest.fixture
def closed(postgres: PostgresServer) -> Iterator[World]:
    """A venue whose jobs' role has nothing yet, with joined tables that are closed as well."""
    with closed_venue(postgres, TEMPLATE, "venue_joined") as (venue, role):
        venue.sql(TABLES)
        for table in ("people", 'crm."Attendee"', "attending"):
            venue.sql(f"REVOKE ALL ON {table} FROM reconciler_job, reconciler_reader")
            venue.sql(f"ALTER TABLE {table} OWNER TO {OWNER}")
        venue.sql(f"ALTER SCHEMA crm OWNER TO {OWNER}")
        for table in ("people", 'crm."Attendee"'):
            venue.sql(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
            venue.sql(f"CREATE POLICY app ON {table} TO venue_app, {OWNER} USING (true)")
        with world_of(venue, role) as world:
            yield world


@pytest.mark.parametrize("places", PLACES.values(), ids=PLACES)
def test_what_grants_prints_is_enough(closed: World, places: str) -> None:
    closed.configure(bookings=places)
    apply(closed)
    migrate_as_owner(closed.venue)
    pia = person(closed, mobile=ONE, code=5)
    top = closed.venue.booking(status="cancelled", contact_phone=ONE)
    customer = closed.venue.customer(mobile_number=ONE, mobile_e164=None, last_name="Long", email=ONE)
    booking = closed.venue.booking(
        person_id=pia, helper_id=pia, parent_id=top, customer_id=customer, code=5, words="Pia", contact_phone=ONE
    )
    attendee(closed, booking, phone=ONE)
    results = closed.once()
    assert {kind: result.faults for kind, result in results.items()} == dict.fromkeys(results, ())
    assert closed.sent_to() == [ONE]


def changes(world: World, booking: BookingId) -> list[str]:
    settings = world.settings()
    with world.services(act=False) as services:
        explained = explanation.explain(booking, services)
    assert explained is not None
    (rule,) = [one for one in explained.rules if one.kind is SMS]
    return list(what_would_change(rule, settings.file))


def test_explain_names_the_table_and_the_key_of_a_number(world: World) -> None:
    world.venue.alter(TABLES)
    world.configure(bookings=BOTH)
    pia = person(world, mobile="07")
    booking = world.venue.booking(contact_phone=None, person_id=pia)
    usable = "a number that can be texted"
    assert changes(world, booking) == [f"mobile of public.people, where id is the booking's person_id: {usable}"]
    attendee(world, booking, phone="12")
    of_attendee = 'phone of crm."Attendee", where bookingId is the booking\'s id, the first by ID'
    assert changes(world, booking) == [f"{of_attendee}: {usable}"]
    world.venue.sql("UPDATE private_bookings SET contact_phone = '3' WHERE id = %s", booking)
    assert changes(world, booking) == [f"contact_phone: {usable}"]


def test_nothing_personal_is_said(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    world.venue.alter(TABLES)
    world.configure(bookings=BOTH)
    pia = person(world, full_name="Secret Surname", given="Secretgiven", mobile="0777-secret")
    booking = world.venue.booking(contact_phone=None, person_id=pia)
    world.both()
    said = " ".join([*capfd.readouterr(), *changes(world, booking), str(world.gaps())])
    said += str(world.venue.sql("SELECT to_jsonb(i) FROM reconciler.intent i"))
    assert not re.search("secret", said, re.IGNORECASE)
    assert world.gaps()[str(SMS), booking] == ("unusable_data", "phone_unusable")


def test_a_large_joined_table_wants_an_index(world: World) -> None:
    world.venue.alter(TABLES)
    world.configure(bookings=BOTH)
    create = 'CREATE INDEX CONCURRENTLY ON "crm"."Attendee" ("bookingId");'

    def wanted() -> bool:
        with world.services(act=False) as services, services.store.reading() as tx:
            return create in [note.sql for note in tx.bookings.notes()]

    assert not wanted()
    world.venue.alter("""UPDATE pg_class SET reltuples = 50000 WHERE oid = 'crm."Attendee"'::regclass""")
    assert wanted()
    world.venue.sql(create.replace("CONCURRENTLY ", ""))
    world.venue.alter("""UPDATE pg_class SET reltuples = 50000 WHERE oid = 'crm."Attendee"'::regclass""")
    assert not wanted()
