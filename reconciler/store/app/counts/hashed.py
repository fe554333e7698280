"""Which join with the queue is the cheaper one. The planner cannot know: it has no statistics about our expressions."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from reconciler.store.app.app_tables import AppTables
from reconciler.store.app.mapping import MappedTable
from reconciler.store.session import hashed_joins, index_lookups

ROWS_A_LOOKUP = 25
"""Looking up one booking by an index costs as much as reading so many rows of the queue in order.

Measured on PostgreSQL 18 with 300,000 and 2 million rows in memory: 9 to 17. A lookup that reads a disk costs more.
"""
_ROWS = text("""
    SELECT CAST(c.reltuples AS bigint) AS number, EXISTS (
        SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL AND a.attname = :column) AS indexed
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = :schema AND c.relname = :name
""")


@contextmanager
def hashed(connection: Connection, tables: AppTables, number: int | None = None) -> Iterator[None]:
    """Within the context, the planner joins with the queue by a hash, unless looking up ``number`` bookings is cheaper.

    ``number``: how many bookings are joined; ``None`` if it is unknown and may be large. Without an index on the queue
    each lookup would read all of it, so even few bookings are hashed.
    """
    queue = tables.application.queue
    if queue is None:
        yield
        return
    with index_lookups(connection) if _is_lookup_cheaper(connection, queue, number) else hashed_joins(connection):
        yield


def _is_lookup_cheaper(connection: Connection, queue: MappedTable, number: int | None) -> bool:
    if number is None:
        return False
    about = {"schema": queue.schema, "name": queue.name, "column": queue.columns["booking_id"]}
    known = connection.execute(_ROWS, about).one()
    return bool(known.indexed and number * ROWS_A_LOOKUP < known.number)
