"""Columns that cron.yaml names and the table lacks: lost by a migration that never ran, or named wrongly.

SQL is offered for the first only. A column that is added for a wrong name would stay empty, and every scan would
believe it. It is never offered for a key or a code.
"""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import replace

from reconciler.domain.gaps import GapKind, IntegrationFault
from reconciler.store.app.mapping import MappedTable
from reconciler.store.schema import privileges
from reconciler.store.schema.catalog import CatalogColumn, CatalogTable
from reconciler.store.schema.columns.types import EXPECTED_TYPES
from reconciler.store.schema.requirements import TableRequirements
from reconciler.text.sql_quoting import identifier

MOST_LACKING = 0.5
"""A table that lacks a greater share of what is named is another table, and not one whose migration is missing."""
ALIKE = 0.9
"""How alike two names are, from 0 to 1, if one may be meant by the other: created_at and updated_at are less."""


def missing_columns(
    table: CatalogTable, need: TableRequirements, keys: Mapping[str, CatalogColumn]
) -> list[IntegrationFault]:
    """One fault for all columns that are missing. ``keys``: the columns that some of them refer to, by our names."""
    mapped = need.mapped
    missing = {ours: theirs for ours, theirs in mapped.columns.items() if theirs not in table.columns}
    if not missing:
        return []
    meant = _meant(table, mapped, missing)
    fault = IntegrationFault(
        kind=GapKind.INTEGRATION_SCHEMA,
        code="columns_missing",
        seen=f"{mapped.label} lacks {len(missing)} column{'s' if len(missing) > 1 else ''}: "
        f"{', '.join(missing.values())}",
        remedy="map their real names in cron.yaml",
        blinds=True,
    )
    if meant:
        said = ", ".join(f"{theirs}: did you mean {found}?" for theirs, found in meant.items())
        return [replace(fault, remedy=f"{fault.remedy}: {said}")]
    if table.is_view or {"id", "reference"} & missing.keys() or len(missing) > MOST_LACKING * len(mapped.columns):
        has = ", ".join(list(table.columns)[:_MOST_NAMED])
        return [replace(fault, remedy=f"{fault.remedy}; the table has {has}")]
    sql = "\n".join([_added(mapped, missing, keys), *_grants_for_added(table, need, missing)])
    return [replace(fault, remedy=f"add them, or {fault.remedy}", sql=sql)]


_MOST_NAMED = 12


def _meant(table: CatalogTable, mapped: MappedTable, missing: Mapping[str, str]) -> dict[str, str]:
    """A missing column -> one that is there, has no other meaning, and is called nearly the same."""
    free = [name for name in table.columns if name not in mapped.columns.values()]
    found = {}
    for theirs in missing.values():
        alike = difflib.get_close_matches(theirs.lower(), [name.lower() for name in free], n=1, cutoff=ALIKE)
        if alike:
            found[theirs] = next(name for name in free if name.lower() == alike[0])
    return found


def _added(mapped: MappedTable, missing: Mapping[str, str], keys: Mapping[str, CatalogColumn]) -> str:
    """Never NOT NULL: the application decides what existing rows should hold."""
    added = [f"ADD COLUMN IF NOT EXISTS {identifier(name)} {_type(ours, keys)}" for ours, name in missing.items()]
    return f"ALTER TABLE {mapped.as_sql} {', '.join(added)};"


def _grants_for_added(table: CatalogTable, need: TableRequirements, missing: Mapping[str, str]) -> Iterator[str]:
    """A grant on columns does not cover an added one. Writing is included: the scanning role may also repair."""
    for privilege, names in need.privileges.items():
        new = [name for name in names if name in missing.values()]
        if new and table.grants_by_column(privilege):
            yield privileges.columns(privilege, new, need.mapped, table.role)


def _type(ours: str, keys: Mapping[str, CatalogColumn]) -> str:
    """A type in SQL that a person may copy into a session where others' types of that name come first.

    A name of several words, such as a time's, and ``boolean`` or ``integer`` are SQL's own wherever they stand.
    """
    name = keys[ours].type if ours in keys else EXPECTED_TYPES.get(ours, ("text",))[0]
    return f"pg_catalog.{name}" if name in ("text", "date", "uuid") else name
