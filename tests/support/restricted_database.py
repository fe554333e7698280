"""A venue that lets nobody in: row-level security forced on every table, and the jobs' role has nothing yet."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import sql

from reconciler.sandbox.postgres import PostgresServer
from reconciler.store import migrate
from tests.support.application_db import TABLES, Venue
from tests.support.debian import PASSWORD

OWNER = "venue_owner"
_CLOSED = f"""
    DROP SCHEMA reconciler;
    ALTER SCHEMA public OWNER TO {OWNER};
    REVOKE ALL ON SCHEMA public FROM PUBLIC;
    GRANT USAGE ON SCHEMA public TO venue_app;
""" + "".join(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY;" for table in TABLES)


@contextmanager
def closed_venue(postgres: PostgresServer, template: str, name: str) -> Iterator[tuple[Venue, str]]:
    """The application's database, closed, and the jobs' role; mixed case, so that it must be quoted."""
    postgres.create_database(name, template)
    venue, role = Venue(postgres, name, altered=True), f"Job_{name}"
    venue.sql(_CLOSED)
    venue.sql(sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(sql.Identifier(name), sql.Identifier(OWNER)))
    venue.sql(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(PASSWORD)))
    try:
        yield venue, role
    finally:
        postgres.drop_database(name)
        with postgres.connect("postgres") as connection:
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def migrate_as_owner(venue: Venue) -> None:
    with venue.database(OWNER) as database:
        migrate.upgrade(database)
    venue.settle_in()
