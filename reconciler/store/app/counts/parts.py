"""What one statement cannot read within its timeout is read in parts: ranges of the bookings' key.

Each booking is in exactly one part. A transaction that reads has one snapshot for all of them. One that writes has not:
what was added between two of its parts is for the next pass.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Generic, TypeVar

from psycopg import errors as pg
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Float,
    Text,
    and_,
    cast,
    func,
    or_,
    select,
    tablesample,
    text,
    true,
)
from sqlalchemy.exc import OperationalError

from reconciler.store.app.app_tables import AppTables
from reconciler.store.app.mapping import MappedTable

FURTHER = 8
"""Into how many parts something is split that took too long."""
MOST = 4096
"""Parts that the bookings can be split into."""
SAMPLE = 50_000
"""Rows whose keys the boundaries are chosen from."""
_TIMEOUT = text("SELECT CAST(setting AS integer) FROM pg_settings WHERE name = 'statement_timeout'")
_ROWS = text("""
    SELECT CASE WHEN c.reltuples > 0 THEN c.reltuples ELSE pg_relation_size(c.oid) / 200 END
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = :schema AND c.relname = :name AND c.relkind IN ('r', 'm', 'p')
""")
_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class InParts(Generic[_Read]):
    """What was read. ``parts``: of how many statements it took one after the other; 1 if one was enough."""

    found: Sequence[_Read]
    parts: int


def read_in_parts(
    connection: Connection, tables: AppTables, read: Callable[[ColumnElement[bool]], _Read], parts: int = 1
) -> InParts[_Read]:
    """Call ``read`` with a condition that selects bookings: at first all of them, then a part at a time.

    ``read`` sends statements that may outlast their timeout. A part that does is split further. ``parts``: with how
    many to begin, because an earlier pass needed them.

    Raises:
        OperationalError: a statement was canceled, and not by its timeout; or the bookings cannot be split further.
    """
    keys = _boundaries(connection, tables) if parts > 1 else []
    ranges, found = _split((0, len(keys) + 1), parts), []
    while ranges:
        part, began = ranges.pop(0), time.monotonic()
        try:
            with connection.begin_nested():
                found.append(read(_within(tables, keys, part)))
        except OperationalError as error:
            if not _outlasted_its_timeout(connection, error, time.monotonic() - began):
                raise
            if not keys:
                keys = _boundaries(connection, tables)
                part = (0, len(keys) + 1)
            smaller = _split(part, FURTHER)
            if len(smaller) < 2:
                raise
            ranges = smaller + ranges
    return InParts(found=found, parts=len(found))


def _outlasted_its_timeout(connection: Connection, error: OperationalError, seconds: float) -> bool:
    """Whether the server gave up by itself. An administrator who cancels a statement does not want it again."""
    if not isinstance(error.orig, pg.QueryCanceled):
        return False
    limit = connection.scalar(_TIMEOUT)
    return bool(limit) and seconds * 1000 >= limit


def _split(part: tuple[int, int], number: int) -> list[tuple[int, int]]:
    low, high = part
    edges = sorted({low + (high - low) * step // number for step in range(number + 1)})
    return list(pairwise(edges))


def _within(tables: AppTables, keys: Sequence[str], part: tuple[int, int]) -> ColumnElement[bool]:
    """The bookings between two boundaries; the outermost parts are open."""
    own, (low, high) = tables.booking.c.id, part
    after = [own > keys[low - 1]] if low > 0 else []
    until = [own <= keys[high - 1]] if high <= len(keys) else []
    if not after and until:
        return or_(until[0], own.is_(None))
    return and_(true(), *after, *until)


def _boundaries(connection: Connection, tables: AppTables) -> list[str]:
    """Keys that divide the bookings into parts of about one size, in the order that the database compares them in."""
    rows = about_rows(connection, tables.application.bookings)
    if rows is None:
        return []
    sample = tablesample(tables.booking, func.system(min(100.0, 100 * SAMPLE / max(rows, 1))), name="sample")
    shares = cast([step / MOST for step in range(1, MOST)], ARRAY(Float))
    keys = func.percentile_disc(shares).within_group(sample.c.id)
    found = connection.scalar(select(cast(keys, ARRAY(Text))))
    return list(dict.fromkeys(found or ()))


def about_rows(connection: Connection, table: MappedTable) -> float | None:
    """About how many rows the table has, also before its first ANALYZE; ``None`` for a view: it cannot be sampled."""
    found: Any = connection.scalar(_ROWS, {"schema": table.schema, "name": table.name})
    return None if found is None else float(found)
