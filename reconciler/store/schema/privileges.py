"""Grants and policies as SQL. ``checks`` names single ones, ``grants`` prints all of them."""

import re
from collections.abc import Iterable

from reconciler.store.app.evidence.queue_conditions import OURS
from reconciler.store.app.mapping import MappedTable
from reconciler.text.sql_quoting import identifier, literal

LINE_WIDTH = 100
_CLAUSES = {"SELECT": "USING (true)", "INSERT": "WITH CHECK (true)", "UPDATE": "USING (true) WITH CHECK (true)"}
_OF_OURS = "USING (pg_catalog.starts_with({error}::pg_catalog.text, " + literal(OURS) + ")) WITH CHECK (true)"
"""The rows of the queue that we may update: those that still say in their error that they are ours."""


def columns(privilege: str, names: Iterable[str], mapped: MappedTable, role: str) -> str:
    """Grant ``privilege`` on these columns and no others."""
    named = [identifier(name) for name in names]
    listed = f"({', '.join(named)})"
    if len(listed) > LINE_WIDTH:
        listed = f"(\n{_folded(named)}\n)"
    return f"GRANT {privilege} {listed} ON {mapped.as_sql} TO {identifier(role)};"


def use_of_schema(schema: str, role: str) -> str:
    return f"GRANT USAGE ON SCHEMA {identifier(schema)} TO {identifier(role)};"


def policy(command: str, mapped: MappedTable, role: str) -> str:
    """Let the role use ``command`` on every row; in the queue it may update our own rows only.

    Drops the policy first, so that the SQL can be run again. The policy's name contains the role's, so that two roles
    do not replace each other's policies.
    """
    name = identifier(f"{command.lower()}_by_{role}")
    return (
        f"DROP POLICY IF EXISTS {name} ON {mapped.as_sql};\n"
        f"CREATE POLICY {name} ON {mapped.as_sql} FOR {command} TO {identifier(role)} {_clause(command, mapped)};"
    )


def covers_own_rows(shows: str | None, error: str) -> bool:
    """Whether a policy's USING, as PostgreSQL prints it, is that of our own rows; ``error`` is the column's name."""
    column = rf"\(?\"?{re.escape(error)}\"?\)?(::text)?"
    return re.fullmatch(rf"starts_with\({column}, '{re.escape(OURS)}'::text\)", shows or "") is not None


def _clause(command: str, mapped: MappedTable) -> str:
    if command == "UPDATE" and "error" in mapped.columns:
        return _OF_OURS.format(error=identifier(mapped.columns["error"]))
    return _CLAUSES[command]


def _folded(parts: Iterable[str]) -> str:
    lines = [""]
    for part in parts:
        if lines[-1] and len(lines[-1]) + len(part) + 2 > LINE_WIDTH:
            lines.append("")
        lines[-1] += f", {part}" if lines[-1] else f"    {part}"
    return ",\n".join(lines)
