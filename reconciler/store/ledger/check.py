"""Whether our schema is there at the revision that this version needs, and whether our role may use it.

Every command asks, and only ``migrate`` changes the schema: alembic is imported there alone.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from reconciler.errors import DatabaseDisagrees
from reconciler.store.ledger.schema import REVISION, wrong_revision
from reconciler.store.printed import script
from reconciler.store.printed.ledger_grants import READ, WRITE, grant_lines

LEDGER_SCHEMA = script.SCHEMA
_VERSION_TABLE = text("""
    SELECT has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS readable,
           current_user AS role
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'reconciler' AND c.relname = 'alembic_version'
""")
_REVISION = text("SELECT string_agg(version_num, ', ' ORDER BY version_num) FROM reconciler.alembic_version")
_MISSING_PRIVILEGES = text("""
    SELECT DISTINCT privilege, current_user AS role
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, unnest(CAST(:privileges AS text[])) AS privilege
    WHERE n.nspname = 'reconciler' AND c.relkind = 'r' AND NOT has_table_privilege(c.oid, privilege) ORDER BY privilege
""")
_ROW_SECURITY = text("""
    SELECT quote_ident(c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'reconciler' AND c.relkind = 'r' AND row_security_active(c.oid) ORDER BY c.relname
""")
LOCK = 0x7265636F6E63  # any constant of our own


def revision(connection: Connection) -> str | None:
    """The revision the database has, ``None`` before the first ``migrate``.

    Raises:
        DatabaseDisagrees: our schema exists, but our role may not use it.
    """
    found = connection.execute(_VERSION_TABLE).first()
    if found is None:
        return None
    if not found.readable:
        raise _missing_right("use", found.role, WRITE)
    # More than one is a damaged table. It is no revision that we know, and is shown as it is.
    known: str | None = connection.execute(_REVISION).scalar_one()
    return known


def require_ledger(connection: Connection, *, writing: bool = False) -> None:
    """Check that our schema exists at the revision this version needs, and that our role may use it.

    Raises:
        DatabaseDisagrees: it is missing or at another revision, or our role may not read (or write) it.
    """
    found = revision(connection)
    if found is None:
        raise DatabaseDisagrees(
            "schema `reconciler` does not exist in DATABASE_URL's database yet; read-only commands work without it",
            "reconciler migrate (or hand the SQL of `reconciler migrate --sql` to the owner of the database)",
        )
    if found != REVISION:
        raise wrong_revision(found)
    require_rights(connection, writing=writing)


def require_rights(connection: Connection, *, writing: bool) -> None:
    """Check that our role may read every row of our schema and, if ``writing``, write to it.

    Raises:
        DatabaseDisagrees: a privilege is missing, or row-level security hides rows.
    """
    refused = connection.execute(_MISSING_PRIVILEGES, {"privileges": list(WRITE if writing else READ)}).all()
    if refused:
        raise _missing_right(
            " and ".join(row.privilege for row in refused) + " in", refused[0].role, WRITE if writing else READ
        )
    hidden = connection.scalars(_ROW_SECURITY).all()
    if hidden:
        sql = " ".join(f"ALTER TABLE {LEDGER_SCHEMA}.{table} DISABLE ROW LEVEL SECURITY;" for table in hidden)
        raise DatabaseDisagrees(
            "row-level security hides rows of our own schema `reconciler`", f"let its owner run: {sql}"
        )


def _missing_right(what: str, role: str, privileges: Sequence[str]) -> DatabaseDisagrees:
    return DatabaseDisagrees(
        f"our schema `{LEDGER_SCHEMA}` exists, but the role of DATABASE_URL may not {what} it",
        f"let its owner run: {' '.join(grant_lines(role, privileges))}",
    )
