"""Bring our schema up to date, or print the SQL that would."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import indent

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.util.exc import CommandError
from sqlalchemy import Connection, text

from reconciler.errors import DatabaseDisagrees
from reconciler.store.app.mapping import MappedTable
from reconciler.store.database import Database
from reconciler.store.ledger.schema import NEWER_VERSION, REVISION, wrong_revision
from reconciler.store.printed import script
from reconciler.text.sql_quoting import identifier, literal

LEDGER_SCHEMA = script.SCHEMA
_NEWEST = "head"
_VERSION_TABLE = text("""
    SELECT has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS readable,
           current_user AS role
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'reconciler' AND c.relname = 'alembic_version'
""")
_MISSING_PRIVILEGES = text("""
    SELECT DISTINCT privilege, current_user AS role
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, unnest(CAST(:privileges AS text[])) AS privilege
    WHERE n.nspname = 'reconciler' AND c.relkind = 'r' AND NOT has_table_privilege(c.oid, privilege) ORDER BY privilege
""")
_ROW_SECURITY = text("""
    SELECT quote_ident(c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'reconciler' AND c.relkind = 'r' AND row_security_active(c.oid) ORDER BY c.relname
""")
READ, WRITE = ("SELECT",), ("SELECT", "INSERT", "UPDATE", "DELETE")
LOCK = 0x7265636F6E63  # any constant of our own


def _config(output: io.StringIO | None = None) -> Config:
    config = Config(output_buffer=output)
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


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
    return MigrationContext.configure(connection, opts={"version_table_schema": LEDGER_SCHEMA}).get_current_revision()


def upgrade(database: Database) -> tuple[str | None, str]:
    """Run the missing migrations in one transaction; returns the revision before and after.

    Raises:
        DatabaseUnreachable: no connection.
        DatabaseDisagrees: our role may not create the schema or its tables.
    """
    with _unknown_revision_as_error(), database.transaction() as connection:
        # Of two at once the second waits, then finds nothing to do. A transaction-level lock is safe behind a pooler.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        script.act_as_owner_of_ours(connection)
        before = revision(connection)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, _NEWEST)
    return before, REVISION


def schema_script(bookings: MappedTable, role: str | None = None, more: str = "") -> str:
    """All migrations as SQL, from an empty schema to the newest revision, and ``more``: for the database's owner.

    The owner of the table ``bookings`` will own a new schema. With ``role``, also the grants the jobs' role needs when
    another role owns our schema.
    """
    output = io.StringIO()
    command.upgrade(_config(output), _NEWEST, sql=True)
    steps = output.getvalue().strip().removeprefix("BEGIN;").removesuffix("COMMIT;")
    parts = [
        script.begin(),
        script.create_schema(bookings.schema, bookings.name),
        script.act_as_our_owner(),
        steps,
        more,
        f"\n{schema_grants(role)}" if role else "",
        script.END,
    ]
    return "".join(parts)


def schema_grants(role: str, *, read_only: bool = False) -> str:
    """Repeatable SQL with what a role needs in our schema, which exists, if it does not own it."""
    on_schema, *on_tables = (f"    {line}\n" for line in _grant_lines(role, READ if read_only else WRITE))
    given = script.act_as(script.SCHEMA_OWNER) + on_schema + script.act_as(script.OUR_OWNER) + "".join(on_tables)
    owns = f"pg_catalog.pg_has_role({literal(role)}, {script.OUR_OWNER}, 'USAGE')"
    return script.block(f"    IF NOT {owns} THEN\n{indent(given, '    ')}    END IF;\n", "rights")


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
        f"let its owner run: {' '.join(_grant_lines(role, privileges))}",
    )


def _grant_lines(role: str, wanted: Sequence[str]) -> list[str]:
    every_row, to = ", ".join(wanted), f"TO {identifier(role)};"
    return [
        f"GRANT USAGE ON SCHEMA {LEDGER_SCHEMA} {to}",
        f"GRANT {every_row} ON ALL TABLES IN SCHEMA {LEDGER_SCHEMA} {to}",
        # For the tables of later versions.
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA {LEDGER_SCHEMA} GRANT {every_row} ON TABLES {to}",
    ]


@contextmanager
def _unknown_revision_as_error() -> Iterator[None]:
    try:
        yield
    except CommandError:
        raise DatabaseDisagrees(
            "our schema `reconciler` is at a revision that this version does not know: a newer version migrated it",
            NEWER_VERSION,
        ) from None
