"""A small sample of values, for what no type and no key says: the words of a status, the keys inside JSON.

Only short words of columns that are named like a status, a kind or a channel leave this module, and names of keys. No
other value does.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from sqlalchemy import Connection, TextClause, text

from reconciler.settings.adopt import words
from reconciler.settings.adopt.candidates import worth_a_sample
from reconciler.settings.adopt.facts import JSON, WHOLE, SeenColumn, SeenDatabase, SeenTable
from reconciler.settings.adopt.naming import best, weight
from reconciler.text.sql_quoting import exact_identifier

ROWS = 1000
"""Rows that are looked at."""
MOST_LABELS = 12
"""A column with more different words is no status."""
_MOST_MEANINGS = 30
_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9 _-]{0,39}|-?\d{1,4}")
_LABELLED = (words.STATUS, words.KINDS, words.CHANNELS, words.DIRECTIONS, words.TEXT_KINDS)
_MEANINGS = {"name": 10, "label": 9, "code": 8, "title": 8, "slug": 7, "status": 6, "state": 5, "description": 3}
_FREQUENT = text("""
    SELECT most_common_vals::text::text[] FROM pg_stats
    WHERE schemaname = :schema AND tablename = :table AND attname = :column
""")


def with_samples(connection: Connection, database: SeenDatabase) -> SeenDatabase:
    """The same database with labels, meanings and keys where a sample shows them."""
    tables = dict(database.tables)
    for table in worth_a_sample(database):
        if table.readable and not table.is_view:  # a view may call functions of the application
            tables[table.name] = _sampled(connection, table, database)
    return replace(database, tables=tables)


def _sampled(connection: Connection, table: SeenTable, database: SeenDatabase) -> SeenTable:
    named = exact_identifier(table.name.schema, table.name.name)
    seen = connection.scalar(_sql(f"SELECT count(*) FROM (SELECT FROM {named} LIMIT 100) s"))
    columns: dict[str, SeenColumn] = {}
    for name, column in table.columns.items():
        if column.type in JSON:
            column = replace(column, paths=tuple(_paths(connection, named, column)))
        elif not column.labels and _is_labelled(column):
            column = replace(column, labels=tuple(_labels(connection, table, named, column)))
        if name == table.key and _names_statuses(table, database):
            column = replace(column, meanings=_meanings(connection, table, named))
        columns[name] = column
    return replace(table, columns=columns, rows=seen)


def _is_labelled(column: SeenColumn) -> bool:
    kinds = (column.is_text and column.type in ("text", "character varying", "character")) or column.type in WHOLE
    return kinds and any(weight(column.name, known, words.NOUNS, words.SMS) for known in _LABELLED)


def _labels(connection: Connection, table: SeenTable, named: str, column: SeenColumn) -> list[str]:
    own = exact_identifier(column.name)
    statement = _sql(
        f"SELECT DISTINCT CAST({own} AS text) AS word FROM (SELECT {own} FROM {named} LIMIT {ROWS}) s "
        f"WHERE {own} IS NOT NULL LIMIT {MOST_LABELS * 2}"
    )
    asked = {"schema": table.name.schema, "table": table.name.name, "column": column.name}
    found = {*connection.scalars(statement), *(connection.scalar(_FREQUENT, asked) or ())}
    if len(found) > MOST_LABELS or not all(_LABEL.fullmatch(word) for word in found):
        return []
    return sorted(found)


def _paths(connection: Connection, named: str, column: SeenColumn) -> Iterator[tuple[str, ...]]:
    """The keys of the objects, and of the objects inside them, that may hold a name or a number."""
    own = exact_identifier(column.name)
    rows = f"SELECT CAST({own} AS jsonb) AS own FROM {named} WHERE {own} IS NOT NULL LIMIT {ROWS // 5}"
    objects = "CASE WHEN jsonb_typeof({0}) = 'object' THEN {0} ELSE CAST('{{}}' AS jsonb) END"
    statement = _sql(
        f"SELECT DISTINCT outer_one.key AS first, inner_one.key AS second FROM ({rows}) s "
        f"CROSS JOIN LATERAL jsonb_each({objects.format('s.own')}) AS outer_one "
        f"LEFT JOIN LATERAL jsonb_each({objects.format('outer_one.value')}) AS inner_one ON true LIMIT 400"
    )
    known = (words.PHONES, words.WHOLE_NAMES, words.FIRST_NAMES)
    for first, second in connection.execute(statement):
        path = (first, second) if second is not None else (first,)
        if any(weight(path[-1], some, words.PEOPLE_NOUNS, words.NOUNS) for some in known):
            yield path


def _names_statuses(table: SeenTable, database: SeenDatabase) -> bool:
    """Whether a status of another table leads to this one."""
    return any(weight(link.column, words.STATUS, words.NOUNS) for _, link in database.linking_to(table))


def _meanings(connection: Connection, table: SeenTable, named: str) -> Mapping[str, str]:
    called = best((one for one in table.columns.values() if one.is_text), _MEANINGS)
    if called is None or table.key is None:
        return {}
    key, name = exact_identifier(table.key), exact_identifier(called.name)
    statement = _sql(f"SELECT CAST({key} AS text), CAST({name} AS text) FROM {named} ORDER BY 1 LIMIT {_MOST_MEANINGS}")
    found = {one: word for one, word in connection.execute(statement) if one and word}
    if len(found) >= _MOST_MEANINGS or not all(_LABEL.fullmatch(word) for word in found.values()):
        return {}
    return found


def _sql(statement: str) -> TextClause:
    # SQLAlchemy reads a colon as the start of a parameter's name.
    return text(statement.replace(":", r"\:"))
