"""A pooler's words are understood: when it says that the database is down, that is no fault of the schema."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest
from sqlalchemy import text

from reconciler.errors import DatabaseUnreachable
from reconciler.store.database import Database
from tests.support.pgbouncer import POOL_SIZE, PooledPostgres
from tests.support.service_process import eventually

pytestmark = pytest.mark.system
SOON = timedelta(seconds=15)


@pytest.fixture
def server() -> Iterator[PooledPostgres]:
    """One of its own: it is stopped."""
    with PooledPostgres() as server:
        server.create_application("venue")
        with server.connect("venue") as connection:
            connection.execute("CHECKPOINT")  # its commits are lazy, and its stop is abrupt
        yield server


def connected(stack: ExitStack, server: PooledPostgres) -> Database:
    url = server.url("reconciler_job", "venue").replace("postgresql://", "postgresql+psycopg://")
    return stack.enter_context(Database(url, statement_timeout=timedelta(seconds=5), lock_timeout=timedelta(seconds=2)))


def answers(database: Database, meanwhile: Callable[[], None] = lambda: None) -> bool:
    """Whether a transaction holds in which something happens ``meanwhile``; any other error than ours is raised."""
    try:
        with database.transaction() as connection:
            connection.scalar(text("SELECT true"))
            meanwhile()
            return bool(connection.scalar(text("SELECT true")))
    except DatabaseUnreachable:
        return False


def test_a_database_that_is_away_behind_its_pooler_is_unreachable_and_comes_back(server: PooledPostgres) -> None:
    with ExitStack() as stack:
        used, new = connected(stack, server), connected(stack, server)
        assert answers(used)
        assert not answers(used, meanwhile=server.stop)
        assert (answers(used), answers(new)) == (False, False)
        server.start()
        eventually(lambda: answers(used) and answers(new), SOON)


def test_when_no_connection_becomes_free_it_is_told_as_unreachable(server: PooledPostgres) -> None:
    with ExitStack() as stack:
        waiting = connected(stack, server)
        with ExitStack() as held:
            for _ in range(POOL_SIZE):
                connection = held.enter_context(connected(stack, server).transaction())
                connection.scalar(text("SELECT true"))
            assert not answers(waiting)
        assert answers(waiting)
