"""Our schema as a whole: whether it exists, which installation it belongs to, and the database's clock."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from reconciler.errors import DatabaseDisagrees
from reconciler.ports import Installation

# Without the privilege to see the schema, our role treats it as absent; to_regclass would raise an error.
_EXISTS = text("""
    SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                   WHERE n.nspname = 'reconciler' AND c.relname = 'intent'
                     AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'))
""")
_WRITABLE = text("""
    SELECT has_table_privilege(c.oid, 'INSERT') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'reconciler' AND c.relname = 'intent'
""")

REVISION = "0013"
"""The revision that this version's statements are written for: the newest one in ``store/migrations``."""
NEWER_VERSION = "run the newer version of reconciler"
_INSTALLATION = text("""
    SELECT id::text AS id, since, (SELECT version_num FROM reconciler.alembic_version) AS revision
    FROM reconciler.installation
""")


def wrong_revision(found: str) -> DatabaseDisagrees:
    """The error for a ledger of another revision."""
    return DatabaseDisagrees(
        f"our schema `reconciler` is at revision {found}, and this version needs {REVISION}",
        "reconciler migrate" if found < REVISION else NEWER_VERSION,
    )


@dataclass(frozen=True, slots=True)
class PostgresLedger:
    """``ports.Ledger`` over one connection in one transaction."""

    connection: Connection

    def exists(self) -> bool:
        return bool(self.connection.scalar(_EXISTS))

    def is_ours_to_write(self) -> bool:
        return bool(self.connection.scalar(_WRITABLE))

    def installation(self) -> Installation:
        row = self.connection.execute(_INSTALLATION).one()
        if row.revision != REVISION:
            raise wrong_revision(row.revision)
        return Installation(id=row.id, since=row.since)

    def now(self) -> datetime:
        now: datetime = self.connection.scalar(text("SELECT clock_timestamp()"))
        return now
