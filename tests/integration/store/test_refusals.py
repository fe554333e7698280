"""What PostgreSQL may answer at any time: by its SQLSTATE it is a matter of the server, and not of the mapping."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from reconciler.cli.once import once_exit_code
from reconciler.domain.gaps import GapKind
from reconciler.errors import DatabaseDisagrees, DatabaseRefuses, DatabaseUnreachable, Exit
from reconciler.store.connection.attempt import Failure, FailureKind
from reconciler.store.connection.refusals import no_connection
from reconciler.store.database import READ, Database
from tests.support.application_db import Venue
from tests.support.sandbox_world import World

QUEUE = "private_booking_sms_queue"


def raised(state: str) -> str:
    return f"DO $$ BEGIN RAISE EXCEPTION 'voll' USING ERRCODE = '{state}'; END $$"


@pytest.mark.parametrize(
    ("state", "said", "code"),
    [
        ("53100", "the server's disk is full", Exit.NEEDS_A_HUMAN),
        ("53200", "the server is out of memory", Exit.WORK_LEFT),
        ("53300", "too many connections", Exit.WORK_LEFT),
        ("57P01", "the server shuts down", Exit.WORK_LEFT),
        ("57P03", "the server is starting up, shutting down or recovering", Exit.WORK_LEFT),
        ("58030", "the server cannot read or write its files", Exit.NEEDS_A_HUMAN),
        ("XX001", "the server's data are damaged", Exit.NEEDS_A_HUMAN),
        ("08P01", "a pooler (PgBouncer) answers", Exit.WORK_LEFT),
    ],
)
def test_a_refusal_has_its_own_words_and_exit_code(venue: Venue, state: str, said: str, code: Exit) -> None:
    with venue.database() as database:
        with pytest.raises(DatabaseRefuses) as caught, database.transaction() as connection:
            connection.execute(text(raised(state)))
        with database.transaction() as connection:
            assert connection.scalar(text("SELECT true")), "it goes on by itself"
    error = caught.value
    assert said in str(error)
    assert "voll" not in str(error) + error.advice
    assert (error.code, error.exit_code, error.transient) == (f"sqlstate:{state}", code, code == Exit.WORK_LEFT)


def test_a_write_that_a_server_refuses_as_read_only_is_a_standby(venue: Venue) -> None:
    """Aurora keeps the connection over a failover and refuses the statement."""
    with venue.database() as database:
        with pytest.raises(DatabaseRefuses, match="read-only standby") as caught, database.transaction() as connection:
            connection.execute(text(raised("25006")))
        with pytest.raises(DatabaseDisagrees), database.transaction(READ) as connection:
            connection.execute(text("CREATE TABLE ours (id int)"))  # a mistake of ours stays one
    assert (caught.value.code, caught.value.transient) == ("standby", True)


@pytest.mark.parametrize("state", ["42703", "23514", "22P05", "42501"])
def test_what_concerns_the_mapping_still_does(venue: Venue, state: str) -> None:
    with venue.database() as database, pytest.raises(DatabaseDisagrees) as caught, database.transaction() as connection:
        connection.execute(text(raised(state)))
    assert caught.value.code == f"sqlstate:{state}"


@pytest.mark.parametrize(("state", "code"), [("53100", Exit.NEEDS_A_HUMAN), ("53200", Exit.WORK_LEFT)])
def test_a_full_disk_in_a_pass_is_a_fault_of_the_database_and_sends_nothing(
    world: World, state: str, code: Exit
) -> None:
    world.venue.booking()
    world.venue.alter(
        f"CREATE FUNCTION full_() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"RAISE EXCEPTION 'voll' USING ERRCODE = '{state}'; END $$; "
        f"CREATE TRIGGER full_ BEFORE INSERT ON {QUEUE} FOR EACH ROW EXECUTE FUNCTION full_()"
    )
    result = world.texts()
    assert [(fault.kind, fault.code) for fault in result.faults] == [
        (GapKind.INTEGRATION_DATABASE, f"sqlstate:{state}")
    ]
    assert once_exit_code([result]) == code
    assert world.sent_to() == []
    world.venue.alter(f"DROP TRIGGER full_ ON {QUEUE}")
    assert world.texts().faults == ()
    assert len(world.sent_to()) == 1


def test_an_unknown_refusal_says_its_sqlstate() -> None:
    error = no_connection([Failure(place="db:5432", kind=FailureKind.SQLSTATE, sqlstate="57014")])
    assert isinstance(error, DatabaseUnreachable)
    assert ("SQLSTATE 57014" in str(error), error.transient) == (True, True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PGPORT", "abc"),
        ("PGPORT", "99999"),
        ("PGTARGETSESSIONATTRS", "master"),
        ("PGSSLMODE", "yes"),
        ("PGSERVICE", "venue"),
        ("PGHOSTADDR", "localhost"),
    ],
)
def test_a_variable_of_libpq_that_is_wrong(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """libpq takes from the environment what DATABASE_URL does not say."""
    monkeypatch.setenv(name, value)
    limit = timedelta(seconds=1)
    with (
        Database("postgresql://job@localhost/venue", statement_timeout=limit, lock_timeout=limit) as database,
        pytest.raises(DatabaseRefuses) as caught,
        database.transaction(),
    ):
        pass
    assert (caught.value.code, caught.value.exit_code) == ("parameters", Exit.NEEDS_A_HUMAN)
    assert "variables that begin with PG" in caught.value.advice
