"""Nothing that a server, a database or a role sets, and nothing that others create, changes what our statements do."""

import pytest

from reconciler.errors import Exit
from tests.support.doctor_runner import DoctorRunner
from tests.support.sandbox_world import World
from tests.support.traps import called, count_calls, traps

SETTINGS = {
    "dates the English way": "datestyle TO 'SQL', 'DMY'",
    "dates the German way": "datestyle TO 'German'",
    "intervals of the standard": "intervalstyle TO 'sql_standard'",
    "intervals with an at": "intervalstyle TO 'postgres_verbose'",
    "another zone": "timezone TO 'Asia/Kathmandu'",
    "few digits": "extra_float_digits TO -15",
    "bytes with escapes": "bytea_output TO 'escape'",
    "NULL equals NULL": "transform_null_equals TO on",
    "arrays without NULL": "array_nulls TO off",
    "hidden rows are an error": "row_security TO off",
    "backslashes": "standard_conforming_strings TO off",
    "quoted names": "quote_all_identifiers TO on",
    "Latin letters": "client_encoding TO 'LATIN1'",
    "no path": "search_path TO ''",
    "a path that leads nowhere": "search_path TO nowhere",
    "others first": "search_path TO public, pg_catalog",
}


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS.keys())
@pytest.mark.parametrize("whose", ["DATABASE {}", "ROLE reconciler_job IN DATABASE {}"], ids=["database", "role"])
def test_d1_what_a_database_or_a_role_sets_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], whose: str, setting: str
) -> None:
    booking = world.venue.booking(customer_first_name="Zoë")
    world.venue.alter(f"ALTER {whose.format(world.venue.name)} SET {setting}")
    results = world.once()
    assert {kind: result.faults for kind, result in results.items() if result.faults} == {}
    assert (len(world.sent_to()), len(world.sandbox.google.live())) == (1, 1)
    assert world.venue.stored_event(booking)
    found = DoctorRunner(world, monkeypatch, capsys).doctor()
    assert found.code == Exit.AS_DESIRED, found.out


@pytest.mark.parametrize("path", ['"$user", public', "public, pg_catalog", "app, public, pg_catalog"])
def test_e1_nothing_in_public_answers_for_a_built_in(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    booking = world.venue.booking()
    world.venue.alter("CREATE SCHEMA app")
    world.venue.alter(traps())
    world.venue.alter(f"ALTER DATABASE {world.venue.name} SET search_path = {path}")
    count_calls(world.venue, but_of="postgres")
    world.once()
    runner = DoctorRunner(world, monkeypatch, capsys)
    for arguments in (("doctor",), ("status",), ("once", "--do"), ("migrate",), ("drill",), ("explain", booking)):
        runner.command(*arguments)
    world.venue.sql("SET LOCAL search_path = pg_catalog; UPDATE public.private_bookings SET status = 'cancelled'")
    world.later(minutes=20)
    world.once()
    assert called(world.venue) == []
    assert len(world.sent_to()) == 1
    assert world.sandbox.google.live() == []


AUDIT = """
    CREATE SCHEMA app;
    GRANT USAGE ON SCHEMA app TO PUBLIC;
    CREATE TABLE app.audit (what text);
    GRANT INSERT ON app.audit TO PUBLIC;
    CREATE FUNCTION app.note() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN INSERT INTO audit VALUES (TG_TABLE_NAME || ' ' || TG_OP); RETURN NEW; END $$;
    CREATE {how} written AFTER INSERT OR UPDATE ON private_booking_sms_queue {when} FOR EACH ROW
        EXECUTE FUNCTION app.note();
    CREATE {how} written AFTER UPDATE ON private_bookings {when} FOR EACH ROW EXECUTE FUNCTION app.note();
"""


@pytest.mark.parametrize(
    ("how", "when"),
    [("TRIGGER", ""), ("CONSTRAINT TRIGGER", "DEFERRABLE INITIALLY DEFERRED")],
    ids=["at once", "at the commit"],
)
@pytest.mark.parametrize("whose", ["DATABASE {}", "ROLE reconciler_job IN DATABASE {}"], ids=["database", "role"])
def test_triggers_that_rely_on_the_session_s_path_find_what_they_look_for(
    world: World, whose: str, how: str, when: str
) -> None:
    world.venue.alter(AUDIT.format(how=how, when=when))
    world.venue.alter(f"ALTER {whose.format(world.venue.name)} SET search_path = app, public")
    world.venue.close()
    booking = world.venue.booking()
    results = world.once()
    assert {kind: result.faults for kind, result in results.items() if result.faults} == {}
    assert (len(world.sent_to()), len(world.sandbox.google.live())) == (1, 1)
    assert world.venue.stored_event(booking)
    written = {what for (what,) in world.venue.sql("SELECT what FROM app.audit")}
    assert written == {
        "private_booking_sms_queue INSERT",
        "private_booking_sms_queue UPDATE",
        "private_bookings UPDATE",
    }
