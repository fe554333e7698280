"""``reconciler grants``: with exactly what it prints every job does its work; without any line of it that is told."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from reconciler.cli.commands.grants import command
from reconciler.domain.decide.verdicts import VerdictStatus
from reconciler.domain.gaps import Effect, GapKind
from reconciler.engine.explain import explanation
from reconciler.errors import DatabaseDisagrees, Exit
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.postgres import PostgresServer
from reconciler.sandbox.world import Sandbox
from reconciler.settings import Need, load
from reconciler.store.views.status import status_snapshot
from reconciler.wiring import assembly
from tests.conftest import TEMPLATE
from tests.support.application_db import ANA, BEA, LONDON, Venue
from tests.support.clock import StandingClock
from tests.support.restricted_database import OWNER, closed_venue, migrate_as_owner
from tests.support.sandbox_world import World

QUEUE, BOOKINGS = "private_booking_sms_queue", "private_bookings"
SMS, CALENDAR = GapKind.SMS_MISSING, GapKind.CALENDAR_MISSING
EXAMPLE = str(Path(__file__).parents[3] / "cron.yaml")
GRANTED = re.compile(r"^ *(GRANT|CREATE POLICY|ALTER DEFAULT)[^;]*;", re.MULTILINE)
"""A statement that gives something."""


@contextmanager
def world_of(venue: Venue, role: str) -> Iterator[World]:
    """The venue yesterday at noon (retention goes by the database's clock too), with passes of ``role``."""
    noon = datetime.now(LONDON).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
    clock = StandingClock(noon)
    venue.now = noon
    with Sandbox(postgres=venue.postgres, database=venue.name, now=clock.now, bookings=()) as sandbox:
        yield World(venue, sandbox, clock, environment={"DATABASE_URL": venue.url(role)})


@pytest.fixture(scope="module")
def closed(postgres: PostgresServer) -> Iterator[tuple[Venue, str]]:
    """Granted first, migrated afterwards; ``bare`` and ``apply`` are the other way round."""
    with closed_venue(postgres, TEMPLATE, "venue_closed") as (venue, role):
        with world_of(venue, role) as world:
            apply(world)
        migrate_as_owner(venue)
        yield venue, role


@pytest.fixture
def world(closed: tuple[Venue, str]) -> Iterator[World]:
    """The closed venue with all that is printed for the defaults."""
    venue, role = closed
    with world_of(venue, role) as world:
        apply(world)
        yield world
        venue.empty()


def test_for_the_role_of_database_url_unless_another_is_named(closed: tuple[Venue, str]) -> None:
    venue, role = closed
    for options, url, named in (
        ((), venue.url(role), role),
        (("--role", "Other One"), venue.url(role), "Other One"),
        ((), "", "reconciler_job"),
    ):
        ran = CliRunner().invoke(command, options, env={"DATABASE_URL": url, "RECONCILER_CONFIG": EXAMPLE})
        assert set(re.findall(' TO "(.*?)"', ran.output)) == {named}


def role_of(world: World) -> str:
    return world.settings().environment.database_user or ""


def printed(world: World, *, read_only: bool = False) -> str:
    return assembly.grants(world.settings(), role_of(world), read_only=read_only)


def apply(world: World) -> str:
    script = printed(world)
    world.venue.sql(script, role=OWNER)
    return script


def given(script: str) -> list[str]:
    return [found[0].strip() for found in GRANTED.finditer(script)]


def named(statement: str) -> str:
    """What it gives: ``GRANT SELECT queue``."""
    what, privilege, on = re.findall(
        r"^(GRANT|CREATE POLICY) \W?([A-Za-z]+).* ON .*?(\w+)\W* (?:TO|FOR)", statement, re.S
    )[0]
    return f"{what} {privilege} {on.rpartition('_')[2]}"


def taken_back(statement: str) -> str:
    """What undoes a statement that gives something."""
    if statement.startswith("CREATE POLICY"):
        return re.sub(r"^CREATE (POLICY .*? ON .*?) FOR .*", r"DROP \1", statement)
    return re.sub(r"(.*)\bGRANT (.*) TO (.*)", r"\1REVOKE \2 FROM \3", statement, flags=re.DOTALL)


# With it everything works


def play(world: World, *, texts_from: str = "twilio") -> None:
    """What a venue meets: gaps, lost answers, texts stuck or unproven, a party called off in between, an old ledger."""
    lacks = world.venue.booking()
    clean = world.once()
    assert {kind: (result.faults, result.exit_code) for kind, result in clean.items()} == dict.fromkeys(
        clean, ((), Exit.AS_DESIRED)
    )
    assert world.venue.stored_event(lacks)
    for fault in (Misbehaviour.LOSE, Misbehaviour.DROP) if texts_from == "twilio" else ():
        lost = world.venue.booking(contact_phone=BEA, calendar_event_id="there", status="draft")
        world.sandbox.twilio.faults.next_calls("messages.create", Fault(kind=fault))
        world.once()
        assert world.states()[lost] == "unknown"
        if fault is Misbehaviour.DROP:
            world.venue.sql(f"UPDATE {BOOKINGS} SET status = 'cancelled' WHERE id = %s", lost)
        world.settle_time_is_over()
        world.once(jobs=("unsettled_repairs",))
    settled = {"unknown", "done", "dropped"} if texts_from == "twilio" else {"done"}
    assert set(world.states().values()) <= settled
    hours_ago = world.venue.now - timedelta(hours=6)
    fine = world.venue.booking(calendar_event_id="there", created_at=hours_ago)
    world.venue.text(fine, status="approved", scheduled_for=hours_ago, twilio_message_sid=None)
    world.venue.text(fine, sent_at=hours_ago, twilio_message_sid=None)
    found = world.once()
    assert [found[kind].needs_human for kind in (GapKind.SMS_STUCK, GapKind.SMS_UNPROVEN)] == [1, 1]
    assert all(result.faults == () for result in found.values())
    world.venue.sql(f"UPDATE {BOOKINGS} SET event_date = '2020-01-01'")
    world.venue.sql("UPDATE reconciler.intent SET updated_at = updated_at - interval '500 days'")
    world.venue.sql("UPDATE reconciler.run SET started_at = started_at - interval '500 days'")
    before = len(world.intents())
    world.once()
    assert len(world.intents()) < before, "the ledger forgets"


def scan_once(world: World) -> None:
    """By hand: once, explain, status."""
    booking = world.venue.booking()
    for result in world.once(act=False).values():
        assert (result.faults, result.has_scan) == ((), True)
    with world.services(act=False) as services:
        explained = explanation.explain(booking, services)
        assert explained
        assert {rule.verdict.status for rule in explained.rules if rule.kind in (SMS, CALENDAR)} == {
            VerdictStatus.REPAIRABLE
        }
    with assembly.database(world.settings()) as database:
        status_snapshot(database)


def test_every_job_does_its_work_with_row_level_security_on(world: World) -> None:
    scan_once(world)
    play(world)


def test_where_the_application_sends(world: World) -> None:
    bare(world)
    world.configure(texts=", deliver: application")
    script = apply(world)
    assert "GRANT UPDATE" not in script.partition(QUEUE)[2].partition("customers")[0]
    play(world, texts_from="application")


def test_without_customers_and_with_rules_off(world: World) -> None:
    bare(world)
    world.configure(bookings=", customers: off", calendar_policy="off", rules="  sms.stuck: {policy: off}")
    assert "customers" not in apply(world)
    booking = world.venue.booking()
    assert world.once()[SMS].repaired == 1
    assert world.venue.stored_event(booking) is None


def test_where_only_events_are_asked_for_the_queue_is_left_alone(world: World) -> None:
    bare(world)
    off = "{policy: off}"
    world.configure(texts=", policy: off", rules=f"  sms.stuck: {off}\n  sms.unproven: {off}")
    assert QUEUE not in apply(world)
    booking = world.venue.booking()
    assert world.once()[CALENDAR].repaired == 1
    assert world.venue.stored_event(booking)


def test_where_we_only_report_nothing_of_the_application_s_may_be_written(world: World) -> None:
    bare(world)
    world.configure(more="repairs: report")
    script = apply(world)
    assert not re.search("INSERT|UPDATE", script.partition("-- Our own schema")[0])
    world.venue.booking()
    assert {result.exit_code for result in world.once().values()} <= {Exit.AS_DESIRED, Exit.NEEDS_A_HUMAN}
    assert set(world.gaps().values()) == {("never_queued", "policy"), ("never_created", "policy")}


def test_read_only_is_enough_for_looking_and_for_nothing_else(world: World) -> None:
    bare(world)
    world.venue.sql(printed(world, read_only=True), role=OWNER)
    scan_once(world)
    with pytest.raises(DatabaseDisagrees, match="may not DELETE and INSERT and UPDATE in it"):
        world.once()


def test_a_second_role_takes_nothing_from_the_first(world: World) -> None:
    world.venue.sql(assembly.grants(world.settings(), "reconciler_reader", read_only=True), role=OWNER)
    world.venue.booking()
    assert {result.faults for result in world.once().values()} == {()}


def bare(world: World) -> None:
    """The role has nothing any more."""
    world.venue.sql(f"DROP OWNED BY {sql_name(world)}")


# Without any line of it


def lines() -> list[str]:
    """All that is given for the defaults, to a role named so."""
    settings = load(Path(EXAMPLE), {}, Need.FILE)
    return given(assembly.grants(settings, "Job_venue_closed"))


OURS, THEIRS = ([line for line in lines() if ("SCHEMA reconciler" in line) is ours] for ours in (True, False))


ALL_THE_WAY = ("GRANT INSERT", "CREATE POLICY select queue")
"""These in `make test`, the others in `make test-long`: each of them is at least noticed in the former."""


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(
            line,
            id=named(line),
            marks=[] if named(line).startswith(ALL_THE_WAY) else [pytest.mark.long],
        )
        for line in THEIRS
    ],
)
def test_a_line_that_is_missing_is_told_with_the_sql_that_gives_it(world: World, line: str) -> None:
    booking = world.venue.booking()
    before = world.venue.checksum()
    world.venue.sql(taken_back(line), role=OWNER)
    blocked = [result for result in world.once().values() if result.faults]
    faults = list(dict.fromkeys(fault for result in blocked for fault in result.faults))
    assert {fault.kind for fault in faults} == {GapKind.INTEGRATION_SCHEMA}
    assert all(result.exit_code is Exit.NEEDS_A_HUMAN and not result.repaired for result in blocked)
    what = re.match(r"(?:GRANT|CREATE POLICY \S+ ON \S+ FOR) (\w+)", line)[1]  # type: ignore[index]
    assert any(("use" if what == "USAGE" else what) in fault.seen for fault in faults)
    assert world.sent_to() == []
    assert world.venue.checksum().split("-")[2] == before.split("-")[2], "the queue is untouched"
    for fault in faults:
        world.venue.sql(fault.sql, role=OWNER)
    world.once()
    assert (world.sent_to(), world.gaps()) == ([ANA], {})
    assert world.venue.stored_event(booking)


def test_each_line_is_noticed_by_what_it_is_for(world: World) -> None:
    with world.services() as services:
        for line in THEIRS:
            world.venue.sql(taken_back(line), role=OWNER)
            with services.store.reading() as tx:
                alerted = {fault for effect in Effect for fault in tx.bookings.effect_faults(effect, writing=True)}
            assert alerted, line
            for fault in alerted:
                world.venue.sql(fault.sql, role=OWNER)
            with services.store.reading() as tx:
                assert [
                    fault for effect in Effect for fault in tx.bookings.effect_faults(effect, writing=True)
                ] == [], line


def let_its_owner_run(world: World, what: str) -> None:
    """A pass says what our role may not; then its owner runs what it says."""
    with pytest.raises(DatabaseDisagrees, match=what) as alerted:
        world.once()
    world.venue.sql(alerted.value.advice.removeprefix("let its owner run: "), role=OWNER)


@pytest.mark.parametrize(
    ("taken", "what"),
    [
        (taken_back(OURS[0]), "may not use it"),
        (taken_back(OURS[1]), "may not use it"),
        ('REVOKE DELETE, INSERT ON reconciler.gap FROM "Job_venue_closed"', "may not DELETE and INSERT in it"),
    ],
    ids=["schema", "tables", "one table"],
)
def test_without_a_right_in_our_own_schema_nothing_is_begun(world: World, taken: str, what: str) -> None:
    booking = world.venue.booking()
    world.venue.sql(taken, role=OWNER)
    let_its_owner_run(world, what)
    assert (world.sent_to(), world.venue.stored_event(booking)) == ([], None)
    world.both()
    assert (len(world.sent_to()), bool(world.venue.stored_event(booking))) == (1, True)


def test_tables_of_a_later_version(world: World) -> None:
    try:
        world.venue.sql("CREATE TABLE reconciler.later ()", role=OWNER)
        world.once()
        world.venue.sql(taken_back(OURS[2]), role=OWNER)
        world.venue.sql("CREATE TABLE reconciler.later_still ()", role=OWNER)
        let_its_owner_run(world, "may not DELETE and INSERT and SELECT and UPDATE in it")
        world.once()
    finally:
        world.venue.sql("DROP TABLE IF EXISTS reconciler.later, reconciler.later_still")


def test_row_level_security_in_our_own_schema_is_not_taken_for_an_empty_ledger(world: World) -> None:
    """As hosted databases switch it on for every new table."""
    world.venue.booking()
    world.once()
    world.venue.sql("ALTER TABLE reconciler.intent ENABLE ROW LEVEL SECURITY", role=OWNER)
    world.venue.sql(f"DELETE FROM {QUEUE}")
    let_its_owner_run(world, "row-level security hides rows of our own schema")
    world.once()
    assert world.sent_to() == [ANA]


def test_names_that_must_be_quoted(world: World) -> None:
    booking = world.venue.booking()
    table = '"Venue Data"."Bookings ""live"""'
    renamed = (
        'CREATE SCHEMA "Venue Data" AUTHORIZATION venue_owner; ALTER TABLE private_bookings SET SCHEMA "Venue Data"',
        'ALTER TABLE "Venue Data".private_bookings RENAME TO "Bookings ""live"""',
        f'ALTER TABLE {table} RENAME status TO "Status"; ALTER TABLE {table} RENAME calendar_event_id TO "order"',
    )
    back = (
        f'ALTER TABLE {table} RENAME "order" TO calendar_event_id; ALTER TABLE {table} RENAME "Status" TO status',
        f"ALTER TABLE {table} RENAME TO private_bookings",
        'ALTER TABLE "Venue Data".private_bookings SET SCHEMA public; DROP SCHEMA "Venue Data"',
    )
    bare(world)
    world.configure(bookings=f", table: '{table}', columns: {{status: Status, event_id: order}}")
    world.venue.sql("; ".join(renamed))
    try:
        apply(world)
        assert {result.faults for result in world.once().values()} == {()}
    finally:
        world.venue.sql("; ".join(back))
    assert (world.sent_to(), bool(world.venue.stored_event(booking))) == ([ANA], True)


def test_doctor_may_try_out_a_row_in_its_last_state(world: World) -> None:
    booking = world.venue.booking()
    inserted = re.search(r"GRANT INSERT \(([^)]*)\)", printed(world))
    assert inserted
    values = {
        "id": "gen_random_uuid()",
        "booking_id": f"'{booking}'",
        "trigger_type": "'booking_created'",
        "status": "'sent'",
        **dict.fromkeys(("sent_at", "scheduled_for", "created_at"), "now()"),
    }
    columns = re.findall('"(.*?)"', inserted[1])
    assert {"sent_at", "twilio_message_sid"} < set(columns)
    filled = ", ".join(values.get(column, "'x'") for column in columns)
    world.venue.sql(f"INSERT INTO {QUEUE} ({', '.join(columns)}) VALUES ({filled})", role=role_of(world))
    assert [row["status"] for row in world.venue.rows(QUEUE)] == ["sent"]


def sql_name(world: World) -> str:
    return f'"{role_of(world)}"'


# And nothing else

REFUSED = {
    "another column of a booking": f"UPDATE {BOOKINGS} SET status = 'cancelled'",
    "a booking's number": f"UPDATE {BOOKINGS} SET contact_phone = '+447700900999'",
    "a new booking": f"INSERT INTO {BOOKINGS} (id) VALUES (gen_random_uuid())",
    "a booking less": f"DELETE FROM {BOOKINGS}",
    "all bookings": f"TRUNCATE {BOOKINGS} CASCADE",
    "a text less": f"DELETE FROM {QUEUE}",
    "a text's wording": f"UPDATE {QUEUE} SET message_body = 'x'",
    "a text's number": f"UPDATE {QUEUE} SET customer_phone = 'x'",
    "a person's decision": f"UPDATE {QUEUE} SET approved_by = gen_random_uuid()",
    "a customer's consent": "UPDATE customers SET sms_opt_in = true",
    "a customer's other columns": "SELECT * FROM customers",
    "a customer less": "DELETE FROM customers",
    "the table": f"ALTER TABLE {QUEUE} ADD COLUMN more text",
    "the policies": f"CREATE POLICY more ON {QUEUE} USING (true)",
    "security off": f"ALTER TABLE {QUEUE} DISABLE ROW LEVEL SECURITY",
    "a trigger": f"CREATE TRIGGER t AFTER INSERT ON {QUEUE} EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "a table beside": "CREATE TABLE public.more (id integer)",
    "another role": f"SET ROLE {OWNER}",
}


@pytest.mark.parametrize("statement", REFUSED.values(), ids=REFUSED.keys())
def test_the_role_may_do_nothing_else(world: World, statement: str) -> None:
    world.venue.text(world.venue.booking())
    before = world.venue.checksum()
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        world.venue.sql(statement, role=role_of(world))
    assert world.venue.checksum() == before


@pytest.mark.parametrize("status", ["pending", "approved", "sent", "cancelled", "failed"])
@pytest.mark.parametrize("error", [None, "refused by Twilio", "not reconciler: mine", "RECONCILER: mine"])
def test_e3_the_role_marks_no_row_of_the_application_s(world: World, status: str, error: str | None) -> None:
    world.venue.text(world.venue.booking(), status=status, error_message=error)
    before = world.venue.checksum()
    for marked in ("status = 'sent'", "error_message = 'reconciler: '", "twilio_message_sid = NULL", "sent_at = now()"):
        assert world.venue.sql(f"UPDATE {QUEUE} SET {marked} RETURNING id", role=role_of(world)) == []
    assert world.venue.checksum() == before


def test_e3_it_marks_its_own_and_no_longer_once_they_say_sent(world: World) -> None:
    world.venue.booking()
    world.once()
    ((status, error),) = world.venue.sql(f"SELECT status, error_message FROM {QUEUE}")
    assert (status, error) == ("sent", None)
    assert world.venue.sql(f"UPDATE {QUEUE} SET status = 'failed' RETURNING id", role=role_of(world)) == []


OTHERS = f"""
    CREATE TABLE IF NOT EXISTS public.staff (id integer, secret text);
    ALTER TABLE public.staff OWNER TO {OWNER};
    CREATE OR REPLACE FUNCTION public.pay_back(integer) RETURNS void LANGUAGE sql SECURITY DEFINER
        AS 'DELETE FROM public.staff';
    ALTER FUNCTION public.pay_back(integer) OWNER TO {OWNER};
    REVOKE EXECUTE ON FUNCTION public.pay_back(integer) FROM PUBLIC;
"""
TRIES = (
    "DELETE FROM {t}", "DELETE FROM {t} WHERE false", "TRUNCATE {t}", "TRUNCATE {t} CASCADE",
    "SELECT * FROM {t}", "SELECT {t} FROM {t}", "COPY {t} TO STDOUT", "COPY {t} TO PROGRAM 'true'",
    "COPY {t} FROM '/etc/hostname'", "BEGIN; LOCK TABLE {t} IN EXCLUSIVE MODE; ROLLBACK",
    "MERGE INTO {t} USING (SELECT 1) one ON true WHEN MATCHED THEN DELETE",
    "ALTER TABLE {t} ADD COLUMN more text", "ALTER TABLE {t} RENAME TO more", "ALTER TABLE {t} OWNER TO CURRENT_USER",
    "ALTER TABLE {t} DISABLE TRIGGER ALL", "ALTER TABLE {t} DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE {t} NO FORCE ROW LEVEL SECURITY", "ALTER TABLE {t} SET SCHEMA reconciler",
    "ALTER TABLE {t} SET (fillfactor = 50)", "DROP TABLE {t} CASCADE", "COMMENT ON TABLE {t} IS 'x'",
    "CREATE INDEX ON {t} (id)", "CREATE STATISTICS more ON id, created_at FROM {t}",
    "CREATE TRIGGER more AFTER INSERT ON {t} EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE RULE more AS ON INSERT TO {t} DO NOTHING", "CREATE POLICY more ON {t} USING (true)",
    "DROP POLICY application ON {t}", "ALTER POLICY application ON {t} TO PUBLIC",
    "CREATE TABLE reconciler.more (LIKE {t})", "CREATE VIEW public.more AS TABLE {t}",
    "CREATE FUNCTION public.more() RETURNS integer LANGUAGE sql AS 'SELECT 1'", "CREATE SCHEMA more",
    "SET ROLE venue_owner", "SET ROLE venue_app", "SET ROLE postgres", "SET SESSION AUTHORIZATION venue_app",
    "SET session_replication_role = replica", "ALTER ROLE venue_app PASSWORD 'x'", "ALTER ROLE CURRENT_USER BYPASSRLS",
    "ALTER ROLE CURRENT_USER SUPERUSER", "CREATE ROLE more", "GRANT venue_app TO CURRENT_USER",
    "SELECT secret FROM staff", "UPDATE staff SET secret = ''", "SELECT pay_back(1)", "DROP FUNCTION pay_back(integer)",
    "CREATE OR REPLACE FUNCTION pay_back(integer) RETURNS void LANGUAGE sql AS ''",
    "ALTER FUNCTION pay_back RENAME TO x",
    "ALTER FUNCTION touch_updated_at() SECURITY DEFINER", "SELECT pg_read_file('/etc/hostname')",
    "SELECT lo_import('/x')",
    "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()", "ALTER SCHEMA public RENAME TO more",
)  # fmt: skip
UNNOTICED = (
    "GRANT ALL ON {t} TO PUBLIC", "GRANT SELECT ON {t} TO venue_app", "REVOKE ALL ON {t} FROM venue_app",
    "GRANT UPDATE (id) ON {t} TO CURRENT_USER", "GRANT EXECUTE ON FUNCTION pay_back(integer) TO CURRENT_USER",
    "GRANT ALL ON SCHEMA public TO CURRENT_USER", "ANALYZE {t}", "VACUUM {t}", "SET row_security = off",
)  # fmt: skip
"""PostgreSQL warns where it refuses some of these; others have no effect outside the session."""
POWERS = """
    SELECT to_jsonb(c) - 'reltuples' - 'relpages' - 'relallvisible' - 'relallfrozen' - 'relfrozenxid' - 'relminmxid'
    FROM pg_class c WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT to_jsonb(a) FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
    WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT to_jsonb(p) FROM pg_policy p UNION ALL SELECT to_jsonb(t) FROM pg_trigger t
    UNION ALL SELECT to_jsonb(p) FROM pg_proc p WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT to_jsonb(r) FROM pg_roles r UNION ALL SELECT to_jsonb(m) FROM pg_auth_members m
    UNION ALL SELECT to_jsonb(n) FROM pg_namespace n WHERE nspname NOT LIKE 'pg_%'
    ORDER BY 1
"""


def tries(world: World, table: str) -> Iterator[str]:
    """Whatever is not granted, column by column, and whatever only an owner or a superuser does."""
    script = printed(world)
    query = "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
    columns = [name for (name,) in world.venue.sql(query, table)]
    for privilege, statement in (
        ("SELECT", "SELECT {c} FROM {t}"),
        ("INSERT", "INSERT INTO {t} ({c}) VALUES (DEFAULT)"),
        ("UPDATE", "UPDATE {t} SET {c} = DEFAULT"),
    ):
        found = re.search(rf'GRANT {privilege} \(([^)]*)\) ON "public"."{table}"', script)
        granted = set(re.findall('"(.*?)"', found[1])) if found else set()
        yield from (statement.format(c=name, t=table) for name in columns if name not in granted)
    yield from (statement.format(t=table) for statement in TRIES)


@pytest.mark.parametrize("table", [QUEUE, BOOKINGS, "customers"])
def test_e3_whatever_else_the_role_tries_is_refused(world: World, table: str) -> None:
    world.venue.text(world.venue.booking(customer_id=world.venue.customer()))
    world.venue.sql(OTHERS)
    before = world.venue.checksum(), world.venue.sql(POWERS)
    allowed = []
    for statement in tries(world, table):
        try:
            world.venue.sql(statement, role=role_of(world))
        except psycopg.errors.InsufficientPrivilege:
            continue
        allowed.append(statement)
    assert allowed == []
    for statement in UNNOTICED:
        with suppress(psycopg.errors.InsufficientPrivilege):
            world.venue.sql(statement.format(t=table), role=role_of(world))
    assert (world.venue.checksum(), world.venue.sql(POWERS)) == before
