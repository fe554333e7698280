"""The connection: short transactions with their own timeouts, and database errors as ours.

Everything works through a transaction-mode pooler: no session state, no prepared statements, no session-level locks.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, Self, TypeVar

from psycopg import errors as pg
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DataError, DBAPIError, DisconnectionError, ProgrammingError

from reconciler.domain.hashing import digest
from reconciler.errors import SQLSTATE, DatabaseBusy, DatabaseDisagrees, DatabaseUnreachable
from reconciler.ports import Runner, ServerInfo, Transaction
from reconciler.store import server, session
from reconciler.store.aggregates.backlog import PostgresBacklog
from reconciler.store.aggregates.coverage import PostgresCoverage
from reconciler.store.app.conditions import AppTables
from reconciler.store.app.traces import has_traces
from reconciler.store.bookings import PostgresBookings
from reconciler.store.ledger.gaps import PostgresGaps
from reconciler.store.ledger.incidents import PostgresIncidents
from reconciler.store.ledger.installation.beacon import PostgresBeacon
from reconciler.store.ledger.installation.clocks import PostgresStoredClocks
from reconciler.store.ledger.installation.place import PostgresPlaces
from reconciler.store.ledger.intents import PostgresIntents
from reconciler.store.ledger.outbox import PostgresOutbox
from reconciler.store.ledger.rates import PostgresRates
from reconciler.store.ledger.removals import PostgresRemovals
from reconciler.store.ledger.repair_locks import PostgresRepairLocks
from reconciler.store.ledger.runs import PostgresRuns
from reconciler.store.ledger.schema import PostgresLedger
from reconciler.store.ledger.sources import SourceKey
from reconciler.store.moments import PostgresMoments
from reconciler.store.retention import PostgresRetention

CONNECT_TIMEOUT = 10
"""Seconds; a database that does not answer by then is reported as unreachable, and the next pass tries again."""
IDLE_IN_TRANSACTION_TIMEOUT = timedelta(minutes=1)
"""No provider is called within a transaction, so a process that is silent for this long is frozen. It must not keep its
locks on bookings and on the outbox."""
_Result = TypeVar("_Result")
PING_AFTER_IDLE = 1.0
"""Seconds of idleness after which a connection is pinged before use."""
_RETURNED = "returned_at"
READ = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
"""A transaction that writes nothing and whose statements share one snapshot."""
_WRITE = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED READ WRITE"


class Database:
    """One database, and how long a statement or a lock may take. Leaving the context closes its connections."""

    def __init__(
        self,
        url: str,
        *,
        statement_timeout: timedelta,
        lock_timeout: timedelta,
        connect_timeout: int = CONNECT_TIMEOUT,
    ) -> None:
        self._statement_timeout = statement_timeout
        self._lock_timeout = lock_timeout
        self._engine: Engine = create_engine(
            url,
            pool_size=1,  # one pass, one connection; a second only while the first is in a transaction
            max_overflow=1,
            connect_args={
                "prepare_threshold": None,  # a transaction-mode pooler hands each transaction to another backend
                "connect_timeout": connect_timeout,
                "application_name": "reconciler",
                "client_encoding": "utf-8",  # whatever PGCLIENTENCODING or the role says
                # A connection whose peer has vanished must not block a pass or our shutdown.
                "keepalives_idle": 10,
                "keepalives_interval": 5,
                "keepalives_count": 3,
                "tcp_user_timeout": round((statement_timeout.total_seconds() + 5) * 1000),
            },
        )
        event.listen(self._engine, "checkout", self._ping_if_idle)
        event.listen(self._engine, "checkin", _note_return)

    def _ping_if_idle(self, connection: Any, record: Any, _: object) -> None:
        """The database may have restarted between two passes; within a repair, the next transaction needs no ping."""
        if time.monotonic() - record.info.get(_RETURNED, time.monotonic()) < PING_AFTER_IDLE:
            return
        try:
            self._engine.dialect.do_ping(connection)
        except pg.OperationalError as error:
            raise DisconnectionError from error

    @contextmanager
    def transaction(self, mode: str = _WRITE) -> Iterator[Connection]:
        """A transaction that starts with ``mode``; committed at the end, rolled back on any error.

        Raises:
            DatabaseUnreachable: no connection, or it went away.
            DatabaseDisagrees: the database refuses a statement.
        """
        try:
            with self._engine.connect() as connection, connection.begin():
                # One round trip: a repair has a dozen transactions.
                connection.exec_driver_sql(
                    f"{mode}; {session.PINNED}; "
                    f"SET LOCAL statement_timeout = {_milliseconds(self._statement_timeout)}; "
                    f"SET LOCAL lock_timeout = {_milliseconds(self._lock_timeout)}; "
                    f"SET LOCAL idle_in_transaction_session_timeout = {_milliseconds(IDLE_IN_TRANSACTION_TIMEOUT)}"
                )
                yield connection
        except DBAPIError as error:
            raise as_error(error) from None

    def with_two_connections(self, work: Callable[[Connection, Connection], _Result]) -> _Result:
        """Call ``work`` with two open connections, neither of them in a transaction, and return its result.

        Raises:
            DatabaseUnreachable: no connection, or it went away.
            DatabaseDisagrees: the database refuses a statement.
        """
        try:
            with self._engine.connect() as one, self._engine.connect() as other:
                return work(one, other)
        except DBAPIError as error:
            raise as_error(error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()


@dataclass(frozen=True, slots=True)
class PostgresStore:
    """``ports.Store``."""

    database: Database
    runner: Runner
    source: SourceKey
    tables: AppTables
    """Built once: SQLAlchemy caches a statement's SQL per table object."""

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        with self.database.transaction(READ) as connection:
            yield self._transaction(connection)

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        with self.database.transaction() as connection:
            yield self._transaction(connection)

    def server(self) -> ServerInfo:
        with self.database.transaction(READ) as connection:
            seen = server.about(connection)
        return replace(seen, pooler=self.database.with_two_connections(server.pooler))

    def clock_skew(self) -> timedelta:
        with self.database.transaction(READ) as connection:
            return server.clock_skew(connection)

    def _transaction(self, connection: Connection) -> Transaction:
        return transaction_over(connection, self.runner, self.source, self.tables)


def transaction_over(connection: Connection, runner: Runner, source: SourceKey, tables: AppTables) -> Transaction:
    """The ports of one transaction."""
    moments = PostgresMoments(connection, tables, runner, source)
    return Transaction(
        bookings=PostgresBookings(connection, tables, moments),
        ledger=PostgresLedger(connection),
        places=PostgresPlaces(connection, partial(has_traces, connection, tables)),
        beacon=PostgresBeacon(connection, digest(source.relation, runner.scope)[:12]),
        clocks=PostgresStoredClocks(connection),
        intents=PostgresIntents(connection, runner.scope, source),
        removals=PostgresRemovals(connection, runner.scope, source),
        moments=moments,
        backlog=PostgresBacklog(connection, runner.scope, source, moments),
        coverage=PostgresCoverage(connection, runner.scope, source, tables),
        repair_locks=PostgresRepairLocks(connection, source),
        gaps=PostgresGaps(connection, runner.scope, source, runner.scan_settings),
        runs=PostgresRuns(connection),
        rates=PostgresRates(connection),
        incidents=PostgresIncidents(connection, runner.scope),
        outbox=PostgresOutbox(connection, runner.scope),
        retention=PostgresRetention(connection, runner.scope, tables),
    )


def _note_return(_: object, record: Any) -> None:
    record.info[_RETURNED] = time.monotonic()


def _milliseconds(duration: timedelta) -> int:
    return max(1, round(duration.total_seconds() * 1000))


_CONNECTION_ERRORS = (
    pg.AdminShutdown,
    pg.CrashShutdown,
    pg.CannotConnectNow,
    pg.TooManyConnections,
    pg.ConnectionFailure,
    pg.ConnectionException,
    pg.IdleInTransactionSessionTimeout,
    pg.ProtocolViolation,  # PgBouncer sends it for everything: the server is away, or no connection became free
)
_LOGIN_ERRORS = (pg.InvalidPassword, pg.InvalidAuthorizationSpecification, pg.InvalidCatalogName)
_LOGIN_REFUSED = re.compile(
    r"FATAL.*(authentication|does not exist|pg_hba|not permitted|no password|permission denied)", re.DOTALL
)
"""While connecting, libpq passes on only the server's message, no SQLSTATE."""


def as_error(error: DBAPIError) -> DatabaseUnreachable | DatabaseDisagrees:
    """Our error for the driver's. Names and SQLSTATE only: a database's own message may quote a row."""
    cause = error.orig
    state = getattr(cause, "sqlstate", None)
    if isinstance(cause, _LOGIN_ERRORS) or (state is None and _LOGIN_REFUSED.search(str(cause))):
        return DatabaseUnreachable(
            "PostgreSQL answers, but refuses the connection of DATABASE_URL",
            "check user, password and database name in DATABASE_URL, and that the role may CONNECT",
        )
    if isinstance(cause, _CONNECTION_ERRORS) or (state is None and not isinstance(error, DataError | ProgrammingError)):
        return DatabaseUnreachable(
            f"PostgreSQL at DATABASE_URL cannot be reached ({type(cause).__name__})",
            "check that it runs and that host and port in DATABASE_URL are right; nothing is lost, try again",
        )
    if isinstance(cause, pg.QueryCanceled | pg.LockNotAvailable | pg.DeadlockDetected | pg.SerializationFailure):
        return DatabaseBusy(
            f"PostgreSQL took too long ({type(cause).__name__}, SQLSTATE {state})",
            "try again; if it persists, raise limits.timeouts.sql or find what holds the lock",
        )
    return DatabaseDisagrees(
        f"PostgreSQL rejected a statement: {type(cause).__name__}, SQLSTATE {state}{_names_in(cause)}",
        "compare the mapping in cron.yaml and the privileges of the role of DATABASE_URL with the database",
        code=f"{SQLSTATE}{state}",
    )


def _names_in(cause: object) -> str:
    """The schema, table, column and constraint that the server named; never values."""
    diagnosis = getattr(cause, "diag", None)
    names = [getattr(diagnosis, part, None) for part in ("schema_name", "table_name", "column_name", "constraint_name")]
    known = ".".join(name for name in names if name)
    return f" ({known})" if known else ""
