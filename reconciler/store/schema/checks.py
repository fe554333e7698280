"""``integration.schema``: whatever in the database would falsify a scan or break a repair, row-level security included.

Every fault names the SQL that fixes it, where SQL can. We never write an incomplete row to fit a broken schema.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from reconciler.domain.gaps import GapKind, IntegrationFault
from reconciler.store.app.mapping import MappedTable
from reconciler.store.schema import privileges
from reconciler.store.schema.catalog import CatalogColumn, CatalogTable, CatalogTables
from reconciler.store.schema.columns.missing import missing_columns
from reconciler.store.schema.columns.types import type_faults
from reconciler.store.schema.joined_tables import join_faults, json_faults, missing_joined_table, unknown_reads
from reconciler.store.schema.requirements import TableRequirements
from reconciler.store.schema.values import value_faults
from reconciler.store.schema.views import hidden_behind, view_to_repair_by
from reconciler.text.sql_quoting import identifier


def faults(connection: Connection, wanted: Iterable[TableRequirements], *, writing: bool) -> Sequence[IntegrationFault]:
    """Every requirement that the database does not meet; without ``writing``, only those for reading."""
    tables = CatalogTables(connection)
    return [fault for need in wanted for fault in _faults_of(tables, need, writing=writing)]


def _faults_of(tables: CatalogTables, need: TableRequirements, *, writing: bool) -> list[IntegrationFault]:
    table = tables.find(need.mapped)
    if table is None:
        return [missing_joined_table(need, need.join) if need.join else _missing_table(need.mapped)]
    found = _check(tables, table, need, writing=writing)
    return [replace(fault, sql_owner=fault.sql_owner or table.owner) if fault.sql else fault for fault in found]


def _check(
    tables: CatalogTables, table: CatalogTable, need: TableRequirements, *, writing: bool
) -> list[IntegrationFault]:
    if not table.may_use_schema:
        return [_schema_closed(table, need.mapped)]
    keys = _keys({ours: tables.find(mapped) for ours, mapped in need.refers.items()}, need)
    columns = [
        *missing_columns(table, need, keys),
        *type_faults(table, need),
        *_unknown_columns(table, need),
        *_incomparable(table, need, keys),
        *unknown_reads(table, need),
        *json_faults(table, need),
        *join_faults(table, tables.find(need.join.base) if need.join else None, need),
    ]
    if columns:
        return columns
    if table.is_view:
        # What is joined and what shows an effect is only read, also by a repair.
        repairs_by_it = writing and need.join is None and not need.shows
        return [view_to_repair_by(table, need.mapped)] if repairs_by_it else _view_faults(table, need)
    need = need if writing else need.read_only()
    unreadable = _unreadable(table, need)
    if unreadable:
        return unreadable
    return [
        *_hidden_rows(table, need),
        *value_faults(table, need),
        *_unwritable(table, need),
        *_unfilled_columns(table, need),
        *_missing_key(table, need),
    ]


def _missing_table(mapped: MappedTable) -> IntegrationFault:
    return _fault(
        "table_missing",
        f"there is no table {mapped.label}",
        "correct the name in cron.yaml (a materialized view or a foreign table does not work), or turn off the rules "
        "that need it (policy: off)",
        blinds=True,
    )


def _keys(others: Mapping[str, CatalogTable | None], need: TableRequirements) -> dict[str, CatalogColumn]:
    """Our name of a column that refers to another table -> that table's key column, if it exists."""
    found = {}
    for ours, mapped in need.refers.items():
        other = others[ours]
        if other and mapped.columns["id"] in other.columns:
            found[ours] = other.columns[mapped.columns["id"]]
    return found


def _schema_closed(table: CatalogTable, mapped: MappedTable) -> IntegrationFault:
    seen = f"our role may not use the schema {mapped.schema}, where {mapped.label} is"
    sql = privileges.use_of_schema(mapped.schema, table.role)
    fault = _fault("right_missing", seen, "grant it to the role of DATABASE_URL", sql=sql, blinds=True)
    return replace(fault, sql_owner=table.schema_owner)


_WRONG_NAME = "correct the name in cron.yaml: under `only`, `where`, `not_after` or `evidence`"


def _unknown_columns(table: CatalogTable, need: TableRequirements) -> list[IntegrationFault]:
    unknown = [name for name in need.selects_by if name not in table.columns]
    if not unknown:
        return []
    seen = f"{need.mapped.label} lacks {_columns_named(unknown)}"
    return [
        _fault(
            "columns_missing",
            seen,
            "correct the name in cron.yaml: under `only`, `where`, `not_after` or `evidence`",
            blinds=True,
        )
    ]


def _incomparable(
    table: CatalogTable, need: TableRequirements, keys: Mapping[str, CatalogColumn]
) -> list[IntegrationFault]:
    """Every scan joins on these columns."""
    found = []
    for ours, key in keys.items():
        column = table.columns.get(need.mapped.columns[ours])
        if column is None or table.compares(column, key):
            continue
        seen = (
            f"{need.mapped.label}.{column.name} is {column.type}, and {need.refers[ours].label}.{key.name}, which it "
            f"refers to, is {key.type}: they cannot be compared"
        )
        remedy = "map the column that holds the other table's id in cron.yaml"
        found.append(_fault("column_type", seen, remedy, blinds=True))
    return found


def _unreadable(table: CatalogTable, need: TableRequirements) -> list[IntegrationFault]:
    refused = table.lacks("SELECT", need.selects)
    return [_missing_privilege("SELECT", table, need.mapped, refused, blinds=True)] if refused else []


def _view_faults(view: CatalogTable, need: TableRequirements) -> list[IntegrationFault]:
    """What would falsify a scan of a view: a missing right, or a policy of a table behind it that hides rows."""
    read = need.read_only()
    unreadable = _unreadable(view, read)
    return unreadable or [*hidden_behind(view, need.mapped), *value_faults(view, read)]


def _unwritable(table: CatalogTable, need: TableRequirements) -> list[IntegrationFault]:
    found = []
    inserts = table.lacks("INSERT", need.theirs(need.inserts))
    if inserts:
        found.append(_missing_privilege("INSERT", table, need.mapped, inserts))
    updates = table.lacks("UPDATE", need.theirs(need.updates))
    if updates:
        found.append(_missing_privilege("UPDATE", table, need.mapped, updates))
    if need.locks and not updates and not table.may_lock():
        seen = f"our role may not SELECT .. FOR UPDATE on {need.mapped.label}, which needs UPDATE on one column"
        sql = privileges.columns("UPDATE", need.updated, need.mapped, table.role)
        found.append(_fault("right_missing", seen, "grant it to the role of DATABASE_URL", sql=sql))
    return found


def _hidden_rows(table: CatalogTable, need: TableRequirements) -> list[IntegrationFault]:
    found = []
    if table.has_row_security:
        used = ["SELECT"]
        used += ["INSERT"] if need.inserts else []
        used += ["UPDATE"] if need.updated else []
        found = [fault for command in used if (fault := _policy(table, need.mapped, command))]
    if not found and table.appears_empty() and table.estimate > 0:
        seen = f"{need.mapped.label} appears empty, but its statistics say {table.estimate} rows"
        # As prose, not as SQL that could be run unread: ANALYZE would silence the alarm and restore nothing.
        remedy = (
            f"find out what hides the rows or who deleted them; only if they are really gone: ANALYZE {table.as_sql};"
        )
        found.append(_fault("no_rows", seen, remedy, blinds=True))
    return found


def _policy(table: CatalogTable, mapped: MappedTable, command: str) -> IntegrationFault | None:
    is_open, restrictive = table.has_open_policy(command), table.restrictive_policies(command)
    if command == "UPDATE" and "error" in mapped.columns:
        is_open = is_open or table.has_policy_of_own_rows(mapped.columns["error"])
    if is_open and not restrictive:
        return None
    remedies = [] if is_open else ["add a policy for the role of DATABASE_URL"]
    remedies += [f"exempt the role of DATABASE_URL from the restrictive policy {name}" for name in restrictive]
    return _fault(
        "row_security",
        f"row-level security of {mapped.label} does not let our role {command} every row",
        "; ".join(remedies),
        sql="" if is_open else privileges.policy(command, mapped, table.role),
        blinds=True,
    )


def _unfilled_columns(table: CatalogTable, need: TableRequirements) -> list[IntegrationFault]:
    """NOT NULL columns without a default that we do not fill."""
    if not need.inserts:
        return []
    found, filled = [], set(need.theirs(need.inserts))
    empty = [c.name for c in table.columns.values() if c.required and not c.has_default and c.name not in filled]
    if empty and not table.has_row_trigger():  # a trigger may fill them; the trial row and each repair will show it
        seen = f"{need.mapped.label} requires {_columns_named(empty)}, which we do not fill"
        dropped = [f"ALTER COLUMN {identifier(name)} DROP NOT NULL" for name in empty]
        sql = f"ALTER TABLE {need.mapped.as_sql} {', '.join(dropped)};"
        found.append(_fault("column_required", seen, "give them a default, or let them be NULL", sql=sql))
    for drawn in table.closed_sequences():
        if drawn.column not in filled:
            named = f"{drawn.schema}.{drawn.sequence}"
            seen = f"our role may not use {named}, which numbers {need.mapped.label}.{drawn.column}"
            sql = f"GRANT USAGE ON SEQUENCE {identifier(drawn.schema, drawn.sequence)} TO {identifier(table.role)};"
            fault = _fault("right_missing", seen, "grant it to the role of DATABASE_URL", sql=sql)
            found.append(replace(fault, sql_owner=drawn.owner))
    return found


def _missing_key(table: CatalogTable, need: TableRequirements) -> list[IntegrationFault]:
    """Our row's id must collide with itself if it is inserted twice, and a booking id must mean one booking."""
    if not need.inserts and not need.locks:
        return []
    key = need.mapped.columns["id"]
    if table.is_unique(key):
        return []
    seen = f"{need.mapped.label}.{key} has no unique key of its own"
    sql = f"ALTER TABLE {need.mapped.as_sql} ADD UNIQUE ({identifier(key)});"
    return [_fault("key_missing", seen, "add a primary key, or map the column that has one", sql=sql)]


def _missing_privilege(
    privilege: str, table: CatalogTable, mapped: MappedTable, columns: Sequence[str], *, blinds: bool = False
) -> IntegrationFault:
    seen = f"our role may not {privilege} {_columns_named(columns)} of {mapped.label}"
    sql = privileges.columns(privilege, columns, mapped, table.role)
    return _fault("right_missing", seen, "grant it to the role of DATABASE_URL", sql=sql, blinds=blinds)


def _columns_named(columns: Iterable[str]) -> str:
    names = list(columns)
    return f"{len(names)} column{'s' if len(names) > 1 else ''}: {', '.join(names)}"


def _fault(code: str, seen: str, remedy: str, sql: str = "", *, blinds: bool = False) -> IntegrationFault:
    return IntegrationFault(
        kind=GapKind.INTEGRATION_SCHEMA, code=code, seen=seen, remedy=remedy, sql=sql, blinds=blinds
    )
