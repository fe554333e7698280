"""What every printed script has in common, so that a superuser may run it.

It finds its names in ``pg_catalog`` only, acts as the owner of what it changes, and calls no function of the
application's. ``SET ROLE`` alone is no wall: a function that runs could take the superuser's rights back.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, text

from reconciler.errors import DatabaseDisagrees
from reconciler.store.session import BUILT_IN_PATH
from reconciler.text.sql_quoting import dollar_quoted, identifier, literal

SCHEMA = "reconciler"
_REFUSED = "refused: an event trigger would call a function that a role without a superuser's rights may replace"
_REMEDY = "run it as the owner of the application's tables, or let a superuser own the event triggers' functions"
_IS_UNSAFE = """
    (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = session_user) AND EXISTS (
        SELECT FROM pg_catalog.pg_event_trigger AS e
        JOIN pg_catalog.pg_proc AS p ON p.oid = e.evtfoid JOIN pg_catalog.pg_roles AS r ON r.oid = p.proowner
        WHERE e.evtenabled <> 'D' AND NOT r.rolsuper
    )"""
_HEAD = f"""\
BEGIN;
-- Whatever else is in this database, every name below is PostgreSQL's own or has its schema.
SET LOCAL client_encoding = 'UTF8';
SET LOCAL standard_conforming_strings = on;
{BUILT_IN_PATH};
"""
END = "\nCOMMIT;\n"
OUR_OWNER = f"""coalesce(
            (SELECT relowner FROM pg_catalog.pg_class WHERE relname = 'alembic_version' AND relnamespace =
                (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = '{SCHEMA}')),
            (SELECT nspowner FROM pg_catalog.pg_namespace WHERE nspname = '{SCHEMA}'))"""
"""The oid of the role that owns our tables, or will own them; NULL before our schema exists. A name of a table with its
schema would demand USAGE on the schema, which the owner of the application's tables need not have."""
SCHEMA_OWNER = f"(SELECT nspowner FROM pg_catalog.pg_namespace WHERE nspname = '{SCHEMA}')"


def begin() -> str:
    """The beginning of a script: one transaction, with nothing of the session's that changes its meaning."""
    return _HEAD + block(
        f"    IF {_IS_UNSAFE.strip()} THEN\n"
        f"        RAISE EXCEPTION USING MESSAGE = {literal(_REFUSED)},\n"
        f"            HINT = {literal(_REMEDY)};\n"
        f"    END IF;\n",
        "guard",
    )


def block(statements: str, tag: str, declared: str = "") -> str:
    """A ``DO`` of statements in PL/pgSQL."""
    declare = f"DECLARE\n{declared}" if declared else ""
    return f"DO {dollar_quoted(f'{chr(10)}{declare}BEGIN{chr(10)}{statements}END{chr(10)}', tag)};\n"


def act_as(owner: str) -> str:
    """Statements in PL/pgSQL: act as the role whose oid ``owner`` is, until the transaction ends."""
    return f"""\
    BEGIN
        EXECUTE 'SET LOCAL ROLE ' || pg_catalog.quote_ident(pg_catalog.pg_get_userbyid({owner}));
    EXCEPTION WHEN insufficient_privilege THEN
        NULL;  -- The session's role is no superuser then: what follows succeeds or fails by its own rights.
    END;
"""


def act_as_owner_of(*table: str) -> str:
    """Act as the owner of a table from here on."""
    named = literal(identifier(*table))
    owner = f"(SELECT relowner FROM pg_catalog.pg_class WHERE oid = {named}::pg_catalog.regclass)"
    return block(act_as(owner), "owner")


def act_as_our_owner() -> str:
    """Act as the owner of our own tables from here on."""
    return block(act_as(OUR_OWNER), "owner")


def create_schema(*table: str) -> str:
    """Create our schema if it does not exist, for the owner of this table of the application's."""
    create, named = f"CREATE SCHEMA {SCHEMA}", literal(identifier(*table))
    return block(
        f"""\
    IF pg_catalog.to_regnamespace('{SCHEMA}') IS NULL THEN
        SET LOCAL ROLE NONE;
        BEGIN
            EXECUTE {literal(f"{create} AUTHORIZATION ")} || pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(owner));
        EXCEPTION WHEN insufficient_privilege OR null_value_not_allowed THEN
            {create};
        END;
    END IF;
""",
        "schema",
        f"    owner oid := (SELECT relowner FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass({named}));\n",
    )


def script_of(statements: Iterable[tuple[str, str]]) -> str:
    """One script of pairs: the role that owns what a statement changes, and the statement. '' of none."""
    parts, acting = [], ""
    for owner, statement in statements:
        if owner != acting:
            parts.append(f"SET LOCAL ROLE {identifier(owner)};\n" if owner else "SET LOCAL ROLE NONE;\n")
            acting = owner
        parts.append(f"{statement}\n")
    return begin() + "".join(parts) + END.lstrip() if parts else ""


def refuse_event_triggers(connection: Connection) -> None:
    """The same for what we run ourselves as a superuser.

    Raises:
        DatabaseDisagrees: an event trigger calls a function of a role that is none.
    """
    if connection.scalar(text(f"SELECT {_IS_UNSAFE}")):
        raise DatabaseDisagrees(_REFUSED, _REMEDY, code="event_trigger")


def act_as_owner_of_ours(connection: Connection) -> None:
    """A superuser's session acts as the owner of our own tables, if there are any, until the transaction ends."""
    refuse_event_triggers(connection)
    owner = connection.scalar(
        text(f"""
            SELECT pg_get_userbyid({OUR_OWNER}) FROM pg_roles WHERE rolname = session_user AND rolsuper
        """)
    )
    if owner:
        connection.exec_driver_sql(f"SET LOCAL ROLE {identifier(owner)}".replace("%", "%%"))
