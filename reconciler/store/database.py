"""The connection: short transactions with timeouts of their own, and a database's errors in our words.

Everything holds through a transaction-mode pooler: no session state, no prepared statements, no advisory session lock.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Self, TypeVar

from psycopg import errors as pg
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DataError, DBAPIError, DisconnectionError, ProgrammingError

from reconciler.errors import SQLSTATE, DatabaseBusy, DatabaseDisagrees, DatabaseUnreachable
from reconciler.ports import ServerInfo, Transaction
from reconciler.store import server
from reconciler.store.app.conditions import AppTables
from reconciler.store.bookings import PostgresBookings
from reconciler.store.ledger.gaps import PostgresGaps
from reconciler.store.ledger.incidents import PostgresIncidents
from reconciler.store.ledger.intents import PostgresIntents
from reconciler.store.ledger.outbox import PostgresOutbox
from reconciler.store.ledger.rates import PostgresRates
from reconciler.store.ledger.runs import PostgresRuns
from reconciler.store.ledger.schema import PostgresLedger
from reconciler.store.retention import PostgresRetention

CONNECT_TIMEOUT = 10
"""Seconds; a database that does not answer by then is told, and asked again by the next pass."""
IDLE_IN_TRANSACTION_TIMEOUT = timedelta(minutes=1)
"""No provider is called within a transaction: a process that says nothing for so long stands still, and must not keep
the locks of bookings and of telling."""
_Result = TypeVar("_Result")
PING_AFTER_IDLE = 1.0
"""Seconds after which a connection is asked whether it is still one."""
_RETURNED = "returned_at"
READ = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
"""A transaction that writes nothing, and whose statements all see the same."""
_WRITE = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED READ WRITE"


class Database:
    """One database and how long a statement or a lock may take there. Leaving it closes its connections."""

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
                # A connection whose other end has vanished must not hold a pass, or whoever waits for us to stop.
                "keepalives_idle": 10,
                "keepalives_interval": 5,
                "keepalives_count": 3,
                "tcp_user_timeout": round((statement_timeout.total_seconds() + 5) * 1000),
            },
        )
        event.listen(self._engine, "checkout", self._ping_if_idle)
        event.listen(self._engine, "checkin", _note_return)

    def _ping_if_idle(self, connection: Any, record: Any, _: object) -> None:
        """The database may have been restarted between two passes; a repair's next transaction need not ask."""
        if time.monotonic() - record.info.get(_RETURNED, time.monotonic()) < PING_AFTER_IDLE:
            return
        try:
            self._engine.dialect.do_ping(connection)
        except pg.OperationalError as error:
            raise DisconnectionError from error

    @contextmanager
    def transaction(self, mode: str = _WRITE) -> Iterator[Connection]:
        """A transaction that begins with ``mode`` and is committed at the end, rolled back on any error.

        Raises:
            DatabaseUnreachable: no connection, or it went away.
            DatabaseDisagrees: the database refuses a statement.
        """
        try:
            with self._engine.connect() as connection, connection.begin():
                # One round trip: a repair has a dozen transactions.
                connection.exec_driver_sql(
                    f"{mode}; SET LOCAL TimeZone = 'UTC'; "
                    f"SET LOCAL statement_timeout = {_milliseconds(self._statement_timeout)}; "
                    f"SET LOCAL lock_timeout = {_milliseconds(self._lock_timeout)}; "
                    f"SET LOCAL idle_in_transaction_session_timeout = {_milliseconds(IDLE_IN_TRANSACTION_TIMEOUT)}"
                )
                yield connection
        except DBAPIError as error:
            raise as_error(error) from None

    def with_two_connections(self, work: Callable[[Connection, Connection], _Result]) -> _Result:
        """What ``look`` sees with two connections at once, neither of them in a transaction.

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
    scope: str
    """Whose part of the ledger, where several share the database."""
    tables: AppTables
    """Built once: SQLAlchemy keeps a statement's SQL as long as its tables stay the same."""

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
        return transaction_over(connection, self.scope, self.tables)


def transaction_over(connection: Connection, scope: str, tables: AppTables) -> Transaction:
    """The ports of one transaction."""
    return Transaction(
        bookings=PostgresBookings(connection, tables),
        ledger=PostgresLedger(connection),
        intents=PostgresIntents(connection, scope),
        gaps=PostgresGaps(connection, scope),
        runs=PostgresRuns(connection),
        rates=PostgresRates(connection),
        incidents=PostgresIncidents(connection, scope),
        outbox=PostgresOutbox(connection, scope),
        retention=PostgresRetention(connection, scope, tables),
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
    pg.ProtocolViolation,  # PgBouncer says everything by it: the server is away, or no connection became free
)
_LOGIN_ERRORS = (pg.InvalidPassword, pg.InvalidAuthorizationSpecification, pg.InvalidCatalogName)
_LOGIN_REFUSED = re.compile(
    r"FATAL.*(authentication|does not exist|pg_hba|not permitted|no password|permission denied)", re.DOTALL
)
"""While connecting, libpq passes on the server's words only, and no SQLSTATE."""


def as_error(error: DBAPIError) -> DatabaseUnreachable | DatabaseDisagrees:
    """Names and SQLSTATE only: a database's own message may quote a row."""
    cause = error.orig
    state = getattr(cause, "sqlstate", None)
    if isinstance(cause, _LOGIN_ERRORS) or (state is None and _LOGIN_REFUSED.search(str(cause))):
        return DatabaseUnreachable(
            "PostgreSQL answers, and refuses the connection of DATABASE_URL",
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
            "try again; if it stays, raise limits.timeouts.sql or find what holds the lock",
        )
    return DatabaseDisagrees(
        f"PostgreSQL and we disagree about a statement: {type(cause).__name__}, SQLSTATE {state}{_names_in(cause)}",
        "compare the mapping in cron.yaml and the rights of the role of DATABASE_URL with the database",
        code=f"{SQLSTATE}{state}",
    )


def _names_in(cause: object) -> str:
    """Names of the things concerned, as far as the server gave them; never values."""
    diagnosis = getattr(cause, "diag", None)
    names = [getattr(diagnosis, part, None) for part in ("schema_name", "table_name", "column_name", "constraint_name")]
    known = ".".join(name for name in names if name)
    return f" ({known})" if known else ""
