"""A backup of the database's rows, and its restore in place: into the same database of the same server."""

from tests.support.application_db import TABLES, Venue

_TABLES = """
    SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'reconciler' AND c.relkind = 'r' AND NOT starts_with(c.relname, 'drill_') ORDER BY 1
"""


class Backup:
    """Taken when it is made. Only the ledger's rows are put back, unless the application's are asked for too."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.ledger = [name for (name,) in venue.sql(_TABLES)]
        venue.alter("CREATE SCHEMA backup")
        for table in (*self.ledger, *TABLES):
            venue.sql(f"CREATE TABLE backup.{_name(table)} AS TABLE {table}")

    def restore(self, *, application: bool = False) -> None:
        tables = [*self.ledger, *(TABLES if application else ())]
        rows = "; ".join(
            f"DELETE FROM {table}; INSERT INTO {table} OVERRIDING SYSTEM VALUE TABLE backup.{_name(table)}"
            for table in tables
        )
        self.venue.sql(f"SET session_replication_role = replica; {rows}; SET session_replication_role = DEFAULT")


def _name(table: str) -> str:
    return table.replace(".", "_")
