"""Warnings about the application's tables that break nothing yet."""

import re
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, text

from reconciler.domain.booking_names import is_personal
from reconciler.domain.doctor import Note
from reconciler.store.app.mapping import AppMapping, MappedTable
from reconciler.store.schema import privileges
from reconciler.store.schema.catalog import CatalogTable

LARGE_TABLE_ROWS = 10_000
"""Rows by the table's statistics; a full scan of fewer is as fast as an index."""
SAMPLE = 50
"""Bookings whose ids are read."""
_ZONELESS_NOW = re.compile(r"timezone\('utc'|at time zone 'utc'", re.IGNORECASE)


def schema_notes(connection: Connection, application: AppMapping) -> Sequence[Note]:
    """Indexes that our statements lack on large tables, and defaults that store a wrong time."""
    wanted = {
        "bookings": (application.bookings, ("created_at", "due", "updated", "event_id")),
        "queue": (application.queue, ("booking_id", "provider_id")),
    }
    found: list[Note] = []
    for mapped, columns in wanted.values():
        table = CatalogTable.find(connection, mapped) if mapped else None
        if mapped and table:
            found += _unindexed(table, mapped, columns)
            found += _zoneless_default(table, mapped)
    return [*found, *_personal_ids(connection, application.bookings)]


def _unindexed(table: CatalogTable, mapped: MappedTable, columns: Sequence[str]) -> Iterator[Note]:
    if table.estimate() < LARGE_TABLE_ROWS:
        return
    for ours in columns:
        theirs = mapped.columns.get(ours)
        if theirs in table.columns and theirs and not table.is_indexed(theirs):
            yield Note(
                message=f"{mapped.label} has about {table.estimate():,} rows and no index on {theirs}",
                remedy="create it; CONCURRENTLY does not block the application",
                sql=f"CREATE INDEX CONCURRENTLY ON {privileges.place(mapped)} ({privileges.quoted(theirs)});",
            )


def _personal_ids(connection: Connection, mapped: MappedTable) -> Iterator[Note]:
    """Ids that are addresses or telephone numbers, in a sample."""
    theirs, table = mapped.columns.get("id") or "", CatalogTable.find(connection, mapped)
    if table is None or theirs not in table.columns or not table.columns[theirs].is_text:
        return
    ids = connection.scalars(text(f"SELECT {privileges.quoted(theirs)} FROM {privileges.place(mapped)} LIMIT {SAMPLE}"))
    if any(map(is_personal, ids)):
        yield Note(
            message=f"ids in {mapped.label}.{theirs} look like e-mail addresses or telephone numbers",
            remedy="alerts name such a booking by a digest, which `reconciler explain` takes too; its text and its "
            "event show the first eight characters of the id",
        )


def _zoneless_default(table: CatalogTable, mapped: MappedTable) -> Iterator[Note]:
    """``timezone('utc', now())`` has no zone; a ``timestamptz`` column reads it as the session's local time."""
    theirs = mapped.columns.get("created_at")
    column = table.columns.get(theirs or "")
    if theirs and column and column.type == "timestamp with time zone" and _ZONELESS_NOW.search(table.default(theirs)):
        yield Note(
            message=f"the default of {mapped.label}.{theirs} depends on the session's time zone",
            remedy="set it to now(); existing rows are unchanged",
            sql=f"ALTER TABLE {privileges.place(mapped)} ALTER COLUMN {privileges.quoted(theirs)} SET DEFAULT now();",
        )
