"""Grants and policies as SQL. ``checks`` names single ones, ``grants`` prints all of them."""

from collections.abc import Iterable

from reconciler.store.app.mapping import MappedTable

LINE_WIDTH = 100
_CLAUSES = {"SELECT": "USING (true)", "INSERT": "WITH CHECK (true)", "UPDATE": "USING (true) WITH CHECK (true)"}


def quoted(name: str) -> str:
    """A name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def place(mapped: MappedTable) -> str:
    """A table's qualified name as SQL."""
    return f"{quoted(mapped.schema)}.{quoted(mapped.name)}"


def columns(privilege: str, names: Iterable[str], mapped: MappedTable, role: str) -> str:
    """Grant ``privilege`` on these columns and no others."""
    named = [quoted(name) for name in names]
    listed = f"({', '.join(named)})"
    if len(listed) > LINE_WIDTH:
        listed = f"(\n{_folded(named)}\n)"
    return f"GRANT {privilege} {listed} ON {place(mapped)} TO {quoted(role)};"


def use_of_schema(schema: str, role: str) -> str:
    return f"GRANT USAGE ON SCHEMA {quoted(schema)} TO {quoted(role)};"


def policy(command: str, mapped: MappedTable, role: str) -> str:
    """Let the role use ``command`` on every row. Drops the policy first, so that the SQL can be run again.

    The policy's name contains the role's, so that two roles do not replace each other's policies.
    """
    name = quoted(f"{command.lower()}_by_{role}")
    return (
        f"DROP POLICY IF EXISTS {name} ON {place(mapped)};\n"
        f"CREATE POLICY {name} ON {place(mapped)} FOR {command} TO {quoted(role)} {_CLAUSES[command]};"
    )


def _folded(parts: Iterable[str]) -> str:
    lines = [""]
    for part in parts:
        if lines[-1] and len(lines[-1]) + len(part) + 2 > LINE_WIDTH:
            lines.append("")
        lines[-1] += f", {part}" if lines[-1] else f"    {part}"
    return ",\n".join(lines)
