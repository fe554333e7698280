"""How PostgreSQL reads what a scan asks: the bookings once, and the queue by a hash where many bookings are left."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, event

from reconciler.domain.bookings import BookingId
from reconciler.domain.gaps import Cause, GapKind
from reconciler.ports import NewGap
from tests.support.application_db import Venue
from tests.support.sandbox_world import World

FILLED = """
    INSERT INTO private_bookings (id, customer_name, event_date, start_time, status, contact_phone, calendar_event_id,
                                  created_at)
    SELECT md5(n::text)::uuid, 'Ana Lima', DATE '{day}' + 10, '19:30', 'confirmed', '+447700900101', 'app' || n,
           TIMESTAMPTZ '{now}' - n * interval '10 days' / {bookings} FROM generate_series(1, {bookings}) n;
    INSERT INTO private_booking_sms_queue (booking_id, trigger_type, template_key, scheduled_for, message_body,
                                           customer_phone, customer_name, status, created_at)
    SELECT id, 'booking_confirmed', 'confirmed', created_at, 'Hi', contact_phone, customer_name, 'sent', created_at
    FROM private_bookings;
    ANALYZE
"""


@dataclass(frozen=True)
class Sent:
    """One statement that reads, and what the planner was forbidden before it."""

    sql: str
    values: Any
    no_loops: bool


@contextmanager
def sent(verb: str = "SELECT", table: str = "private_bookings") -> Iterator[list[Sent]]:
    seen: list[Sent] = []
    no_loops = False

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        nonlocal no_loops
        if "enable_nestloop" in statement:
            no_loops = "off" in statement
        elif table in statement and statement.lstrip().startswith(verb):
            seen.append(Sent(statement, parameters, no_loops))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def plans(venue: Venue, statements: Sequence[Sent]) -> list[list[dict[str, Any]]]:
    """The nodes of each plan."""
    with (
        venue.postgres.connect(venue.name, "reconciler_job") as connection,
        psycopg.ClientCursor(connection) as cursor,
    ):
        found = []
        for one in statements:
            cursor.execute(f"SET enable_nestloop = {'off' if one.no_loops else 'on'}")
            cursor.execute("EXPLAIN (FORMAT JSON) " + one.sql, one.values)
            ((plan,),) = cursor.fetchall()
            found.append(list(_nodes(plan[0]["Plan"])))
        return found


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def filled(world: World, bookings: int) -> Venue:
    """Days of bookings, all ahead and all texted."""
    world.venue.alter(FILLED.format(day=world.venue.now.date(), now=world.venue.now, bookings=bookings))
    return world.venue


def scanned(world: World) -> list[Sent]:
    with sent() as seen:
        world.once(act=False)
    return [one for one in seen if any(word in one.sql for word in ("weight", "made"))]


def about_missing_texts(statements: Sequence[Sent]) -> list[Sent]:
    """Those that join the bookings with the texts they may have."""
    return [one for one in statements if "made" in one.sql and "NOT (EXISTS" in one.sql]


@pytest.mark.parametrize("indexed", [True, False])
def test_no_statement_of_a_scan_asks_the_queue_once_for_each_booking(world: World, indexed: bool) -> None:
    venue = filled(world, 20_000)
    if not indexed:
        venue.alter("DROP INDEX private_booking_sms_queue_booking")
    statements = scanned(world)
    assert len(statements) >= 4
    seen = plans(venue, statements)
    for one, plan in zip(statements, seen, strict=True):
        assert not [node for node in plan if node.get("Parent Relationship") == "SubPlan"], one.sql
    joins = {
        node["Node Type"] for plan in seen for node in plan if node.get("Join Type") in ("Anti", "Right Anti", "Semi")
    }
    assert joins
    assert "Nested Loop" not in joins, joins


FEW_LEFT = "UPDATE private_bookings SET status = 'cancelled' WHERE left(id::text, 2) <> '00'; ANALYZE"


def test_few_bookings_are_looked_up_by_the_index_of_a_large_queue(world: World) -> None:
    venue = filled(world, 20_000)
    venue.alter(FEW_LEFT)
    (asked,) = about_missing_texts(scanned(world))
    assert not asked.no_loops
    (plan,) = plans(venue, [asked])
    assert "private_booking_sms_queue_booking" in {node.get("Index Name") for node in plan}


def test_a_lookup_is_priced_as_one_in_memory_and_nothing_after_it(world: World) -> None:
    """Else the planner reads the whole queue for a few thousand bookings, as if each lookup moved a disk's arm."""
    venue = filled(world, 2_000)
    venue.alter(FEW_LEFT)
    with sent(verb="", table="") as seen:
        world.once(act=False)
    order = [one.sql for one in seen]
    (asked,) = (order.index(one.sql) for one in about_missing_texts(seen))
    assert "random_page_cost = 1.1" in order[asked - 1]
    assert "random_page_cost TO DEFAULT" in order[asked + 1]


def test_a_window_in_which_every_moment_is_known_is_only_read(world: World) -> None:
    venue = filled(world, 300)
    now, window = venue.now, venue.now - timedelta(days=14)

    def written() -> int:
        with sent(verb="", table=".due") as seen, world.services() as services, services.store.writing() as tx:
            tx.moments.note(GapKind.SMS_MISSING, now, window)
        return sum(one.sql.startswith(("DELETE", "INSERT")) for one in seen)

    assert written() == 2
    assert written() == 0
    venue.sql("UPDATE reconciler.due SET due_at = due_at + interval '1 year' WHERE booking < '1'")
    assert written() == 2
    assert venue.sql("SELECT count(*)::int, max(due_at) <= now() FROM reconciler.due") == [(300, True)]
    assert written() == 0


@pytest.mark.parametrize(
    "index", ["", "CREATE INDEX ON private_booking_sms_queue (booking_id) WHERE status = 'pending'"], ids=["no", "part"]
)
def test_few_bookings_are_hashed_where_no_index_finds_their_rows(world: World, index: str) -> None:
    venue = filled(world, 20_000)
    venue.alter(f"DROP INDEX private_booking_sms_queue_booking; {index}")
    venue.alter(FEW_LEFT)
    (asked,) = about_missing_texts(scanned(world))
    assert asked.no_loops


def test_the_counts_are_grouped_by_what_the_planner_knows(world: World) -> None:
    """Else it expects a group for each booking, and sorts them all."""
    venue = filled(world, 20_000)
    counted = [one for one in scanned(world) if "AS weight" in one.sql]
    assert len(counted) >= 2
    for plan in plans(venue, counted):
        assert plan[0]["Plan Rows"] < 1000
        assert max((node["Plan Rows"] for node in plan if node["Node Type"] == "Sort"), default=0) < 1000


def test_the_planner_knows_of_many_new_moments_at_once(world: World) -> None:
    """Else the next pass reads all moments once for each booking, until autovacuum comes."""
    venue = filled(world, 300)
    venue.sql("ANALYZE reconciler.due")
    world.texts()
    ((known, there),) = venue.sql(
        "SELECT (SELECT reltuples::int FROM pg_class WHERE oid = 'reconciler.due'::regclass),"
        " (SELECT count(*)::int FROM reconciler.due)"
    )
    assert known == there > 100


@pytest.mark.parametrize("verb", ["INSERT", "UPDATE"])
def test_many_gaps_at_once_are_joined_by_a_hash(world: World, verb: str) -> None:
    """The planner believes that a table which grew a moment ago is empty, and would read all of it for each gap."""
    found = {BookingId(f"booking {number}"): NewGap(cause=Cause.NEVER_QUEUED, reason="") for number in range(3000)}
    now, kind = world.venue.now, GapKind.SMS_MISSING
    with world.services() as services, services.store.writing() as tx:
        tx.gaps.record_all(kind, found, now)
        with sent(verb, "reconciler.gap") as statements:
            tx.gaps.record_all(kind, found, now)
            tx.gaps.close_all(kind, dict.fromkeys(found, "no_text"), now)
    (plan,) = plans(world.venue, [one for one in statements if "unnest" in one.sql])
    assert "Nested Loop" not in {node["Node Type"] for node in plan}
    assert world.gaps() == {}
