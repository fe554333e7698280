"""A scan that one statement cannot read within its timeout reads the bookings in parts, and says so."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from threading import Thread

import pytest

from reconciler.cli.output import ResultPrinter
from reconciler.domain.decide.breaker import DEMAND_DAYS
from reconciler.domain.decide.plan import EVERYTHING
from reconciler.domain.gaps import GapKind
from reconciler.engine.jobs import perform
from reconciler.engine.reconcile.results import PassResult
from tests.integration.store.test_plans import FILLED, sent
from tests.support.sandbox_world import World

pytestmark = pytest.mark.one_server

BOOKINGS, GAPS = 200, 7
SLOW = """
    CREATE TYPE standing AS ENUM ('draft', 'confirmed', 'completed', 'cancelled');
    CREATE FUNCTION slow(said standing) RETURNS text LANGUAGE plpgsql AS
        $$BEGIN PERFORM pg_catalog.pg_sleep(0.002); RETURN pg_catalog.enum_out(said); END$$;
    CREATE CAST (standing AS text) WITH FUNCTION slow (standing);
    ALTER TABLE private_bookings DROP CONSTRAINT private_bookings_status_check, ALTER status DROP DEFAULT,
        ALTER status TYPE standing USING status::standing
"""
"""To read a booking's status takes two milliseconds, and a statement does it several times."""
SMS = GapKind.SMS_MISSING
KEYS = {
    "uuid": "",
    "text": "id::text",
    "bigint": "('x' || left(id::text, 8))::bit(32)::bigint",
}
OTHERS = {
    "never analyzed": "UPDATE pg_class SET reltuples = -1 WHERE oid = 'private_bookings'::regclass",
    "mixed case": """
        ALTER TABLE private_bookings ALTER id TYPE text COLLATE "POSIX"
            USING CASE WHEN id::text < '8' THEN upper(id::text) ELSE id::text END""",
    "partitions": """
        ALTER TABLE private_bookings RENAME TO old;
        CREATE TABLE private_bookings (LIKE old INCLUDING DEFAULTS) PARTITION BY HASH (id);
        CREATE TABLE one PARTITION OF private_bookings FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE two PARTITION OF private_bookings FOR VALUES WITH (MODULUS 2, REMAINDER 1);
        INSERT INTO private_bookings SELECT * FROM old;
        GRANT SELECT ON private_bookings TO reconciler_job""",
}


def filled(world: World, key: str = "uuid") -> None:
    venue = world.venue
    venue.alter(FILLED.format(day=venue.now.date(), now=venue.now, bookings=BOOKINGS))
    rows = f"SELECT id FROM private_bookings ORDER BY md5(id::text) LIMIT {GAPS}"
    venue.sql(f"DELETE FROM private_booking_sms_queue WHERE booking_id IN ({rows})")
    venue.sql(f"UPDATE private_bookings SET calendar_event_id = NULL WHERE id IN ({rows})")
    if KEYS[key]:
        _change_keys(world, KEYS[key])
    world.configure(limits=", timeouts: {sql: 350ms}")


def _drop_foreign_keys(world: World) -> None:
    constraints = world.venue.sql(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE confrelid = 'private_bookings'::regclass"
    )
    for table, name in constraints:
        world.venue.alter(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    world.venue.alter("ALTER TABLE private_bookings ALTER id DROP DEFAULT")


def _change_keys(world: World, expression: str) -> None:
    kind = "text" if "bit" not in expression else "bigint"
    _drop_foreign_keys(world)
    world.venue.alter(f"ALTER TABLE private_bookings ALTER id TYPE {kind} USING {expression}")
    booking = expression.replace("id::", "booking_id::")
    world.venue.alter(f"ALTER TABLE private_booking_sms_queue ALTER booking_id TYPE {kind} USING {booking}")


def seen_by(results: Mapping[GapKind, PassResult]) -> dict[GapKind, tuple[object, ...]]:
    found: dict[GapKind, tuple[object, ...]] = {}
    for kind, result in results.items():
        assert result.plan is not None, result.faults
        found[kind] = (result.plan.checked, result.plan.by_condition, result.plan.decided, result.faults)
    return found


@pytest.mark.parametrize("number", [2, 8, 30])
@pytest.mark.parametrize("key", KEYS)
def test_the_parts_together_are_the_whole(world: World, key: str, number: int) -> None:
    filled(world, key)
    now, since = world.venue.now, world.venue.now - timedelta(days=100)
    with world.services(act=False) as services, services.store.reading() as tx:
        whole, in_parts = (tx.bookings.scan(SMS, now, since, parts=parts) for parts in (1, number))
    assert (whole.checked, len(whole.broken), whole.parts) == (BOOKINGS, GAPS, 1)
    assert 2 <= in_parts.parts <= number
    assert replace(in_parts, parts=1) == whole


def test_what_a_pass_asks_besides_is_the_same_in_parts(world: World) -> None:
    """Where the scan needed parts, no statement tries the whole table first."""
    filled(world)
    world.venue.sql("UPDATE private_bookings SET event_date = event_date - 1000 WHERE id::text < '8'")
    now, since = world.venue.now, world.venue.now - timedelta(days=100)
    with world.services(act=False) as services, services.store.reading() as tx:
        past = [tx.bookings.past(SMS, now, since, EVERYTHING, parts) for parts in (1, 8)]
        demand = [tx.bookings.demand(SMS, now, DEMAND_DAYS, parts) for parts in (1, 8)]
    assert past[0] == past[1] > 0
    assert demand[0] == demand[1]
    assert demand[0].busiest_day > 1


@pytest.mark.parametrize("other", OTHERS)
def test_tables_of_another_kind_are_split_as_well(world: World, other: str) -> None:
    filled(world)
    _drop_foreign_keys(world)
    world.venue.alter(OTHERS[other])
    kind, now, since = GapKind.CALENDAR_MISSING, world.venue.now, world.venue.now - timedelta(days=100)
    with world.services(act=False) as services, services.store.reading() as tx:
        whole, in_parts = (tx.bookings.scan(kind, now, since, parts=parts) for parts in (1, 8))
    assert (whole.checked, len(whole.broken), in_parts.parts) == (BOOKINGS, GAPS, 8)
    assert replace(in_parts, parts=1) == whole


def test_a_scan_that_outlasts_its_timeout_finds_the_same(world: World) -> None:
    filled(world)
    whole = world.both(act=False)
    assert parts(whole.values()) == [1, 1]
    world.venue.alter(SLOW)
    in_parts = world.both(act=False)
    assert seen_by(in_parts) == seen_by(whole)
    assert min(parts(in_parts.values())) > 3


def parts(results: Iterable[PassResult]) -> list[int]:
    return [result.scan_parts for result in results]


def test_the_next_full_scan_begins_with_the_parts_that_the_last_one_needed(world: World) -> None:
    filled(world)
    world.venue.alter(SLOW)
    first = world.events()
    needed = world.venue.sql("SELECT (counts->>'scan_parts')::int FROM reconciler.run")
    assert needed == [(first.scan_parts,)]
    assert first.scan_parts > 3
    world.venue.sql("UPDATE reconciler.run SET settings = 'others'")  # so that everything is scanned again
    with sent() as statements:
        assert world.events().scan_parts >= first.scan_parts, "more where the machine is busier"
    counting = [one.sql for one in statements if "AS weight" in one.sql]
    assert len(counting) >= first.scan_parts
    assert [sql for sql in counting if not re.search(r'"id" (<=|>) ', sql)] == [], "it began with all of them at once"


@pytest.mark.parametrize("parts", [1, 8, 60])
def test_due_moments_are_kept_in_parts(world: World, parts: int) -> None:
    filled(world)
    now, kept = world.venue.now, "SELECT booking, due_at FROM reconciler.due ORDER BY booking"
    world.venue.sql("UPDATE private_bookings SET event_date = DATE '2020-02-02' WHERE id::text < '8'")
    with world.services() as services, services.store.writing() as tx:
        tx.moments.note(SMS, now, None, parts)
    ahead = world.venue.sql("SELECT id::text FROM private_bookings WHERE id::text >= '8' ORDER BY 1")
    assert [booking for booking, _ in world.venue.sql(kept)] == [booking for (booking,) in ahead]
    world.venue.sql("UPDATE private_bookings SET event_date = DATE '2020-02-02' WHERE id::text < 'c'")
    world.venue.sql("UPDATE reconciler.due SET due_at = due_at + interval '1 year' WHERE booking > 'e'")
    with world.services() as services, services.store.writing() as tx:
        tx.moments.note(SMS, now, None, parts)
    seen = dict(world.venue.sql(kept))
    assert sorted(seen) == [booking for (booking,) in ahead if booking >= "c"]
    assert max(seen.values()) <= now


def test_the_terminal_says_so(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    filled(world)
    world.venue.alter(SLOW)
    with world.services(act=False) as services:
        ResultPrinter(services).show(perform("calendar_missing", services))
    said = capsys.readouterr().out
    assert re.search(r"events: the bookings were read in \d+ parts; one statement would have taken longer than", said)


def test_what_an_administrator_cancels_is_not_sent_again(world: World) -> None:
    filled(world)
    world.venue.alter(SLOW)
    world.configure(limits=", timeouts: {sql: 1m}")
    found: list[PassResult] = []
    scanning = Thread(target=lambda: found.extend(world.once(jobs=("calendar_missing",), act=False).values()))
    scanning.start()
    cancel = (
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE '%count(%' AND wait_event = 'PgSleep'"
    )
    world.wait_for(lambda: bool(world.venue.sql(cancel)))
    scanning.join(30)
    (result,) = found
    assert result.unscanned
    assert result.faults
