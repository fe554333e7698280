"""The rights that a role needs in our schema, as SQL."""

from collections.abc import Sequence
from textwrap import indent

from reconciler.store.printed import script
from reconciler.text.sql_quoting import identifier, literal

READ, WRITE = ("SELECT",), ("SELECT", "INSERT", "UPDATE", "DELETE")


def schema_grants(role: str, *, read_only: bool = False) -> str:
    """Repeatable SQL with what a role needs in our schema, which exists, if it does not own it."""
    on_schema, *on_tables = (f"    {line}\n" for line in grant_lines(role, READ if read_only else WRITE))
    given = script.act_as(script.SCHEMA_OWNER) + on_schema + script.act_as(script.OUR_OWNER) + "".join(on_tables)
    owns = f"pg_catalog.pg_has_role({literal(role)}, {script.OUR_OWNER}, 'USAGE')"
    return script.block(f"    IF NOT {owns} THEN\n{indent(given, '    ')}    END IF;\n", "rights")


def grant_lines(role: str, wanted: Sequence[str]) -> list[str]:
    """The privileges ``wanted`` on every table of our schema, one statement per line."""
    every_row, to = ", ".join(wanted), f"TO {identifier(role)};"
    return [
        f"GRANT USAGE ON SCHEMA {script.SCHEMA} {to}",
        f"GRANT {every_row} ON ALL TABLES IN SCHEMA {script.SCHEMA} {to}",
        # For the tables of later versions.
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA {script.SCHEMA} GRANT {every_row} ON TABLES {to}",
    ]
