"""Our schema as a whole: whether it exists, which installation it belongs to, and the database's clock."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

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


@dataclass(frozen=True, slots=True)
class PostgresLedger:
    """``ports.Ledger`` over one connection in one transaction."""

    connection: Connection

    def exists(self) -> bool:
        return bool(self.connection.scalar(_EXISTS))

    def is_ours_to_write(self) -> bool:
        return bool(self.connection.scalar(_WRITABLE))

    def installation(self) -> Installation:
        row = self.connection.execute(text("SELECT id::text, since FROM reconciler.installation")).one()
        return Installation(id=row[0], since=row[1])

    def now(self) -> datetime:
        now: datetime = self.connection.scalar(text("SELECT clock_timestamp()"))
        return now
