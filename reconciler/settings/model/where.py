"""``bookings.where``: which rows of the table are bookings at all."""

from dataclasses import replace
from typing import Annotated, Any

from pydantic import BeforeValidator

from reconciler.domain.decide.policies import ColumnFilter
from reconciler.settings.model.section import Column

_SAID = "a value, null, a list of them, {not: ..} or {like: pattern} belongs here"


def parse_matching(value: Any) -> Any:
    """``null``, ``7``, ``[web, app]``, ``{not: internal}``, ``{like: "VIP%"}``.

    Raises:
        ValueError: anything else.
    """
    if isinstance(value, ColumnFilter):
        return value
    if not isinstance(value, dict):
        return _values(value)
    match list(value.items()):
        case [("not", inner)] if not isinstance(inner, dict):
            return replace(_values(inner), is_not=True)
        case [("like", str(pattern))] if pattern:
            return ColumnFilter(like=pattern)
        case _:
            raise ValueError(_SAID)


def _values(value: Any) -> ColumnFilter:
    values = value if isinstance(value, list) else [value]
    if not values or not all(one is None or isinstance(one, str | int | float) for one in values):
        raise ValueError(_SAID)
    return ColumnFilter(any_of=tuple(map(_as_text, (one for one in values if one is not None))), or_null=None in values)


def _as_text(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


Where = dict[Column, Annotated[ColumnFilter, BeforeValidator(parse_matching)]]
"""Columns of the bookings' table, and what each has to hold."""
