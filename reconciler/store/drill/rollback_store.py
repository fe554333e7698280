"""The store of a fire drill: everything runs as usual inside one transaction that is never committed.

The store's own transactions are savepoints of it. No other session ever sees a row, concurrent drills do not see each
other's, and a killed drill leaves nothing behind.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, PendingRollbackError

from reconciler.errors import DatabaseUnreachable
from reconciler.ports import Runner, ServerInfo, Transaction
from reconciler.store.app.conditions import AppTables
from reconciler.store.connection import server
from reconciler.store.connection.statement_errors import as_error
from reconciler.store.database import Database, transaction_over
from reconciler.store.ledger.rates import PostgresRates
from reconciler.store.ledger.sources import SourceKey

DRILL_IDLE_TIMEOUT = "60s"
"""How long a frozen process may keep the transaction open."""


@contextmanager
def rolled_back(database: Database) -> Iterator[Connection]:
    """A transaction that is always rolled back at the end.

    Raises:
        DatabaseUnreachable, DatabaseDisagrees: as ``Database.transaction``.
    """
    with database.transaction() as connection:
        connection.exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = '{DRILL_IDLE_TIMEOUT}'")
        outer = connection.get_transaction()
        try:
            yield connection
        finally:
            if outer:
                outer.rollback()


@dataclass(frozen=True, slots=True)
class RollbackStore:
    """``ports.Store`` over a transaction from ``rolled_back``."""

    connection: Connection
    scope: str
    """Unique to this drill."""
    source: SourceKey
    tables: AppTables

    def server(self) -> ServerInfo:
        with _as_error():
            return server.about(self.connection)

    def clock_skew(self) -> timedelta:
        with _as_error():
            return server.clock_skew(self.connection)

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        with self._savepoint() as parts:
            # Applies to the savepoint only, and ends with it.
            self.connection.exec_driver_sql("SET TRANSACTION READ ONLY")
            yield parts

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        with self._savepoint() as parts:
            yield parts

    @contextmanager
    def _savepoint(self) -> Iterator[Transaction]:
        with _as_error(), self.connection.begin_nested():
            parts = transaction_over(self.connection, Runner(scope=self.scope), self.source, self.tables)
            # Rate rows are shared by all processes and would stay locked until the transaction ends.
            yield replace(parts, rates=PostgresRates(self.connection, prefix=f"{self.scope} "))


@contextmanager
def _as_error() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise as_error(error) from None
    except PendingRollbackError:
        # The transaction cannot continue once its connection is lost.
        raise DatabaseUnreachable("the connection to PostgreSQL was lost during the drill", "try again") from None
