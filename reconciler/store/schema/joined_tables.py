"""What names, numbers and facts are read from: the columns that cron.yaml names for them, and the joined tables.

Every fault names the key of cron.yaml. No SQL is offered: a name that is not there is a wrong mapping, and a column
that was added for it would stay empty.
"""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import text

from reconciler.domain.gaps import GapKind, IntegrationFault
from reconciler.store.schema.catalog import CatalogColumn, CatalogTable
from reconciler.store.schema.requirements import ColumnRead, JoinRequirement, TableRequirements

_LIKE = 0.7
"""How alike two names are, from 0 to 1, so that one is suggested for the other. Nothing is changed by a suggestion."""
_MOST_NAMED = 12
_JSON = ("json", "jsonb")
_ALIKE = (("smallint", "integer", "bigint", "numeric"), ("text", "character varying"))
"""Types that are compared without one of them becoming another kind of value: what is unique stays so."""
_UNIQUE = text("""
    SELECT EXISTS (
        SELECT FROM pg_index WHERE indrelid = :oid AND indisunique AND indisvalid AND indpred IS NULL
          -- An expression has number 0.
          AND (CAST(CAST(indkey AS int2[]) AS int[]))[0 : indnkeyatts - 1] <@ CAST(:numbers AS int[]))
""")


def missing_joined_table(need: TableRequirements, join: JoinRequirement) -> IntegrationFault:
    seen = f"bookings.join.{join.name}: there is no table {need.mapped.label}"
    return _fault("table_missing", seen, "correct the name in cron.yaml")


def unknown_reads(table: CatalogTable, need: TableRequirements) -> list[IntegrationFault]:
    """Columns that a key names and the table does not have."""
    unknown = [one for one in need.reads if one.column not in table.columns]
    return [_fault("columns_missing", _unknown(one, need), _meant(one, table)) for one in unknown]


def _unknown(one: ColumnRead, need: TableRequirements) -> str:
    return f"{one.key} names {one.column}, and {need.mapped.label} has no such column"


def _meant(one: ColumnRead, table: CatalogTable) -> str:
    known = sorted(table.columns, key=lambda name: table.columns[name].number)
    lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(one.column.lower(), lower, n=1, cutoff=_LIKE)
    if close:
        return f"correct the name in cron.yaml: did you mean {lower[close[0]]}?"
    return f"correct the name in cron.yaml; the table has {', '.join(known[:_MOST_NAMED])}"


def json_faults(table: CatalogTable, need: TableRequirements) -> Iterator[IntegrationFault]:
    """Paths into what is no JSON, and JSON that is read as if it were a text."""
    for one in need.reads:
        seen = table.columns.get(one.column)
        if seen is None or one.in_json is None or one.in_json == (seen.type in _JSON):
            continue
        named = f"{one.key} reads {need.mapped.label}.{one.column}, which is {seen.type}"
        if one.in_json:
            said = f"{named}, and a path leads into json or jsonb only"
            remedy = "name a json or jsonb column in cron.yaml"
            remedy += ": a text is not read as JSON, whatever it contains" if seen.is_text else ", or the column alone"
            yield _fault("column_type", said, remedy)
        else:
            yield _fault("column_type", f"{named}, and no text", f"name the place inside: {one.column}->>key")


def join_faults(table: CatalogTable, base: CatalogTable | None, need: TableRequirements) -> Sequence[IntegrationFault]:
    """What would keep the join from being made, or let it multiply bookings."""
    join = need.join
    if join is None or base is None:
        return []
    pairs = [
        _Pair(table.columns[theirs], base.columns[own])
        for theirs, own in join.mapped.on.items()
        if theirs in table.columns and own in base.columns
    ]
    place = f"bookings.join.{join.name}"
    found = [_incomparable(place, need, join, pair) for pair in pairs if not table.compares(pair.theirs, pair.own)]
    if found or len(pairs) < len(join.mapped.on):
        return found
    if join.mapped.first_by is None:
        return _multiplying(table, need, place, pairs)
    order = table.columns.get(join.mapped.first_by)
    if order and not table.orders(order):
        seen = f"{place}.first_by names {need.mapped.label}.{order.name}, which is {order.type} and has no order"
        return [_fault("column_type", seen, "name a column that has one, such as an id or a time")]
    return []


@dataclass(frozen=True, slots=True)
class _Pair:
    theirs: CatalogColumn
    own: CatalogColumn

    @property
    def is_alike(self) -> bool:
        types = (self.theirs.type, self.own.type)
        return types[0] == types[1] or any(set(types) <= set(alike) for alike in _ALIKE)


def _incomparable(place: str, need: TableRequirements, join: JoinRequirement, pair: _Pair) -> IntegrationFault:
    seen = (
        f"{place}.on: {need.mapped.label}.{pair.theirs.name} is {pair.theirs.type}, and "
        f"{join.base.label}.{pair.own.name} is {pair.own.type}: they cannot be compared"
    )
    return _fault("column_type", seen, "name the columns that hold the same value in cron.yaml")


def _multiplying(
    table: CatalogTable, need: TableRequirements, place: str, pairs: Sequence[_Pair]
) -> Sequence[IntegrationFault]:
    names = ", ".join(pair.theirs.name for pair in pairs)
    numbers = [pair.theirs.number for pair in pairs if pair.is_alike]
    if table.connection.scalar(_UNIQUE, {"oid": table.oid, "numbers": numbers}):
        return []
    seen = f"{place}: a booking may have several rows, as {need.mapped.label} has no unique key on {names}"
    if len(numbers) < len(pairs):
        seen += " that holds for the bookings' type"
    remedy = "add `first_by: column` to it in cron.yaml: the first row by that column counts; or join by a unique key"
    return [_fault("join_multiplies", seen, remedy)]


def _fault(code: str, seen: str, remedy: str) -> IntegrationFault:
    return IntegrationFault(kind=GapKind.INTEGRATION_SCHEMA, code=code, seen=seen, remedy=remedy, blinds=True)
