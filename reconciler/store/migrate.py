"""Bring our schema up to date, or say the SQL that would."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, text

from reconciler.errors import DatabaseDisagrees
from reconciler.store.database import Database

SCHEMA = "reconciler"
_HEAD = "head"
_VERSIONED = text("""
    SELECT has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'reconciler' AND c.relname = 'alembic_version'
""")
LOCK = 0x7265636F6E63  # any constant of our own


def _config(output: io.StringIO | None = None) -> Config:
    config = Config(output_buffer=output)
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def newest() -> str:
    """The revision this version of the product wants."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def revision(connection: Connection) -> str | None:
    """The revision the database has, ``None`` before the first ``migrate``.

    Raises:
        DatabaseDisagrees: our schema is there, and our role may not use it.
    """
    readable = connection.scalar(_VERSIONED)
    if readable is None:
        return None
    if not readable:
        raise DatabaseDisagrees(
            "our schema `reconciler` is there, and the role of DATABASE_URL may not use it",
            "let its owner run the GRANT lines that `reconciler migrate --sql --role ROLE` prints at its end",
        )
    return MigrationContext.configure(connection, opts={"version_table_schema": SCHEMA}).get_current_revision()


def upgrade(database: Database) -> tuple[str | None, str]:
    """Run what is missing, in one transaction; the revision before and after.

    Raises:
        DatabaseUnreachable: no connection.
        DatabaseDisagrees: our role may not create the schema or its tables.
    """
    with _unknown_revisions_told(), database.transaction() as connection:
        # Two at once: the second waits, then finds nothing to do. A lock of the transaction is safe behind a pooler.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        before = revision(connection)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, _HEAD)
    return before, newest()


def script(role: str | None = None, more: str = "") -> str:
    """Everything as SQL, from nothing to the newest revision, and ``more``: for whoever owns the database.

    With ``role``, also what the jobs' role needs when somebody else owns our schema.
    """
    output = io.StringIO()
    command.upgrade(_config(output), _HEAD, sql=True)
    return output.getvalue() + more + (_GRANTS.format(role='"' + role.replace('"', '""') + '"') if role else "")


_GRANTS = """
GRANT USAGE ON SCHEMA reconciler TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA reconciler TO {role};
GRANT USAGE ON ALL SEQUENCES IN SCHEMA reconciler TO {role};
"""


@contextmanager
def _unknown_revisions_told() -> Iterator[None]:
    try:
        yield
    except CommandError:
        raise DatabaseDisagrees(
            "our schema `reconciler` is at a revision that this version does not know: a newer one has been here",
            "run the newer version of reconciler",
        ) from None
