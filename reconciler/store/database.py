"""The connection: short transactions with their own timeouts, and database errors as ours.

Everything works through a transaction-mode pooler: no session state, no prepared statements, no session-level locks.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, Self, TypeVar

from psycopg import errors as pg
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, DisconnectionError, ResourceClosedError

from reconciler.domain.decide.policies import Record
from reconciler.domain.gaps import Effect
from reconciler.domain.hashing import digest
from reconciler.errors import DatabaseRefuses
from reconciler.ports import Runner, ServerInfo, TextRecords, Transaction
from reconciler.store import session
from reconciler.store.aggregates.backlog import PostgresBacklog
from reconciler.store.aggregates.coverage import PostgresCoverage
from reconciler.store.app.conditions import AppTables
from reconciler.store.app.evidence.column_records import ColumnRecords, LedgerRecords
from reconciler.store.app.evidence.queue_records import QueueRecords
from reconciler.store.app.evidence.sent_texts import PostgresSentTexts
from reconciler.store.app.evidence.stored_events import PostgresStoredEvents
from reconciler.store.app.traces import has_traces
from reconciler.store.bookings import PostgresBookings
from reconciler.store.connection import dialect, server
from reconciler.store.connection.connect import connect
from reconciler.store.connection.limited import SLACK
from reconciler.store.connection.refusals import no_postgresql, standby
from reconciler.store.connection.statement_errors import as_error
from reconciler.store.connection.target import Target
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
        slack: float = SLACK,
    ) -> None:
        self._statement_timeout = statement_timeout
        self._lock_timeout = lock_timeout
        own = {
            "application_name": "reconciler",
            "client_encoding": "utf-8",  # whatever PGCLIENTENCODING or the role says
            # A connection whose peer has vanished must not block a pass or our shutdown.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": round((statement_timeout.total_seconds() + 5) * 1000),
        }
        self._engine: Engine = create_engine(
            dialect.URL,
            use_native_hstore=False,  # we read no such type, and looking it up may call others' operators
            creator=partial(connect, Target.of(url), own, connect_timeout, statement_timeout.total_seconds() + slack),
            pool_size=1,  # one pass, one connection; a second only while the first is in a transaction
            max_overflow=1,
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
            DatabaseRefuses: it answers, but gives no connection, or cannot write at all.
            DatabaseDisagrees: the database refuses a statement.
        """
        try:
            with self._engine.connect() as connection, _reconnected_on_standby(connection, mode), connection.begin():
                self._pin(connection, mode)
                yield connection
        except DBAPIError as error:
            raise as_error(error) from None
        except ResourceClosedError:
            # A query was answered without rows and without an error. PostgreSQL never does that.
            raise no_postgresql() from None

    def _pin(self, connection: Connection, mode: str) -> None:
        """One round trip: a repair has a dozen transactions."""
        try:
            connection.exec_driver_sql(
                f"{mode}; {session.PINNED}; "
                f"SET LOCAL statement_timeout = {_milliseconds(self._statement_timeout)}; "
                f"SET LOCAL lock_timeout = {_milliseconds(self._lock_timeout)}; "
                f"SET LOCAL idle_in_transaction_session_timeout = {_milliseconds(IDLE_IN_TRANSACTION_TIMEOUT)}"
            )
        except DBAPIError as error:
            if isinstance(error.orig, pg.FeatureNotSupported):  # what a standby answers to READ WRITE
                raise standby() from None
            raise

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
        texts=PostgresSentTexts(connection, tables),
        text_records=_text_records(connection, tables),
        events=PostgresStoredEvents(connection, moments.with_ledger),
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


def _text_records(connection: Connection, tables: AppTables) -> TextRecords:
    match tables.application.records.get(Effect.SMS):
        case Record.LEDGER:
            return LedgerRecords()
        case Record.COLUMN:
            return ColumnRecords(connection, tables)
        case _:
            return QueueRecords(connection, tables)


@contextmanager
def _reconnected_on_standby(connection: Connection, mode: str) -> Iterator[None]:
    """After a standby's refusal the next transaction connects anew: the primary may be elsewhere by then."""
    try:
        yield
    except DatabaseRefuses:
        connection.invalidate()
        raise
    except DBAPIError as error:
        # Aurora keeps a connection over a failover, and refuses the statement instead.
        if mode == READ or not isinstance(error.orig, pg.ReadOnlySqlTransaction):
            raise
        connection.invalidate()
        raise standby() from None


def _note_return(_: object, record: Any) -> None:
    record.info[_RETURNED] = time.monotonic()


def _milliseconds(duration: timedelta) -> int:
    return max(1, round(duration.total_seconds() * 1000))
