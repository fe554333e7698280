"""Which values a column cannot hold, and the SQL that lets it hold them. Nothing of the application's is called."""

from collections.abc import Iterable, Sequence

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from reconciler.domain.gaps import GapKind, IntegrationFault
from reconciler.store.schema import plain_checks
from reconciler.store.schema.catalog import CatalogColumn, CatalogTable
from reconciler.store.schema.requirements import TableRequirements
from reconciler.text.sql_quoting import identifier, literal

_CHECKS = text("""
    SELECT conname AS name, pg_get_expr(conbin, conrelid) AS expression
    FROM pg_constraint JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = :number
    WHERE conrelid = :oid AND contype = 'c' AND conkey = ARRAY[CAST(:number AS int2)]
      -- Under such a collation, words are equal that are written differently.
      AND NOT EXISTS (SELECT FROM pg_collation c WHERE c.oid = a.attcollation AND NOT c.collisdeterministic)
""")
_LABELS = text("SELECT enumlabel FROM pg_enum WHERE enumtypid = :type_oid")
_ENUM = text("""
    SELECT n.nspname AS schema, t.typname AS name, pg_get_userbyid(t.typowner) AS owner
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.oid = :type_oid
""")


def value_faults(table: CatalogTable, need: TableRequirements) -> list[IntegrationFault]:
    """The values of ours that a column cannot hold, and the rules that could find nothing."""
    found = []
    for ours, values in need.values.items():
        column = need.mapped.columns[ours]
        forbidden = forbidden_values(table, column, values)
        if forbidden:
            seen = f"{need.mapped.label}.{column} cannot hold {', '.join(forbidden)}"
            remedy = "extend its CHECK or enum, or correct the names in cron.yaml"
            found.append(_fault(seen, remedy, *_widening_sql(table, column, forbidden)))
    for ours, values in need.one_of.items():
        column = need.mapped.columns[ours]
        if len(forbidden_values(table, column, values)) == len(values):
            seen = f"{need.mapped.label}.{column} can hold none of {', '.join(values)}: the rule would find nothing"
            remedy = "extend its CHECK or enum, or turn this rule off in cron.yaml"
            found.append(_fault(seen, remedy, *_widening_sql(table, column, values), blinds=True))
    for column, values in need.compared.items():
        never = forbidden_values(table, column, values)
        if never:
            seen = (
                f"{need.mapped.label}.{column} is {table.columns[column].type}, and can never hold {', '.join(never)}"
            )
            found.append(_fault(seen, f"correct {need.where_key} in cron.yaml", "", "", blinds=True))
    return found


def forbidden_values(table: CatalogTable, column: str, values: Iterable[str]) -> Sequence[str]:
    """Those of ``values`` that the column's type, its enum or a plain CHECK of it rejects.

    Any other CHECK is not judged here: the trial write asks PostgreSQL.
    """
    seen = table.columns[column]
    if seen.is_enum:
        labels = set(table.connection.scalars(_LABELS, {"type_oid": seen.type_oid}))
        return [value for value in values if value not in labels]
    checks = _checks(table, seen)
    return [
        value
        for value in values
        if not _can_hold(table, seen, value)
        or any(plain_checks.accepts(expression, column, value) is False for expression in checks.values())
    ]


def enum_labels(table: CatalogTable, column: str) -> list[str]:
    """The words that a column of an enum type takes; empty for any other type."""
    seen = table.columns[column]
    return list(table.connection.scalars(_LABELS, {"type_oid": seen.type_oid})) if seen.is_enum else []


def has_plain_checks_only(table: CatalogTable, column: str) -> bool:
    """Whether every CHECK of this column alone lists values."""
    checks = _checks(table, table.columns[column]).values()
    return all(plain_checks.accepts(expression, column, "") is not None for expression in checks)


def _widening_sql(table: CatalogTable, column: str, values: Sequence[str]) -> tuple[str, str]:
    """SQL that makes the column's enum or plain CHECKs accept ``values`` too, and its owner; '' if there is none."""
    seen = table.columns[column]
    listed = [literal(value) for value in values]
    if seen.is_enum:
        enum = table.connection.execute(_ENUM, {"type_oid": seen.type_oid}).one()
        named = identifier(enum.schema, enum.name)
        return "\n".join(f"ALTER TYPE {named} ADD VALUE IF NOT EXISTS {value};" for value in listed), enum.owner
    parts = []
    for name, expression in _checks(table, seen).items():
        refused = any(plain_checks.accepts(expression, column, value) is False for value in values)
        if refused and expression.isprintable():
            wider = f"({expression}) OR {identifier(column)} IN ({', '.join(listed)})"
            parts.append(f"DROP CONSTRAINT {identifier(name)}, ADD CONSTRAINT {identifier(name)} CHECK ({wider})")
    return f"ALTER TABLE {table.as_sql} {', '.join(parts)};" if parts else "", table.owner


def _checks(table: CatalogTable, column: CatalogColumn) -> dict[str, str]:
    rows = table.connection.execute(_CHECKS, {"oid": table.oid, "number": column.number})
    return {row.name: row.expression for row in rows}


def _can_hold(table: CatalogTable, column: CatalogColumn, value: str) -> bool:
    """Whether the value is one of the column's type: a number or a boolean never equals a word.

    Only a type of PostgreSQL's own is asked: another may have a cast or a CHECK that calls the application's function.
    """
    if column.is_text or not column.is_built_in:
        return True
    trial = table.connection.begin_nested()
    try:
        table.connection.execute(text(f"SELECT CAST(CAST(:value AS text) AS {column.type})"), {"value": value})
    except DBAPIError:
        return False
    finally:
        trial.rollback()
    return True


def _fault(seen: str, remedy: str, sql: str, owner: str, *, blinds: bool = False) -> IntegrationFault:
    return IntegrationFault(
        kind=GapKind.INTEGRATION_SCHEMA,
        code="value_forbidden",
        seen=seen,
        remedy=remedy,
        sql=sql,
        sql_owner=owner,
        blinds=blinds,
    )
