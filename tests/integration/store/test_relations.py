"""What the mapped names may stand for besides plain tables: views, partitioned tables, names of any letters."""

import pytest
from reconciler_jobs import fire_drill

from reconciler.engine.explain.explanation import bookings_with_prefix, explain
from reconciler.store.drill import shadow_tables
from reconciler.wiring import assembly
from tests.support.doctor_runner import DoctorRunner
from tests.support.sandbox_world import World

VIEW = """
    CREATE VIEW bookings_seen WITH (security_invoker = true) AS SELECT * FROM private_bookings;
    GRANT SELECT ON bookings_seen TO reconciler_job
"""
PARTITIONED = """
    ALTER TABLE {name} RENAME TO {name}_old;
    CREATE TABLE {name} (LIKE {name}_old INCLUDING DEFAULTS, PRIMARY KEY (id)) PARTITION BY HASH (id);
    CREATE TABLE {name}_0 PARTITION OF {name} FOR VALUES WITH (MODULUS 3, REMAINDER 0);
    CREATE TABLE {name}_1 PARTITION OF {name} FOR VALUES WITH (MODULUS 3, REMAINDER 1);
    CREATE TABLE {name}_2 PARTITION OF {name} FOR VALUES WITH (MODULUS 3, REMAINDER 2);
    GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO venue_app;
    GRANT SELECT ON {name} TO reconciler_job, reconciler_reader;
"""
OF_BOOKINGS = """
    ALTER TABLE private_booking_sms_queue DROP CONSTRAINT IF EXISTS private_booking_sms_queue_booking_id_fkey;
""" + PARTITIONED.format(name="private_bookings") + """
    GRANT UPDATE (calendar_event_id) ON private_bookings TO reconciler_job;
"""  # fmt: skip
OF_QUEUE = (
    PARTITIONED.format(name="private_booking_sms_queue")
    + """
    GRANT INSERT, UPDATE (status, twilio_message_sid, sent_at, error_message) ON private_booking_sms_queue
        TO reconciler_job;
"""
)
BOTH = OF_BOOKINGS + OF_QUEUE


@pytest.mark.parametrize("layout", [OF_BOOKINGS, OF_QUEUE, BOTH], ids=["the bookings", "the queue", "both"])
def test_partitioned_tables_have_a_whole_life(world: World, layout: str) -> None:
    world.venue.alter(layout)
    world.venue.migrate()
    mine = {world.venue.booking() for _ in range(6)}
    world.configure(limits=", per_recipient: 9/24h")
    assert [result.repaired for result in world.both().values()] == [6, 6]
    assert set(world.states()) == mine
    writes = world.sandbox.google.writes
    world.later(minutes=10)
    for result in world.both().values():
        assert result.plan is not None
        assert (result.plan.gaps, result.plan.checked) == (0, 6)
    assert (world.sandbox.google.writes, len(world.sent_to())) == (writes, 6)
    with world.services(act=False) as services:
        (first,) = bookings_with_prefix(min(mine), 5, services)
        assert explain(first, services) is not None
    world.venue.sql("UPDATE private_bookings SET status = 'cancelled'")
    world.both(max_removals=6)
    assert world.sandbox.google.live() == []


def test_a_row_of_a_partition_that_the_application_waits_for_is_left_to_it(world: World) -> None:
    """A lock is asked for in the partition, and not in the table that it belongs to."""
    world.venue.alter(BOTH)
    booking = world.venue.booking()
    with world.venue.postgres.connect(world.venue.name, "venue_app") as connection, connection.transaction():
        connection.execute("SELECT FROM private_bookings WHERE id = %s FOR UPDATE", (booking,))
        for result in world.both().values():
            assert result.attempts == {("held", "busy"): 1}
    assert [result.repaired for result in world.both().values()] == [1, 1]


def test_the_doctor_and_the_drill_of_partitioned_tables(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.venue.alter(BOTH)
    world.venue.migrate()
    with world.services() as services:
        (result,) = fire_drill.run(services)
    assert not result.faults, result.faults
    world.venue.booking()
    said = DoctorRunner(world, monkeypatch, capsys).doctor("--json")
    assert said.messages("schema", "fail") == [], said.out


REPORT = {"texts": ", policy: report", "calendar_policy": "report"}


def test_a_view_is_read_for_a_report(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.venue.alter(VIEW)
    booking = world.venue.booking()
    world.configure(bookings=", table: bookings_seen", **REPORT)
    for result in world.both().values():
        assert result.plan is not None, result.faults
        assert (result.plan.checked, result.plan.gaps) == (1, 1)
    assert {about for _, about in world.gaps()} == {booking}
    with world.services(act=False) as services:
        assert bookings_with_prefix(booking[:8], 5, services) == [booking]
        assert explain(booking, services) is not None
    said = DoctorRunner(world, monkeypatch, capsys).doctor("--json")
    assert said.messages("schema", "fail") == [], said.out


def test_the_drill_of_a_venue_with_a_view(world: World) -> None:
    world.venue.alter(VIEW)
    world.configure(bookings=", table: bookings_seen", **REPORT)
    with world.services() as services, world.venue.database() as database:
        shadow_tables.refresh(database, assembly.application(world.settings()))
        (result,) = fire_drill.run(services)
    assert not result.faults, result.faults


def test_a_view_that_repairs_would_lock_is_named(world: World) -> None:
    world.venue.alter(VIEW)
    world.venue.booking()
    world.configure(bookings=", table: bookings_seen")
    for result in world.both().values():
        (fault,) = result.faults
        assert "public.bookings_seen is a view" in fault.seen
        assert "public.private_bookings" in fault.remedy
        assert "policy: report" in fault.remedy
    assert (world.sent_to(), world.sandbox.google.live()) == ([], [])


def test_a_view_without_the_key_is_named_and_no_column_is_offered(world: World) -> None:
    names = "SELECT attname FROM pg_attribute WHERE attrelid = 'private_bookings'::regclass AND attnum > 0"
    columns = ", ".join(name for (name,) in world.venue.sql(names) if name != "id")
    world.venue.alter(f"CREATE VIEW seen AS SELECT {columns} FROM private_bookings; GRANT SELECT ON seen TO public")
    world.configure(bookings=", table: seen", **REPORT)
    for result in world.both(act=False).values():
        (fault,) = result.faults
        assert "public.seen lacks 1 column: id" in fault.seen
        assert fault.sql == ""


HIDING = {
    "read as us, by no policy of ours": (
        (
            "CREATE VIEW seen WITH (security_invoker = true) AS SELECT * FROM private_bookings;"
            "DROP POLICY reconciler_select ON private_bookings"
        ),
        "reconciler_job",
    ),
    "read as somebody to whom policies apply": (
        (
            "CREATE VIEW seen AS SELECT * FROM private_bookings; ALTER VIEW seen OWNER TO venue_app;"
            "DROP POLICY application ON private_bookings"
        ),
        "venue_app",
    ),
    "behind another view": (
        (
            "CREATE VIEW inner_one AS SELECT * FROM private_bookings; ALTER VIEW inner_one OWNER TO venue_app; "
            "CREATE VIEW seen AS SELECT * FROM inner_one; DROP POLICY application ON private_bookings"
        ),
        "venue_app",
    ),
}


@pytest.mark.parametrize(("layout", "reader"), HIDING.values(), ids=HIDING)
def test_what_policies_hide_behind_a_view_is_named(world: World, layout: str, reader: str) -> None:
    world.venue.alter(f"{layout}; GRANT SELECT ON seen TO reconciler_job")
    world.configure(bookings=", table: seen", **REPORT)
    for result in world.both(act=False).values():
        (fault,) = result.faults
        assert f"row-level security of public.private_bookings, which public.seen reads as {reader}" in fault.seen
        assert fault.blinds


def test_a_reader_whose_policy_shows_every_row_hides_none(world: World) -> None:
    world.venue.alter("CREATE VIEW seen AS SELECT * FROM private_bookings; ALTER VIEW seen OWNER TO venue_app")
    world.venue.alter("GRANT SELECT ON seen TO reconciler_job")
    world.venue.booking()
    world.configure(bookings=", table: seen", **REPORT)
    assert [result.faults for result in world.both(act=False).values()] == [(), ()]


@pytest.mark.parametrize("kind", ["MATERIALIZED VIEW", "VIEW"])
def test_a_materialized_view_shows_what_was(world: World, kind: str) -> None:
    world.venue.alter(f"CREATE {kind} seen AS SELECT * FROM private_bookings; GRANT SELECT ON seen TO public")
    world.configure(bookings=", table: seen", **REPORT)
    for result in world.both(act=False).values():
        codes = [fault.code for fault in result.faults]
        assert codes == (["table_missing"] if kind == "MATERIALIZED VIEW" else [])


QUOTED = """
    ALTER TABLE private_bookings RENAME TO "Booking Table";
    ALTER TABLE "Booking Table" RENAME id TO "Id";
    ALTER TABLE "Booking Table" RENAME status TO "state: now";
    ALTER TABLE "Booking Table" RENAME calendar_event_id TO "eventId%";
    ALTER TABLE "Booking Table" RENAME customer_name TO "select";
    ALTER TABLE "Booking Table" ADD "Code""No" text;
    ALTER TABLE private_booking_sms_queue RENAME TO "SmsQueue";
    ALTER TABLE "SmsQueue" RENAME booking_id TO "bookingId";
    ALTER TABLE "SmsQueue" RENAME status TO "Status";
    DROP TRIGGER private_bookings_keep ON "Booking Table";
"""
NAMES = """, table: 'public."Booking Table"', reference: 'Code"No',
    columns: {id: Id, status: 'state: now', event_id: 'eventId%', name: select}"""


def test_names_of_any_letters_have_a_whole_life(world: World) -> None:
    booking = world.venue.booking()
    world.venue.alter(QUOTED)
    world.venue.sql("""UPDATE "Booking Table" SET "Code""No" = 'B-2026-0042'""")
    world.configure(
        bookings=NAMES,
        texts=""", queue: {table: 'public."SmsQueue"', columns: {booking_id: bookingId, status: Status}}""",
    )
    with world.venue.database() as database:
        shadow_tables.refresh(database, assembly.application(world.settings()))
    assert [result.repaired for result in world.both().values()] == [1, 1]
    assert world.states() == {booking: "done"}
    for result in world.both().values():
        assert result.plan is not None
        assert (result.plan.gaps, result.plan.checked) == (0, 1)
    with world.services(act=False) as services:
        assert bookings_with_prefix("B-2026-0042", 5, services) == [booking]
        (result,) = fire_drill.run(services)
    assert not result.faults, result.faults
    world.venue.sql("""UPDATE "Booking Table" SET "state: now" = 'cancelled'""")
    world.both(max_removals=1)
    assert world.sandbox.google.live() == []
