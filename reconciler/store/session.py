"""What a transaction pins, so that no setting of the server, the database or the role changes what we read.

And nothing that the application's role could create in one of its schemas answers for a built-in function or operator.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from reconciler.text.sql_quoting import literal

BUILT_IN_PATH = "SET LOCAL search_path = pg_catalog, pg_temp"
"""Names without a schema are PostgreSQL's own. ``pg_temp`` is named because it would be searched first otherwise
(PostgreSQL docs, Writing SECURITY DEFINER Functions Safely)."""
_APPLICATION_PATH = "SET LOCAL search_path TO DEFAULT"
"""As the role, the database or the server sets it: what the application's triggers rely on."""
_AS_TEXT = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "lc_monetary": "C",
    "lc_numeric": "C",
    "xmlbinary": "base64",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "standard_conforming_strings": "on",
    "quote_all_identifiers": "off",
    "row_security": "on",
}
"""Every setting that a role may change and that changes how values are written or compared, or which rows are seen."""
_OWN_ROLE = "SET LOCAL ROLE TO DEFAULT"
"""As the login or ``ALTER ROLE .. SET role`` says. A pooler's session may keep another client's ``SET ROLE``."""
PINNED = "; ".join(
    [_OWN_ROLE, BUILT_IN_PATH, *(f"SET LOCAL {name} = {literal(value)}" for name, value in _AS_TEXT.items())]
)


@contextmanager
def application_path(connection: Connection) -> Iterator[None]:
    """For a write into the application's tables: its triggers and defaults find what they find for itself.

    Only a statement without a function or an operator by a bare name may run inside. Deferred triggers run at the end
    of it, and not at the commit, when the path is ours again. An error leaves the path as it is: the transaction, or
    its savepoint, is over then.
    """
    connection.exec_driver_sql(_APPLICATION_PATH)
    yield
    connection.exec_driver_sql(f"SET CONSTRAINTS ALL IMMEDIATE; {BUILT_IN_PATH}")


@contextmanager
def hashed_joins(connection: Connection) -> Iterator[None]:
    """Within the context, the planner joins many rows by a hash, whatever it believes about how many there are.

    ``SET LOCAL`` ends with the transaction, also behind a pooler; after an error the transaction, or its savepoint, is
    over.
    """
    connection.exec_driver_sql("SET LOCAL enable_nestloop = off")
    yield
    connection.exec_driver_sql("SET LOCAL enable_nestloop TO DEFAULT")


@contextmanager
def index_lookups(connection: Connection) -> Iterator[None]:
    """Within the context, the planner prices a lookup by an index as one in memory, and starts no worker for few rows.

    By default a page that an index names costs four pages read in order, as on a disk that turns. A large table is
    then read in full for a few thousand rows.
    """
    connection.exec_driver_sql("SET LOCAL random_page_cost = 1.1; SET LOCAL max_parallel_workers_per_gather = 0")
    yield
    connection.exec_driver_sql(
        "SET LOCAL random_page_cost TO DEFAULT; SET LOCAL max_parallel_workers_per_gather TO DEFAULT"
    )
