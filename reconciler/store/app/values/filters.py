"""Which rows of a table count: what ``where`` of cron.yaml wants, as SQL."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Boolean, ColumnClause, ColumnElement, FromClause, Text, cast, func, or_

from reconciler.domain.decide.policies import ColumnFilter
from reconciler.store.app.mapping import AsStored, one_of


def column_of(table: FromClause, theirs: str) -> ColumnElement[Any]:
    """A column by the application's name."""
    mapped = [column for column in table.c if column.name == theirs]
    return mapped[0] if mapped else ColumnClause(theirs, AsStored(), _selectable=table)


def row_filters(rows: FromClause, wanted: Mapping[str, ColumnFilter]) -> dict[str, ColumnElement[bool]]:
    """The application's name of a column -> whether it holds what is wanted of the row; never NULL."""
    return {name: _matches(column_of(rows, name), one) for name, one in wanted.items()}


def _matches(column: ColumnElement[Any], wanted: ColumnFilter) -> ColumnElement[bool]:
    if not wanted.any_of and not wanted.like:  # plainly, for partial indexes
        return column.is_not(None) if wanted.is_not else column.is_(None)
    # PostgreSQL reads the values as the column's own type: 7 is 7.00 there.
    ways: list[ColumnElement[bool]] = [one_of(column, wanted.any_of)] if wanted.any_of else []
    ways += [cast(column, Text).like(wanted.like)] if wanted.like else []
    ways += [column.is_(None)] if wanted.or_null else []
    holds = func.coalesce(or_(*ways), False, type_=Boolean())
    return ~holds if wanted.is_not else holds
