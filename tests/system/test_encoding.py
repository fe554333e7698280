"""A database whose encoding cannot hold our texts: told by the doctor and by a pass, and nothing is sent."""

from collections.abc import Iterator

import pytest

from reconciler.domain.gaps import GapKind
from reconciler.errors import Exit
from reconciler.sandbox.postgres import SCHEMA_SQL
from reconciler.sandbox.world import Sandbox
from tests.support.application_db import Venue
from tests.support.clock import StandingClock
from tests.support.debian import DebianPostgres
from tests.support.doctor_runner import DoctorRunner
from tests.support.sandbox_world import World

pytestmark = pytest.mark.system
MESSAGE = "{trigger: booking_confirmed, template: 'Deposit 250 \N{EURO SIGN}, {{ref}}'}"
EURO = f", messages: {{draft: {MESSAGE}, confirmed: {MESSAGE}}}"


@pytest.fixture(scope="module")
def running() -> Iterator[DebianPostgres]:
    with DebianPostgres() as running:
        running.create_application("roles")
        yield running


@pytest.fixture(params=["SQL_ASCII", "LATIN1"])
def world(running: DebianPostgres, request: pytest.FixtureRequest) -> Iterator[World]:
    name = f"venue_{request.param.lower()}"
    with running.connect("postgres") as connection:
        made = f"TEMPLATE template0 ENCODING '{request.param}' LC_COLLATE 'C' LC_CTYPE 'C'"
        connection.execute(f"CREATE DATABASE {name} {made}")
    with running.connect(name) as connection:
        connection.execute(SCHEMA_SQL.read_bytes())
    venue = Venue(running, name)
    venue.migrate()
    venue.settle_in()
    clock = StandingClock(venue.now)
    with Sandbox(postgres=running, database=name, now=clock.now, bookings=()) as sandbox:
        yield World(venue, sandbox, clock)


def test_a_pass_and_the_doctor_name_the_encoding_and_nothing_is_sent(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.configure(texts=EURO)
    world.venue.booking()
    result = world.texts()
    assert [(fault.kind, fault.code) for fault in result.faults] == [(GapKind.INTEGRATION_SCHEMA, "encoding")]
    assert (result.plan is not None, world.sent_to()) == (True, [])
    assert "integration.schema" in str(world.gaps())  # bytes, where nobody knows letters
    seen = DoctorRunner(world, monkeypatch, capsys).doctor("--json")
    (said,) = seen.messages("schema", "FAIL")
    assert (seen.code, "the database has the encoding" in said) == (Exit.NEEDS_A_HUMAN, True)
    if "LATIN1" in said:
        world.configure(texts="")
        assert world.texts().faults == ()
        assert len(world.sent_to()) == 1
