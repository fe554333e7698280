"""Names, numbers and facts of bookings as SQL, and the tables that are joined for them.

A join never drops a booking and never multiplies one: it is an outer one, on a unique key of the joined table, or on
the first of several rows. Which of them is the first, is found for all bookings of a statement at once: where many are
read, a look-up for each would read a table without an index again and again.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    FromClause,
    Table,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    literal_column,
    null,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSON, distinct_on
from sqlalchemy.sql.elements import quoted_name

from reconciler.store.app.mapping import AppMapping, AsStored, MappedField, MappedJoin
from reconciler.store.app.values.filters import row_filters
from reconciler.text.sql_quoting import exact_identifier

_ROWS = "rows"
"""The alias of a joined table while its first rows are looked for."""
_PAIR, _LONE = r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..", r"\\u(0000|[dD][89a-fA-F])"
"""Two halves of a character as JSON may write it; and what PostgreSQL stores in ``json`` and cannot read as text."""


def joined(source: FromClause, booking: Table, mapping: AppMapping, among: ColumnElement[bool] | None) -> FromClause:
    """The source with the tables of ``bookings.join``. Without use, PostgreSQL leaves such a join out.

    ``among``: selects the statement's bookings by their own columns, so that no other's rows are sorted.
    """
    # What goes through another join comes after it.
    for name, join in sorted(mapping.joins.items(), key=lambda item: item[1].through is not None):
        facts: list[ColumnElement[bool]] = []
        if join.first_by is None:
            other: Any = join.table.table().alias(_alias(name))
            facts += row_filters(other, join.where).values()
        else:
            other = _first_rows(join, _read_through(name, mapping), booking, among).subquery(_alias(name))
        keys = [_of(other, theirs) == _key(booking, join, own) for theirs, own in join.on.items()]
        source = source.outerjoin(other, and_(*keys, *facts))
    return source


def _key(booking: Table, join: MappedJoin, own: str) -> ColumnElement[Any]:
    return _of(booking, own) if join.through is None else _joined_column(join.through, own)


def _joined_column(join: str, column: str) -> ColumnElement[Any]:
    return literal_column(f"{exact_identifier(str(_alias(join)))}.{exact_identifier(column)}", AsStored())


def value(booking: Table, field: MappedField) -> ColumnElement[Any]:
    """What stands in the place, as text; NULL where nothing does. Needs ``joined`` if it is read through a join."""
    if field.join is None:
        stored: ColumnElement[Any] = _of(booking, field.column)
    else:
        stored = _joined_column(field.join, field.column)
    return _in_json(stored, field.path) if field.path else cast(stored, Text)


def first_filled(booking: Table, fields: Iterable[MappedField]) -> ColumnElement[Any]:
    """The first of the values that is more than blanks; NULL if none is."""
    values = [value(booking, field) for field in fields]
    if len(values) < 2:
        return values[0] if values else null()
    return func.coalesce(*(func.nullif(func.btrim(one), "") for one in values))


def _first_rows(join: MappedJoin, columns: Iterable[str], booking: Table, among: ColumnElement[bool] | None) -> Any:
    """One row for each key. Rows that are equal in ``first_by`` are told apart by their values: always the same one."""
    rows = join.table.table().alias(_ROWS)
    keys = [_of(rows, theirs) for theirs in join.on]
    read = {name: _of(rows, name) for name in (*join.on, *columns)}
    order = [*keys, _of(rows, join.first_by or ""), *(cast(_of(rows, name), Text).collate("C") for name in columns)]
    counted = row_filters(rows, join.where).values()
    found = select(*read.values()).ext(distinct_on(*keys)).where(*counted).order_by(*order)
    if among is None:
        return found
    wanted = select(*(_of(booking, own) for own in join.on.values())).select_from(booking).where(among)
    return found.where(tuple_(*keys).in_(wanted.correlate(None)))


def _read_through(name: str, mapping: AppMapping) -> list[str]:
    read = {field.column for field in mapping.fields if field.join == name}
    keys = {own for join in mapping.joins.values() if join.through == name for own in join.on.values()}
    return sorted(read | keys)


def _in_json(stored: ColumnElement[Any], path: tuple[str, ...]) -> ColumnElement[Any]:
    """A text or a number at the end of the path. An object, a list or a truth value is no name and no number.

    ``jsonb`` could not hold every number of a ``json``, so both are read as ``json``.
    """
    json, steps = cast(stored, JSON), [literal(step, Text) for step in path]
    readable = func.regexp_replace(cast(json, Text), _PAIR, "", "g").op("!~")(_LONE)
    is_plain = func.json_typeof(func.json_extract_path(json, *steps)).in_(("string", "number"))
    return case((readable, case((is_plain, func.json_extract_path_text(json, *steps)), else_=null())), else_=null())


def _of(table: FromClause, theirs: str) -> ColumnElement[Any]:
    return ColumnClause(quoted_name(theirs, quote=True), AsStored(), _selectable=table)


def _alias(name: str) -> quoted_name:
    return quoted_name(f"join {name}", quote=True)
