"""One transaction in which everything happens as ever and which is never committed: the store of a fire drill.

What the store's transactions write stands in savepoints of it. Nobody else ever sees a row, two drills at once see
nothing of each other, and whoever kills one leaves nothing behind.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, PendingRollbackError

from reconciler.errors import DatabaseUnreachable
from reconciler.ports import ServerInfo, Transaction
from reconciler.store import server
from reconciler.store.app.conditions import AppTables
from reconciler.store.database import Database, as_error, transaction_over
from reconciler.store.ledger.rates import PostgresRates

DRILL_IDLE_TIMEOUT = "60s"
"""So long may a process that stands still keep the transaction open."""


@contextmanager
def rolled_back(database: Database) -> Iterator[Connection]:
    """A transaction that is rolled back in the end, whatever happens.

    Raises:
        DatabaseUnreachable, DatabaseDisagrees: as every transaction.
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
    """``ports.Store`` over a transaction that is rolled_back."""

    connection: Connection
    scope: str
    """Of this drill alone."""
    tables: AppTables

    def server(self) -> ServerInfo:
        return server.about(self.connection)

    def clock_skew(self) -> timedelta:
        return server.clock_skew(self.connection)

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        with self._savepoint() as parts:
            # Of the savepoint alone: it ends with it.
            self.connection.exec_driver_sql("SET TRANSACTION READ ONLY")
            yield parts

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        with self._savepoint() as parts:
            yield parts

    @contextmanager
    def _savepoint(self) -> Iterator[Transaction]:
        try:
            with self.connection.begin_nested():
                parts = transaction_over(self.connection, self.scope, self.tables)
                # Rates are rows that all processes share, and would stay locked until the transaction ends.
                yield replace(parts, rates=PostgresRates(self.connection, prefix=f"{self.scope} "))
        except DBAPIError as error:
            raise as_error(error) from None
        except PendingRollbackError:
            # The transaction cannot be gone on with once its connection was lost.
            raise DatabaseUnreachable("the connection to PostgreSQL was lost in the middle", "try again") from None
