"""Every table that our role can see: columns, types, keys, labels and links. No row is read here."""

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, text

from reconciler.settings.adopt.facts import SeenColumn, SeenDatabase, SeenLink, SeenTable
from reconciler.settings.adopt.links import with_implied_links
from reconciler.settings.file.values import TableName
from reconciler.store.schema.plain_checks import accepts

MOST_TABLES = 2000
"""A database with more is read as far as this."""
_NO_WORD = "no such word 7c1e"
_TABLES = text("""
    SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relkind IN ('v', 'm', 'f') AS is_view,
           has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT') AS readable
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
      AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'reconciler') AND n.nspname NOT LIKE 'pg\\_%'
    ORDER BY n.nspname, c.relname LIMIT :most
""")
_COLUMNS = text("""
    SELECT a.attrelid AS oid, a.attname AS name, format_type(a.atttypid, NULL) AS type, a.attnotnull AS required,
           t.typcategory = 'S' AS is_text, t.typtype = 'e' AS is_enum, t.oid AS type_oid,
           coalesce(pg_get_expr(d.adbin, d.adrelid), '') AS default_sql,
           has_column_privilege(a.attrelid, a.attnum, 'SELECT') AS readable,
           EXISTS (SELECT FROM pg_index i
                   WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
                     AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum) AS is_unique,
           EXISTS (SELECT FROM pg_index i
                   WHERE i.indrelid = a.attrelid AND i.indisprimary AND i.indnkeyatts = 1
                     AND i.indkey[0] = a.attnum) AS is_key
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.attgenerated = ''
    WHERE a.attrelid = ANY(CAST(:oids AS oid[])) AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attrelid, a.attnum
""")
_LABELS = text("SELECT enumtypid AS oid, enumlabel AS label FROM pg_enum ORDER BY enumtypid, enumsortorder")
_CHECKS = text("""
    SELECT c.conrelid AS oid, a.attname AS column, pg_get_expr(c.conbin, c.conrelid) AS expression
    FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
    WHERE c.contype = 'c' AND array_length(c.conkey, 1) = 1 AND c.conrelid = ANY(CAST(:oids AS oid[]))
""")
_LINKS = text("""
    SELECT c.conrelid AS oid, a.attname AS column, c.confrelid AS other, b.attname AS target
    FROM pg_constraint c
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
    JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = c.confkey[1]
    WHERE c.contype = 'f' AND array_length(c.conkey, 1) = 1 AND c.conrelid = ANY(CAST(:oids AS oid[]))
    ORDER BY c.conrelid, c.conkey[1]
""")
_ZONE = text("SELECT reset_val FROM pg_settings WHERE name = 'TimeZone'")
_WORD_DEFAULT = re.compile(r"'((?:[^']|'')*)'::.*|(\d+)|(true|false)")
_QUOTED = re.compile(r"'((?:[^']|'')*)'")


def read_catalog(connection: Connection) -> SeenDatabase:
    """The tables with what the catalog says of them. A column that our role may not read is left out."""
    rows = connection.execute(_TABLES, {"most": MOST_TABLES}).all()
    asked = {"oids": [row.oid for row in rows]}
    names = {row.oid: TableName(row.schema, row.name) for row in rows}
    columns, keys = _columns(connection, asked)
    links: dict[int, list[SeenLink]] = defaultdict(list)
    for one in connection.execute(_LINKS, asked):
        if one.other in names and one.column in columns[one.oid]:
            links[one.oid].append(SeenLink(column=one.column, table=names[one.other], target=one.target))
    tables = [
        SeenTable(
            name=names[row.oid], columns=columns[row.oid], key=keys.get(row.oid), links=tuple(links[row.oid]),
            is_view=row.is_view, readable=row.readable,
        )
        for row in rows
    ]  # fmt: skip
    found = SeenDatabase(tables={table.name: table for table in tables}, zone=connection.scalar(_ZONE) or "")
    return with_implied_links(found)


def _columns(connection: Connection, asked: dict[str, Any]) -> tuple[dict[int, dict[str, SeenColumn]], dict[int, str]]:
    labels: dict[int, list[str]] = defaultdict(list)
    for row in connection.execute(_LABELS):
        labels[row.oid].append(row.label)
    checks: dict[tuple[int, str], list[str]] = defaultdict(list)
    for row in connection.execute(_CHECKS, asked):
        checks[row.oid, row.column].append(row.expression)
    columns: dict[int, dict[str, SeenColumn]] = defaultdict(dict)
    keys: dict[int, str] = {}
    for row in connection.execute(_COLUMNS, asked):
        if not row.readable:
            continue
        words, is_closed = (
            (labels[row.type_oid], True) if row.is_enum else _checked(checks[row.oid, row.name], row.name)
        )
        columns[row.oid][row.name] = SeenColumn(
            name=row.name, type=row.type, is_text=row.is_text, is_enum=row.is_enum, is_unique=row.is_unique,
            required=row.required, default=_default(row.default_sql), labels=tuple(words), is_closed=is_closed,
        )  # fmt: skip
        if row.is_key:
            keys[row.oid] = row.name
    return columns, keys


def _checked(expressions: Iterable[str], column: str) -> tuple[list[str], bool]:
    """The words that a CHECK lists, and whether it allows no other."""
    for expression in expressions:
        if accepts(expression, column, _NO_WORD) is False:
            words = dict.fromkeys(found.replace("''", "'") for found in _QUOTED.findall(expression))
            listed = [word for word in words if accepts(expression, column, word)]
            if listed:
                return listed, True
    return [], False


def _default(expression: str) -> str:
    found = _WORD_DEFAULT.fullmatch(expression)
    return next((part.replace("''", "'") for part in found.groups() if part), "") if found else ""
