"""Columns that are named like a foreign key where none is declared."""

from collections.abc import Iterator
from dataclasses import replace

from reconciler.settings.adopt.facts import WHOLE, SeenColumn, SeenDatabase, SeenLink, SeenTable
from reconciler.settings.adopt.naming import name_words, singular

_ENDS = ("id", "uid", "uuid", "pk")


def with_implied_links(database: SeenDatabase) -> SeenDatabase:
    """The same with a link for each column such as ``customer_id``, where one table is meant by it."""
    tables = {
        name: replace(table, links=(*table.links, *_implied(table, database)))
        for name, table in database.tables.items()
    }
    return replace(database, tables=tables)


def _implied(table: SeenTable, database: SeenDatabase) -> Iterator[SeenLink]:
    declared = {link.column for link in table.links}
    for column in table.columns.values():
        named = name_words(column.name)
        if column.name in declared or len(named) < 2 or named[-1] not in _ENDS:
            continue
        for other in _meant(named[:-1], table, database):
            target = _target(column, named[-1], other)
            if target:
                yield SeenLink(column=column.name, table=other.name, target=target, declared=False)
                break


def _meant(named: tuple[str, ...], table: SeenTable, database: SeenDatabase) -> list[SeenTable]:
    """The tables of that name; else the only one that ends so."""
    others = [one for one in database.tables.values() if not one.is_view and one.name != table.name]
    words = {one.name: name_words(one.name.name) for one in others}
    whole = [one for one in others if (*words[one.name][:-1], *map(singular, words[one.name][-1:])) == named]
    last = [one for one in others if words[one.name] and singular(words[one.name][-1]) == named[-1]]
    return whole or (last if len(last) == 1 else [])


def _target(column: SeenColumn, end: str, other: SeenTable) -> str | None:
    by_name = [one.name for one in other.columns.values() if one.name.lower() == end and one.is_unique]
    for name in (*by_name, *([other.key] if other.key else [])):
        if _compares(column, other.columns[name]):
            return name
    return None


def _compares(one: SeenColumn, other: SeenColumn) -> bool:
    return one.type == other.type or (one.is_text and other.is_text) or (one.type in WHOLE and other.type in WHOLE)
