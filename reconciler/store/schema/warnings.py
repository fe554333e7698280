"""Warnings about the application's tables that break nothing yet."""

import re
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, text

from reconciler.domain.alerting.booking_names import is_personal
from reconciler.domain.doctor import Note
from reconciler.domain.formatting import sanitize
from reconciler.store.app import recipients
from reconciler.store.app.evidence import number_key
from reconciler.store.app.mapping import AppMapping, EvidenceRows, MappedTable
from reconciler.store.schema.catalog import CatalogTable
from reconciler.text.sql_quoting import identifier

LARGE_TABLE_ROWS = 10_000
"""Rows by the table's statistics; a full scan of fewer is as fast as an index."""
MANY_CUSTOMERS = 200_000
"""Rows by the statistics; who refuses among fewer is found fast enough for every text without an index."""
_MOMENTS = ("created_at", "created_utc", "created_local", "due", "due_utc", "due_local")
"""Our names of columns by which a window of bookings is found."""
SAMPLE = 50
"""Bookings whose ids are read."""
_ZONELESS_NOW = re.compile(r"timezone\('utc'|at time zone 'utc'", re.IGNORECASE)


def schema_notes(connection: Connection, application: AppMapping) -> Sequence[Note]:
    """Indexes that our statements lack on large tables, defaults that store a wrong time, and too many rights."""
    wanted = {
        "bookings": (application.bookings, (*_MOMENTS, "updated", "event_id", "reference")),
        "queue": (application.queue, ("booking_id", "provider_id")),
    }
    found: list[Note] = [*_writable_public(connection, application), *_owned(connection, application)]
    for mapped, columns in wanted.values():
        table = CatalogTable.find(connection, mapped) if mapped else None
        if mapped and table:
            found += _unindexed(table, mapped, columns)
            found += _zoneless_default(table, mapped)
    for join in application.joins.values():
        table = CatalogTable.find(connection, join.table)
        found += _unindexed(table, join.table, list(join.on)[:1]) if table else []
    for one in (one for several in application.evidence.values() for one in several):
        if isinstance(one, EvidenceRows):
            table = CatalogTable.find(connection, one.table)
            found += _unindexed(table, one.table, ("link", "provider_id", "event_id")) if table else []
    if application.customers:
        found += _numbers_unindexed(connection, application.customers)
    if application.queue:
        found += _recent_texts_unindexed(connection, application.queue)
    return [*found, *_personal_ids(connection, application.bookings)]


_WRITERS = text("""
    SELECT CASE granted.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(granted.grantee)) END
    FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS granted
    LEFT JOIN pg_roles r ON r.oid = granted.grantee
    WHERE n.nspname = 'public' AND granted.privilege_type = 'CREATE' AND granted.grantee <> n.nspowner
      AND NOT coalesce(r.rolsuper OR r.rolname = current_user, false)
      AND NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
                      WHERE c.relowner = granted.grantee AND c.relkind IN ('r', 'p')
                        AND s.nspname = :schema AND c.relname = :name)
    ORDER BY granted.grantee
""")
_OWNS = text("""
    SELECT pg_has_role(c.relowner, 'USAGE') AND NOT r.rolsuper FROM pg_class c, pg_roles r
    WHERE c.oid = :oid AND r.rolname = current_user
""")


def _writable_public(connection: Connection, application: AppMapping) -> Iterator[Note]:
    """The owner of the bookings is left out: it may do with them whatever it likes."""
    mapped = application.bookings
    writers = list(connection.scalars(_WRITERS, {"schema": mapped.schema, "name": mapped.name}))
    if writers:
        named = ", ".join(sanitize(writer, 63) for writer in writers)
        taken = [f"REVOKE CREATE ON SCHEMA public FROM {writer};" for writer in writers if writer.isprintable()]
        yield Note(
            message=f"{named} may create in the schema public: a function there can pass for one of PostgreSQL's own",
            remedy="take that right back; what the application creates needs a schema of its own",
            sql="\n".join(taken),
        )


def _owned(connection: Connection, application: AppMapping) -> Iterator[Note]:
    tables = [application.bookings, application.customers, application.queue]
    tables += [join.table for join in application.joins.values()]
    found = {mapped.label: CatalogTable.find(connection, mapped) for mapped in tables if mapped}
    owned = [label for label, table in found.items() if table and connection.scalar(_OWNS, {"oid": table.oid})]
    if owned:
        yield Note(
            message=f"the role of DATABASE_URL owns {', '.join(owned)}: it may change them, and grants do not limit it",
            remedy="give reconciler a role of its own: reconciler grants",
        )


def _unindexed(table: CatalogTable, mapped: MappedTable, columns: Sequence[str]) -> Iterator[Note]:
    if table.estimate < LARGE_TABLE_ROWS:
        return
    for ours in columns:
        theirs = mapped.columns.get(ours)
        if theirs in table.columns and theirs and not table.is_indexed(theirs):
            yield Note(
                message=f"{mapped.label} has about {table.estimate:,} rows and no index on {theirs}",
                remedy="create it; CONCURRENTLY does not block the application",
                sql=f"CREATE INDEX CONCURRENTLY ON {mapped.as_sql} ({identifier(theirs)});",
            )


def _numbers_unindexed(connection: Connection, mapped: MappedTable) -> Iterator[Note]:
    """Consent is asked by the last digits of numbers, before every text."""
    table = CatalogTable.find(connection, mapped)
    if table is None or table.estimate < MANY_CUSTOMERS:
        return
    for ours in recipients.NUMBER_COLUMNS:
        theirs = mapped.columns.get(ours)
        indexed = {"oid": table.oid, "column": theirs or "", "digits": "[^0-9]"}
        if theirs in table.columns and theirs and not connection.scalar(_INDEX_LIKE, indexed):
            yield Note(
                message=f"{mapped.label} has about {table.estimate:,} rows and no index by last digits of {theirs}",
                remedy="create it, or each text reads every customer; CONCURRENTLY does not block the application",
                sql=f"CREATE INDEX CONCURRENTLY ON {mapped.as_sql} (({number_key.key_as_sql(theirs)}));",
            )


def _recent_texts_unindexed(connection: Connection, mapped: MappedTable) -> Iterator[Note]:
    """Before a text is sent, its recipient's texts of the last day are counted, whichever bookings they are about."""
    table = CatalogTable.find(connection, mapped)
    when = [mapped.columns[ours] for ours in recipients.TEXTED_AT if ours in mapped.columns]
    if table is None or table.estimate < LARGE_TABLE_ROWS or not when or not set(when) <= table.columns.keys():
        return
    names = ", ".join(map(identifier, when))
    wanted = names if len(when) == 1 else f"COALESCE({names})"  # as PostgreSQL writes it
    if not connection.scalar(_INDEX_ON, {"oid": table.oid, "wanted": wanted}):
        yield Note(
            message=f"{mapped.label} has about {table.estimate:,} rows and no index by the time at which a text went",
            remedy="create it, or each text reads the whole queue; CONCURRENTLY does not block the application",
            sql=f"CREATE INDEX CONCURRENTLY ON {mapped.as_sql} (({wanted}));",
        )


_INDEX_ON = text("""
    SELECT EXISTS (
        SELECT FROM pg_index WHERE indrelid = :oid AND indisvalid AND indpred IS NULL
          AND translate(pg_get_indexdef(indexrelid, 1, true), '"()', '') = translate(:wanted, '"()', ''))
""")


_INDEX_LIKE = text("""
    SELECT EXISTS (
        SELECT FROM pg_index WHERE indrelid = :oid AND indisvalid AND strpos(pg_get_indexdef(indexrelid), :column) > 0
          AND strpos(pg_get_indexdef(indexrelid), :digits) > 0)
""")


def _personal_ids(connection: Connection, mapped: MappedTable) -> Iterator[Note]:
    """Ids that are addresses or telephone numbers, in a sample."""
    theirs, table = mapped.columns.get("id") or "", CatalogTable.find(connection, mapped)
    if table is None or theirs not in table.columns or not table.columns[theirs].is_text:
        return
    place = identifier(mapped.schema, mapped.name)
    name = identifier(theirs)
    # A column that was lost and added again is empty.
    ids = connection.scalars(text(f"SELECT {name} FROM {place} WHERE {name} IS NOT NULL LIMIT {SAMPLE}"))
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
            sql=f"ALTER TABLE {mapped.as_sql} ALTER COLUMN {identifier(theirs)} SET DEFAULT pg_catalog.now();",
        )
