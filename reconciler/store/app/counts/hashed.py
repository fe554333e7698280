"""Which join with the queue is the cheaper one. The planner cannot know: it has no statistics about our expressions.

So is it with a joined table of which each booking's first row counts.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from reconciler.store.app.app_tables import AppTables
from reconciler.store.app.mapping import MappedTable
from reconciler.store.session import hashed_joins

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
    application = tables.application
    joined = [(join.table, next(iter(join.on))) for join in application.joins.values() if join.first_by]
    if application.queue:
        joined.append((application.queue, application.queue.columns["booking_id"]))
    if all(_is_lookup_cheaper(connection, table, key, number) for table, key in joined):
        yield
        return
    with hashed_joins(connection):
        yield


def _is_lookup_cheaper(connection: Connection, table: MappedTable, key: str, number: int | None) -> bool:
    if number is None:
        return False
    about = {"schema": table.schema, "name": table.name, "column": key}
    known = connection.execute(_ROWS, about).one()
    return bool(known.indexed and number * ROWS_A_LOOKUP < known.number)
