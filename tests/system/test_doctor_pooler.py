"""What stands between us and the database: told as it is, and every check holds through it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from reconciler.ports import Pooler
from reconciler.sandbox.postgres import EmbeddedPostgres, PostgresServer
from reconciler.store.connection import server
from reconciler.store.database import Database
from tests.support.debian import DebianPostgres
from tests.support.doctor_runner import DoctorRunner
from tests.support.pgbouncer import PooledPostgres
from tests.support.sandbox_world import World

pytestmark = pytest.mark.system
WAIT = timedelta(seconds=5)


class SessionPooled(PooledPostgres):
    pool_mode = "session"


@contextmanager
def through(kind: type[PostgresServer]) -> Iterator[Database]:
    with kind() as running:
        running.create_application("venue")
        url = running.url("reconciler_job", "venue").replace("postgresql://", "postgresql+psycopg://")
        with Database(url, statement_timeout=WAIT, lock_timeout=WAIT) as database:
            yield database


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (EmbeddedPostgres, Pooler.NONE),
        (DebianPostgres, Pooler.NONE),
        (PooledPostgres, Pooler.TRANSACTION),
        (SessionPooled, Pooler.SESSION),
    ],
)
def test_the_pooler_is_recognised(kind: type[PostgresServer], expected: Pooler) -> None:
    with through(kind) as database:
        assert database.with_two_connections(server.pooler) is expected
        assert database.with_two_connections(server.pooler) is expected, "also on connections that are there already"


@pytest.mark.parametrize("postgres", ["pooled"], indirect=True, scope="session")
def test_the_doctor_is_green_through_a_transaction_pooler(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.venue.booking()
    said = DoctorRunner(world, monkeypatch, capsys).doctor("--json")
    assert said.code == 0, said.lines
    (database,) = said.messages("database", "OK")
    assert "transaction pooler" in database
    assert abs(timedelta(seconds=float(database.partition("clock ")[2].partition(" s")[0]))) < timedelta(seconds=5)
