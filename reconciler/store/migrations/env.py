"""Alembic's entry: our schema only, its version table inside it."""

from alembic import context
from sqlalchemy import text

_SCHEMA = "reconciler"


def _run() -> None:
    connection = context.config.attributes.get("connection")
    if connection is None:
        context.configure(dialect_name="postgresql", version_table_schema=_SCHEMA)
        with context.begin_transaction():
            context.run_migrations()
        return
    there = connection.scalar(text("SELECT to_regnamespace(:schema) IS NOT NULL"), {"schema": _SCHEMA})
    if not there:
        # CREATE SCHEMA IF NOT EXISTS would want the right to create one even where it is there.
        connection.execute(text(f"CREATE SCHEMA {_SCHEMA}"))
    context.configure(connection=connection, version_table_schema=_SCHEMA)
    with context.begin_transaction():
        context.run_migrations()


_run()
