"""E1: printed SQL that a superuser runs gives nothing of the application's a superuser's rights."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from psycopg import sql

from reconciler.domain.gaps import Effect
from reconciler.store import migrate
from reconciler.store.drill import shadow_tables
from reconciler.store.printed.script import script_of
from reconciler.text.sql_quoting import identifier
from reconciler.wiring import assembly
from tests.support.application_db import DEFAULTS, Venue
from tests.support.doctor_runner import DoctorRunner
from tests.support.psql_runner import psql
from tests.support.sandbox_world import World
from tests.support.traps import OPERATORS, TRAPS, called, count_calls, trap

SUPERUSER, OWNER, APPLICATION = "postgres", "venue_owner", "venue_app"
QUEUE, BOOKINGS = "private_booking_sms_queue", "private_bookings"

FUNCTIONS = {
    "pg_has_role(text, oid, text)": "boolean",
    "pg_has_role(name, oid, text)": "boolean",
    "pg_has_role(varchar, oid, varchar)": "boolean",
    "has_schema_privilege(text, regnamespace, text)": "boolean",
    "has_table_privilege(oid, regclass, text)": "boolean",
    "to_regnamespace(varchar)": "regnamespace",
    "to_regclass(varchar)": "regclass",
    "to_regclass(text)": "regclass",
    "quote_ident(name)": "text",
    "pg_get_userbyid(oid)": "name",
    "starts_with(text, text)": "boolean",
    "gen_random_uuid()": "uuid",
    "clock_timestamp()": "timestamptz",
    "split_part(text, text, integer)": "text",
    "current_schema()": "name",
    "to_regtype(text)": "regtype",
}
"""Of the names that printed SQL uses, some with more exact types of arguments than PostgreSQL's own."""
NAMED_LIKE_OURS = """
    CREATE TABLE public.pg_class (oid oid, relowner oid);
    CREATE TABLE public.pg_namespace (nspname name, nspowner oid);
    CREATE TABLE public.pg_roles (rolname name, rolsuper boolean);
    CREATE VIEW public.pg_type AS SELECT t.* FROM pg_catalog.pg_type AS t, public.spring('view of types');
    CREATE VIEW public.pg_event_trigger AS SELECT NULL::text AS evtname FROM public.spring('view');
    CREATE DOMAIN public.text AS pg_catalog.text CHECK (public.spring('domain') IS NULL);
    CREATE DOMAIN public.uuid AS pg_catalog.uuid CHECK (public.spring('domain uuid') IS NULL);
    CREATE DOMAIN public.regclass AS pg_catalog.regclass CHECK (public.spring('domain regclass') IS NULL);
"""
CALLED_BY_THE_TABLE = f"""
    SET ROLE {OWNER};
    CREATE FUNCTION public.constant(integer) RETURNS text LANGUAGE plpgsql IMMUTABLE
        AS $$ BEGIN PERFORM public.spring('index'); RETURN 'x'; END $$;
    CREATE FUNCTION public.known(text) RETURNS boolean LANGUAGE plpgsql
        AS $$ BEGIN PERFORM public.spring('check'); RETURN true; END $$;
    CREATE FUNCTION public.fills() RETURNS text LANGUAGE plpgsql
        AS $$ BEGIN PERFORM public.spring('default'); RETURN 'x'; END $$;
    CREATE FUNCTION public.fires() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN PERFORM public.spring('trigger'); RETURN NEW; END $$;
    CREATE UNIQUE INDEX strange ON public.{QUEUE} ((public.constant(1) || id::pg_catalog.text));
    ALTER TABLE public.{QUEUE} ADD CONSTRAINT known CHECK (public.known(status)) NOT VALID;
    ALTER TABLE public.{QUEUE} ALTER COLUMN template_key SET DEFAULT public.fills();
    CREATE TRIGGER fires BEFORE INSERT OR UPDATE ON public.{QUEUE} FOR EACH ROW EXECUTE FUNCTION public.fires();
    RESET ROLE;
"""


def operators() -> str:
    made = []
    for number, (operator, left, right) in enumerate([*OPERATORS, ("||", "text", "text")]):
        made.append(trap(f"operator_{number}", f"{left}, {right}", "text" if operator == "||" else "boolean"))
        made.append(
            f"CREATE OPERATOR public.{operator} "
            f"(LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = public.operator_{number});"
        )
    return "".join(made)


def functions() -> str:
    return "".join(
        trap(called.partition("(")[0], called.partition("(")[2].removesuffix(")"), returns)
        for called, returns in FUNCTIONS.items()
    )


ATTACKS: dict[str, Callable[[], str]] = {
    "public.=(name, varchar)": operators,
    "public.pg_has_role and other names of functions": functions,
    "tables, views and domains named like PostgreSQL's": lambda: NAMED_LIKE_OURS,
    "an index, a CHECK, a default and a trigger of the table": lambda: CALLED_BY_THE_TABLE,
}


@pytest.fixture(params=ATTACKS.keys())
def attacked(request: pytest.FixtureRequest, bare_venue: Venue) -> Venue:
    """The application's role may CREATE in ``public``, which stands first in the path, and has done this."""
    venue = bare_venue
    venue.alter(f"GRANT CREATE ON SCHEMA public TO {APPLICATION}, {OWNER}; DROP SCHEMA reconciler")
    venue.alter(TRAPS + f"ALTER TABLE public.sprung OWNER TO {APPLICATION};")
    body = ATTACKS[request.param]()
    venue.alter(body if body.startswith("\n    SET ROLE") else f"SET ROLE {APPLICATION}; {body} RESET ROLE")
    venue.alter(f"DELETE FROM public.sprung; ALTER DATABASE {venue.name} SET search_path = public, pg_catalog")
    count_calls(venue)
    return venue


def sprung(venue: Venue) -> list[tuple[object, ...]]:
    return [*venue.sql("SELECT what, who FROM public.sprung"), *((name,) for name in called(venue))]


def application() -> str:
    return shadow_tables.shadow_tables_script(assembly.application(DEFAULTS))


def migrate_script(role: str | None = "reconciler_job") -> str:
    return migrate.schema_script(assembly.application(DEFAULTS).bookings, role, application())


def run(venue: Venue, script: str, role: str = SUPERUSER) -> str:
    """What psql says to it; '' if all went well."""
    ran = psql(script, venue.url(role))
    assert ran.code == 0, ran.err
    return ran.err


def owner_of(venue: Venue, relation: str) -> str:
    ((owner,),) = venue.sql(
        "SELECT pg_catalog.pg_get_userbyid(relowner) FROM pg_catalog.pg_class "
        f"WHERE oid OPERATOR(pg_catalog.=) '{relation}'::pg_catalog.regclass::pg_catalog.oid"
    )
    return str(owner)


def test_e1_a_superuser_runs_what_grants_and_migrate_print(attacked: Venue) -> None:
    for _ in range(2):
        run(attacked, assembly.grants(DEFAULTS, "reconciler_job"))
    run(attacked, migrate_script())
    run(attacked, assembly.grants(DEFAULTS, "reconciler_job"))
    assert sprung(attacked) == []
    assert {owner_of(attacked, f"reconciler.{table}") for table in ("intent", f"drill_public_{QUEUE}")} == {OWNER}


def test_e1_the_owner_runs_them(attacked: Venue) -> None:
    attacked.alter(f"GRANT CREATE ON DATABASE {attacked.name} TO {OWNER}")
    attacked.alter(f"ALTER ROLE {OWNER} IN DATABASE {attacked.name} SET search_path = public, pg_catalog")
    run(attacked, assembly.grants(DEFAULTS, "reconciler_job"), OWNER)
    run(attacked, migrate_script(), OWNER)
    assert sprung(attacked) == []


def test_e1_a_superuser_migrates(attacked: Venue) -> None:
    run(attacked, assembly.grants(DEFAULTS, "reconciler_job"))
    wanted = assembly.application(DEFAULTS)
    with attacked.database(SUPERUSER) as database:
        migrate.upgrade(database)
        problems = shadow_tables.refresh(database, wanted).problems
    assert problems == []
    assert sprung(attacked) == []
    assert owner_of(attacked, "reconciler.intent") == OWNER, "who ran it had more rights than it needs"


@pytest.mark.parametrize("by", [SUPERUSER, OWNER])
def test_grants_are_run_again_after_the_role_has_migrated_by_itself(venue: Venue, by: str) -> None:
    """Then the role owns our schema, and the owner of the application's tables may not even use it."""
    assert owner_of_schema(venue) == "reconciler_job"
    for _ in range(2):
        run(venue, assembly.grants(DEFAULTS, "reconciler_job"), by)
    run(venue, assembly.grants(DEFAULTS, "reconciler_reader", read_only=True), SUPERUSER)
    query = "SELECT has_table_privilege('reconciler_reader', 'reconciler.intent', 'SELECT')"
    assert venue.sql(query) == [(True,)]


def owner_of_schema(venue: Venue) -> str:
    ((owner,),) = venue.sql("SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'reconciler'")
    return str(owner)


EVENT_TRIGGER = f"""
    SET ROLE {OWNER};
    CREATE FUNCTION public.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$
    BEGIN
        RESET ROLE;
        INSERT INTO public.sprung VALUES ('event trigger', current_user);
    END $$;
    RESET ROLE;
    CREATE EVENT TRIGGER on_ddl ON ddl_command_start EXECUTE FUNCTION public.on_ddl();
"""


@contextmanager
def event_trigger(venue: Venue) -> Iterator[None]:
    """A superuser's event trigger whose function the application's owner may replace."""
    venue.alter(f"GRANT CREATE ON SCHEMA public TO {OWNER}; {TRAPS}")
    venue.alter(EVENT_TRIGGER)
    venue.alter("DELETE FROM public.sprung")
    yield
    venue.alter("DROP EVENT TRIGGER on_ddl")


@pytest.mark.parametrize("printed", ["grants", "migrate --sql", "doctor --sql"])
def test_an_event_trigger_is_not_called_by_a_superuser(venue: Venue, printed: str) -> None:
    script = {
        "grants": lambda: assembly.grants(DEFAULTS, "reconciler_job"),
        "migrate --sql": migrate_script,
        "doctor --sql": lambda: script_of([(OWNER, f"ALTER TABLE public.{QUEUE} ADD COLUMN more text;")]),
    }[printed]()
    with event_trigger(venue):
        before = venue.checksum()
        ran = psql(script, venue.url(SUPERUSER))
        assert (ran.code, "refused: an event trigger would call a function" in ran.err) == (3, True), ran.err
        assert "run it as the owner of the application's tables" in ran.err
        assert venue.sql("SELECT what FROM public.sprung") == []
        assert venue.checksum() == before


def test_an_event_trigger_is_not_called_by_a_superuser_s_migrate(venue: Venue) -> None:
    venue.alter("DROP SCHEMA reconciler CASCADE")
    with event_trigger(venue), venue.database(SUPERUSER) as database:
        with pytest.raises(Exception, match="an event trigger would call a function"):
            migrate.upgrade(database)
        assert venue.sql("SELECT what FROM public.sprung") == []


HOSTILE = {
    "a dollar quote": "x$rights$; CREATE TABLE public.broken_out (); --",
    "all dollar quotes": "$owner$ $guard$ $usage$ $schema$ $copy$ $rights$ $rights_1$",
    "a quote": "x'; CREATE TABLE public.broken_out (); --",
    "a name's quote": 'x"; CREATE TABLE public.broken_out (); --',
    "a backslash": "x\\'; CREATE TABLE public.broken_out (); --",
    "a comment": "x -- */ /* ; CREATE TABLE public.broken_out ();",
    "a variable of psql": ":x :'x' :\"x\" %s %(x)s {x}",
    "letters": "rôle ☎ 名",
}
UNSEEN = {"a new line": "x\nCREATE TABLE public.broken_out ();", "an escape": "x\x1b[2J", "a return": "x\r\\! id"}


@pytest.fixture
def role_named(venue: Venue) -> Iterator[Callable[[str], str]]:
    made = []

    def make(name: str) -> str:
        venue.sql(sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))
        made.append(name)
        return name

    yield make
    for name in made:
        venue.sql(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
        venue.sql(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@pytest.mark.parametrize("standard", ["on", "off"])
@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_e3_no_role_breaks_out(venue: Venue, role_named: Callable[[str], str], name: str, standard: str) -> None:
    role = role_named(name)
    venue.alter("DROP SCHEMA reconciler CASCADE")
    venue.alter(f"ALTER DATABASE {venue.name} SET standard_conforming_strings = {standard}")
    run(venue, migrate_script(role))
    run(venue, assembly.grants(DEFAULTS, role))
    assert venue.sql("SELECT to_regclass('public.broken_out')") == [(None,)]
    query = "SELECT has_table_privilege(%s, 'reconciler.intent', 'INSERT')"
    assert venue.sql(query, role) == [(True,)]


@pytest.mark.parametrize("name", [*UNSEEN.values(), ""])
@pytest.mark.parametrize("printed", ["grants", "migrate"])
def test_a_role_that_a_terminal_does_not_show_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, printed: str
) -> None:
    more = ("--sql",) if printed == "migrate" else ()
    said = DoctorRunner(world, monkeypatch, capsys).command(printed, *more, "--role", name)
    assert (said.code, said.out) == (2, "")
    assert "all of them printable" in said.err


@pytest.mark.parametrize("name", [*HOSTILE.values(), *UNSEEN.values()], ids=[*HOSTILE, *UNSEEN])
def test_a_column_and_a_constraint_of_any_name_in_doctor_sql(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """A column that must be filled, and a CHECK without our status, whose names end what they stand in."""
    column = f"{name} column"[:40]
    world.venue.alter(f"DELETE FROM {QUEUE}; ALTER TABLE {QUEUE} ADD COLUMN {quoted(column)} integer NOT NULL")
    world.venue.alter(
        f"ALTER TABLE {QUEUE} DROP CONSTRAINT {QUEUE}_status_check, "
        f"ADD CONSTRAINT {quoted(name)} CHECK (status IN ('pending', 'approved', 'cancelled', 'sent'))"
    )
    runner = DoctorRunner(world, monkeypatch, capsys)
    script = runner.doctor("--sql").out
    assert script.replace("\n", "").isprintable(), "it may pass a terminal"
    run(world.venue, script)
    assert world.venue.sql("SELECT to_regclass('public.broken_out')") == [(None,)]
    assert runner.doctor("--sql").out == ""


def quoted(name: str) -> str:
    return sql.Identifier(name).as_string(None)


@pytest.mark.parametrize("name", [*HOSTILE.values(), *UNSEEN.values()], ids=[*HOSTILE, *UNSEEN])
def test_a_quoted_name_is_read_back_as_it_was(venue: Venue, name: str) -> None:
    venue.alter(f"CREATE TABLE {identifier('public', name)} ()")
    query = "SELECT relname FROM pg_class WHERE relname = %s"
    assert venue.sql(query, name) == [(name,)]


CALLS = {
    "its own function": "public.allowed(status)",
    "its own operator": "status OPERATOR(public.===) 'sent'",
    "a built-in function that runs SQL": "query_to_xml('SELECT public.allowed(''x'')', true, true, '') IS NOT NULL",
}


@pytest.mark.parametrize("check", CALLS.values(), ids=CALLS.keys())
def test_e1_the_doctor_calls_no_check_of_the_application_s(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], check: str
) -> None:
    """Only the trial write, as any write, meets it."""
    world.venue.alter(TRAPS)
    world.venue.alter(
        "CREATE FUNCTION public.allowed(text) RETURNS boolean LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM public.spring('check'); RETURN true; END $$;"
        "CREATE FUNCTION public.eq(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT public.allowed($1)';"
        "CREATE OPERATOR public.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = public.eq);"
    )
    world.venue.alter(f"ALTER TABLE {QUEUE} ADD CHECK ({check}) NOT VALID")
    said = DoctorRunner(world, monkeypatch, capsys).doctor("--json")
    assert said.messages("schema", "FAIL") == [], "where nothing may be written, a call of the function is an error"


@pytest.mark.parametrize("check", ["public.allowed(status)", "status IN ('pending') AND public.allowed(status)"])
def test_e1_doctor_sql_prints_no_check_that_calls_the_application_s(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], check: str
) -> None:
    world.venue.alter(
        "CREATE FUNCTION public.allowed(text) RETURNS boolean LANGUAGE sql AS $$ SELECT $1 = 'pending' $$;"
        f"ALTER TABLE {QUEUE} DROP CONSTRAINT {QUEUE}_status_check, ADD CONSTRAINT theirs CHECK ({check})"
    )
    runner = DoctorRunner(world, monkeypatch, capsys)
    assert "allowed" not in runner.doctor("--sql").out
    said = runner.doctor("--json")
    assert "CheckViolation (SQLSTATE 23514, theirs)" in said.messages("trial write", "FAIL")[0]


@pytest.mark.parametrize(
    "column",
    ["status", "trigger_type"],
)
def test_e1_a_domain_s_check_is_not_called(world: World, column: str) -> None:
    """Comparing types and asking what a type can hold evaluates nothing of a domain."""
    world.venue.alter(TRAPS)
    world.venue.alter(
        "CREATE FUNCTION public.allowed(anyelement) RETURNS boolean LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM public.spring('domain'); RETURN true; END $$;"
        "CREATE DOMAIN public.word AS text CHECK (public.allowed(VALUE));"
        "CREATE DOMAIN public.key AS uuid CHECK (public.allowed(VALUE));"
        f"ALTER TABLE {QUEUE} ALTER COLUMN {column} TYPE public.word;"
        f"ALTER TABLE {QUEUE} DROP CONSTRAINT {QUEUE}_booking_id_fkey, ALTER COLUMN booking_id TYPE public.key;"
        "DELETE FROM public.sprung"
    )
    with world.services() as services, services.store.reading() as tx:
        for effect in Effect:
            tx.bookings.effect_faults(effect, writing=True)
    assert world.venue.sql("SELECT * FROM public.sprung") == []
