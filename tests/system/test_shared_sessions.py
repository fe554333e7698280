"""What another client left behind in a session that the pooler shares changes nothing of ours, and gives it no rights.

In transaction mode a ``SET`` outlives the client that said it: the next one finds it, under the same role.
"""

from contextlib import ExitStack

import psycopg
import pytest

from reconciler.errors import Exit
from reconciler.store import migrate
from reconciler.store.drill import shadow_tables
from reconciler.wiring import assembly
from tests.integration.store.test_printed_sql import ATTACKS, migrate_script, owner_of, run, sprung
from tests.integration.store.test_session import AUDIT
from tests.support.application_db import DEFAULTS, Venue
from tests.support.doctor_runner import DoctorRunner
from tests.support.pgbouncer import POOL_SIZE
from tests.support.sandbox_world import World
from tests.support.traps import TRAPS, called, count_calls, traps

pytestmark = [
    pytest.mark.system,
    pytest.mark.parametrize("postgres", ["pooled"], indirect=True, scope="session"),
]
JOB, SUPERUSER, OWNER, APPLICATION = "reconciler_job", "postgres", "venue_owner", "venue_app"
FIRST = "SET search_path = app, public, pg_catalog"
TEMP = "CREATE TEMP TABLE IF NOT EXISTS"
LEFT = {
    "a path that others may create in": FIRST,
    "a path that leads nowhere": "SET search_path = nowhere",
    "everything that changes how values are read": (
        "SET datestyle = 'SQL, DMY'; SET intervalstyle = 'sql_standard'; SET timezone = 'Asia/Kathmandu';"
        "SET bytea_output = 'escape'; SET extra_float_digits = -15; SET standard_conforming_strings = off;"
        "SET transform_null_equals = on; SET array_nulls = off; SET quote_all_identifiers = on"
    ),
    "another encoding": "SET client_encoding = 'LATIN1'",
    "transactions that only read": "SET default_transaction_read_only = on",
    "another isolation": "SET default_transaction_isolation = 'serializable'",
    "no patience": "SET statement_timeout = 50; SET lock_timeout = 1",
    "hidden rows are an error": "SET row_security = off",
    "commits that are lazy": "SET synchronous_commit = off",
    "another role": "SET ROLE reconciler_reader",
    "tables of its own with our names": (
        f"{TEMP} private_bookings (id uuid); {TEMP} private_booking_sms_queue (id uuid); {TEMP} intent (id uuid);"
        f"{TEMP} pg_class (oid oid, relname name, relowner oid); {TEMP} pg_roles (rolname name, rolsuper boolean)"
    ),
}


def leave(venue: Venue, what: str, role: str = JOB) -> None:
    """Say it in every session of the role that the pooler has, as another client of the pooler would."""
    with ExitStack() as stack:
        sessions = [stack.enter_context(psycopg.connect(plain(venue.url(role)))) for _ in range(POOL_SIZE)]
        pids = set()
        for session in sessions:
            pids.add(session.execute("SELECT pg_catalog.pg_backend_pid()").fetchone())
            session.execute(what)
        for session in sessions:
            session.commit()
        assert len(pids) == POOL_SIZE


def plain(url: str) -> str:
    return url.replace("+psycopg", "")


@pytest.mark.parametrize("what", LEFT.values(), ids=LEFT.keys())
def test_what_another_client_left_in_the_session_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    world.venue.alter(
        "CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO PUBLIC; GRANT reconciler_reader TO reconciler_job"
    )
    booking = world.venue.booking(customer_first_name="Zoë")
    leave(world.venue, what)
    results = world.once()
    assert {kind: result.faults for kind, result in results.items() if result.faults} == {}
    assert (len(world.sent_to()), len(world.sandbox.google.live())) == (1, 1)
    assert world.venue.stored_event(booking)
    leave(world.venue, what)
    found = DoctorRunner(world, monkeypatch, capsys).doctor()
    assert found.code == Exit.AS_DESIRED, found.out


def test_e1_a_session_whose_path_was_left_to_others_runs_nothing_of_theirs(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    booking = world.venue.booking()
    world.venue.alter("CREATE SCHEMA app")
    world.venue.alter(traps())
    count_calls(world.venue, but_of=SUPERUSER)
    leave(world.venue, FIRST)
    world.once()
    runner = DoctorRunner(world, monkeypatch, capsys)
    for arguments in (("doctor",), ("status",), ("once", "--do"), ("migrate",), ("drill",), ("explain", booking)):
        leave(world.venue, FIRST)
        runner.command(*arguments)
    assert called(world.venue) == []
    assert (len(world.sent_to()), len(world.sandbox.google.live())) == (1, 1)


@pytest.fixture(params=ATTACKS.keys())
def attacked(request: pytest.FixtureRequest, bare_venue: Venue) -> Venue:
    """The application's role has created this; nobody but the sessions says that it stands first."""
    venue = bare_venue
    venue.alter(f"GRANT CREATE ON SCHEMA public TO {APPLICATION}, {OWNER}; DROP SCHEMA reconciler; CREATE SCHEMA app")
    venue.alter(TRAPS + f"ALTER TABLE public.sprung OWNER TO {APPLICATION};")
    body = ATTACKS[request.param]()
    venue.alter(body if body.startswith("\n    SET ROLE") else f"SET ROLE {APPLICATION}; {body} RESET ROLE")
    venue.alter("DELETE FROM public.sprung")
    count_calls(venue)
    return venue


STRANGE = (
    f"RESET ROLE; {FIRST}; SET standard_conforming_strings = off; SET plpgsql.variable_conflict = use_column; "
    f"SET ROLE {APPLICATION}"
)


def test_e1_a_superuser_runs_printed_sql_in_a_session_that_others_used(attacked: Venue) -> None:
    for script in (
        assembly.grants(DEFAULTS, JOB),
        migrate_script(),
        assembly.grants(DEFAULTS, JOB),
    ):
        leave(attacked, STRANGE, SUPERUSER)
        run(attacked, script)
    assert sprung(attacked) == []
    assert owner_of(attacked, "reconciler.intent") == OWNER


def test_e1_a_superuser_migrates_in_a_session_that_others_used(attacked: Venue) -> None:
    leave(attacked, STRANGE, SUPERUSER)
    with attacked.database(SUPERUSER) as database:
        migrate.upgrade(database)
        leave(attacked, STRANGE, SUPERUSER)
        assert shadow_tables.refresh(database, assembly.application(DEFAULTS)).problems == []
    assert sprung(attacked) == []


def test_triggers_find_the_path_of_the_role_and_not_the_one_that_was_left(world: World) -> None:
    world.venue.alter(AUDIT.format(how="TRIGGER", when=""))
    world.venue.alter(f"ALTER ROLE {JOB} IN DATABASE {world.venue.name} SET search_path = app, public")
    world.venue.close()
    world.venue.booking()
    leave(world.venue, "SET search_path = pg_catalog")
    assert {kind: result.faults for kind, result in world.once().items() if result.faults} == {}
    assert len(world.venue.sql("SELECT DISTINCT what FROM app.audit")) == 3
