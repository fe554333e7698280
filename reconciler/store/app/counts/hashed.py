"""Which join with the queue is the cheaper one. The planner cannot know: it has no statistics about our expressions.

So is it with a joined table of which each booking's first row counts.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from reconciler.store.app.app_tables import AppTables
from reconciler.store.app.mapping import EvidenceLog, EvidenceRows
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
    """Within the context, the planner joins by a hash with what shows texts and events, unless lookups are cheaper.

    ``number``: how many bookings are joined; ``None`` if it is unknown and may be large. Without an index each lookup
    would read a whole table, so even few bookings are hashed.
    """
    places = list(_places(tables))
    if not places:
        yield
        return
    cheaper = all(_is_lookup_cheaper(connection, *place, number) for place in places)
    with index_lookups(connection) if cheaper else hashed_joins(connection):
        yield


def _places(tables: AppTables) -> Iterator[tuple[str, str, str]]:
    """Schema, table and column that bookings are looked up by. Our own ledger has an index on them."""
    queue = tables.application.queue
    if queue:
        yield queue.schema, queue.name, queue.columns["booking_id"]
    for join in tables.application.joins.values():
        if join.first_by:
            yield join.table.schema, join.table.name, next(iter(join.on))
    for one in (one for several in tables.application.evidence.values() for one in several):
        match one:
            case EvidenceRows():
                yield one.table.schema, one.table.name, one.table.columns["link"]
            case EvidenceLog():
                yield one.table.schema, one.table.name, ""  # it is looked up by the last digits, and by no column


def _is_lookup_cheaper(connection: Connection, schema: str, name: str, column: str, number: int | None) -> bool:
    if number is None:
        return False
    known = connection.execute(_ROWS, {"schema": schema, "name": name, "column": column}).first()
    return bool(known and known.indexed and number * ROWS_A_LOOKUP < known.number)
