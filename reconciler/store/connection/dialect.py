"""SQLAlchemy's dialect, without what it asks a new connection by names that others may have taken.

It asks before any transaction of ours pins the path: for the current schema, and for the type ``hstore`` with an
operator that whoever may create in ``public`` can define. That ran with our role's rights: a superuser's in `migrate`.
"""

from sqlalchemy import Connection
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

_NAME = "postgresql.reconciler"
URL = "postgresql+reconciler://"
"""For ``create_engine``, which gets its connections from a creator; with ``use_native_hstore=False``."""


class QualifiedDialect(PGDialect_psycopg):
    """Whatever it asks by itself has the schema of PostgreSQL's own names, or is ``SHOW``."""

    supports_statement_cache = True

    def _get_default_schema_name(self, connection: Connection) -> str:
        found: str = connection.exec_driver_sql("SELECT pg_catalog.current_schema()").scalar_one()
        return found  # NULL where the path leads nowhere; SQLAlchemy's own types say the same


registry.register(_NAME, __name__, QualifiedDialect.__name__)
