"""A write that is tried and rolled back, and what the database said to it."""

from collections.abc import Callable, Iterator

from psycopg import errors as pg
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from reconciler.domain.gaps import GapKind, IntegrationFault
from reconciler.errors import DatabaseDisagrees


def what_was_lost(connection: Connection, write: Callable[[], None]) -> DatabaseDisagrees | None:
    """What was not kept as it was written; ``None`` also if the table rejects the write. It is always rolled back."""
    trial = connection.begin_nested()
    found = None
    try:
        write()
    except DatabaseDisagrees as error:
        found = error
    except OperationalError:
        raise  # unreachable or busy: that says nothing about the write
    except DBAPIError as error:
        if not isinstance(error.orig, pg.Error):
            raise
    trial.rollback()
    return found


def try_write(connection: Connection, write: Callable[[], int | None]) -> tuple[pg.Error | None, int | None]:
    """The database's error, or else the number of rows written. The write is always rolled back."""
    trial = connection.begin_nested()
    try:
        written = write()  # deferred triggers included
    except DatabaseDisagrees:
        trial.rollback()
        raise
    except OperationalError:
        raise  # unreachable or busy: that says nothing about the write
    except DBAPIError as error:
        trial.rollback()
        if isinstance(error.orig, pg.Error):
            return error.orig, None
        raise
    trial.rollback()
    return None, written


def is_raised(refusal: pg.Error) -> bool:
    """Whether a trigger raised the error on purpose, perhaps for want of an existing booking; not if it is broken."""
    context = refusal.diag.context or ""
    raised_on_purpose = isinstance(refusal, pg.RaiseException | pg.NoDataFound) or " at RAISE" in context
    return raised_on_purpose or (isinstance(refusal, pg.ForeignKeyViolation) and bool(context))


def describe_error(refusal: pg.Error) -> str:
    """Names and SQLSTATE only: a database's own message may quote a row."""
    names = list(_error_names(refusal))
    return f"{type(refusal).__name__} (SQLSTATE {refusal.sqlstate}{', ' if names else ''}{'.'.join(names)})"


def _error_names(refusal: pg.Error) -> Iterator[str]:
    for part in (refusal.diag.column_name, refusal.diag.constraint_name):
        if part:
            yield part


def trial_fault(code: str, seen: str, remedy: str) -> IntegrationFault:
    return IntegrationFault(kind=GapKind.INTEGRATION_SCHEMA, code=code, seen=seen, remedy=remedy)
