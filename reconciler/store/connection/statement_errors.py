"""Database errors as ours, by SQLSTATE."""

from psycopg import errors as pg
from sqlalchemy.exc import DataError, DBAPIError, ProgrammingError

from reconciler.errors import SQLSTATE, DatabaseBusy, DatabaseDisagrees, DatabaseUnreachable
from reconciler.store.connection.refusals import LATER, server_refusal

_LONGEST = 63
"""Bytes of a name in PostgreSQL (NAMEDATALEN)."""
_LOST = (
    pg.AdminShutdown,
    pg.CrashShutdown,
    pg.CannotConnectNow,
    pg.DatabaseDropped,
    pg.ProtocolViolation,  # PgBouncer sends it for everything: the server is away, or no connection became free
)


def as_error(error: DBAPIError) -> DatabaseUnreachable | DatabaseDisagrees:
    """Our error for the driver's. Names and SQLSTATE only: a database's own message may quote a row."""
    cause = error.orig
    state = getattr(cause, "sqlstate", None)
    if state and (isinstance(cause, _LOST) or state in LATER):
        return server_refusal(state)
    lost = isinstance(cause, pg.ConnectionException | pg.IdleInTransactionSessionTimeout) or str(state)[:2] == "08"
    if lost or (state is None and not isinstance(error, DataError | ProgrammingError)):
        return DatabaseUnreachable(
            f"PostgreSQL at DATABASE_URL cannot be reached: the connection was lost ({type(cause).__name__})",
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
    known = ".".join(name[:_LONGEST] if name.isprintable() else repr(name)[:_LONGEST] for name in names if name)
    return f" ({known})" if known else ""
