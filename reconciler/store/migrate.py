"""Bring our schema up to date, or print the SQL that would."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import text

from reconciler.errors import DatabaseDisagrees
from reconciler.store.app.mapping import MappedTable
from reconciler.store.database import Database
from reconciler.store.ledger.check import LOCK, revision
from reconciler.store.ledger.schema import NEWER_VERSION, REVISION
from reconciler.store.printed import script
from reconciler.store.printed.ledger_grants import schema_grants

_NEWEST = "head"


def _config(output: io.StringIO | None = None) -> Config:
    config = Config(output_buffer=output)
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


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


@contextmanager
def _unknown_revision_as_error() -> Iterator[None]:
    try:
        yield
    except CommandError:
        raise DatabaseDisagrees(
            "our schema `reconciler` is at a revision that this version does not know: a newer version migrated it",
            NEWER_VERSION,
        ) from None
