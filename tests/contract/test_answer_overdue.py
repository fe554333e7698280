"""A database that takes a statement and never answers, although its machine acknowledges every packet."""

import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import text

from reconciler.errors import DatabaseBusy, DatabaseUnreachable
from reconciler.sandbox.postgres import PostgresServer
from reconciler.store.connection.limited import SLACK
from reconciler.store.database import Database
from tests.support.application_db import Venue

LIMIT = timedelta(seconds=0.3)


@pytest.fixture
def database(venue: Venue) -> Iterator[Database]:
    url = venue.postgres.url("reconciler_job", venue.name)
    with Database(url, statement_timeout=LIMIT, lock_timeout=LIMIT) as database:
        yield database


@pytest.mark.parametrize("postgres", ["embedded"], indirect=True, scope="session")
def test_a_backend_that_is_frozen_ends_the_transaction_and_not_the_process(
    postgres: PostgresServer, database: Database
) -> None:
    with database.transaction() as connection:
        backend = connection.scalar(text("SELECT pg_backend_pid()"))
    began = time.monotonic()
    os.kill(backend, signal.SIGSTOP)
    try:
        with pytest.raises(DatabaseUnreachable, match="AnswerOverdue"), database.transaction() as connection:
            connection.execute(text("SELECT 1"))
    finally:
        os.kill(backend, signal.SIGCONT)
    assert time.monotonic() - began >= SLACK

    with database.transaction() as connection:  # on a new connection
        assert connection.scalar(text("SELECT pg_backend_pid()")) != backend


@pytest.mark.parametrize("postgres", ["embedded"], indirect=True, scope="session")
def test_the_servers_own_limit_comes_first(postgres: PostgresServer, database: Database) -> None:
    with pytest.raises(DatabaseBusy, match="57014"), database.transaction() as connection:
        connection.execute(text("SELECT pg_sleep(30)"))


def test_a_pooler_that_keeps_a_statement() -> None:
    """It greets like PostgreSQL, and says no more."""

    def message(kind: bytes, body: bytes) -> bytes:
        return kind + struct.pack("!I", len(body) + 4) + body

    def serve(listening: socket.socket) -> None:
        with suppress(OSError):
            connection, _ = listening.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"N")
                connection.recv(1000)
                connection.sendall(message(b"R", struct.pack("!I", 0)) + message(b"Z", b"I"))
                while connection.recv(1000):
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        url = f"postgresql+psycopg://job@127.0.0.1:{listening.getsockname()[1]}/venue"
        with (
            Database(url, statement_timeout=LIMIT, lock_timeout=LIMIT) as database,
            pytest.raises(DatabaseUnreachable),
            database.transaction(),
        ):
            pass
