"""The rows that one booking of a drill is made of, with what is read for it from JSON and from joined tables."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from reconciler.domain.decide.policies import ColumnFilter
from reconciler.store.app.mapping import AppMapping, MappedField, MappedTable
from reconciler.store.schema.catalog import CatalogTable, CatalogTables
from reconciler.store.schema.trials.unused_ids import unused_id
from reconciler.store.schema.values import enum_labels, forbidden_values, has_plain_checks_only
from reconciler.text.sql_quoting import identifier

NAME, FIRST_NAME = "Fire Drill", "Fire"


@dataclass(frozen=True, slots=True)
class PlantedRow:
    """A row of one table, by the application's names. What is inside JSON is a dictionary until it is inserted."""

    mapped: MappedTable
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PlantedRows:
    """The booking's row, and those that belong to it."""

    booking: PlantedRow
    others: list[PlantedRow]
    tables: CatalogTables
    through: dict[str | None, PlantedRow] = field(default_factory=dict)
    """Join -> the row that is read through it."""

    def join(self, application: AppMapping, now: datetime) -> None:
        """Add a row for each join, unless one that is there already is that row."""
        self.through[None] = self.booking
        # What goes through another join comes after it.
        for name, join in sorted(application.joins.items(), key=lambda item: item[1].through is not None):
            base = self.through[join.through]
            keys = {theirs: self._key(base, own) for theirs, own in join.on.items()}
            row = self._existing(join.table, keys)
            if row is None:
                wanted = selected_by(self._table(join.table), join.where, now)
                row = PlantedRow(join.table, {**wanted, **keys})
                self.others.append(row)
            self.through[name] = row

    def fill(self, application: AppMapping, number: str) -> None:
        """Write the name, the number and the facts to each of their places that is free."""
        words = {NAME: (*application.name, *application.facts.values()), FIRST_NAME: application.first_name}
        for word, places in words.items():
            for place in places:
                self._put(place, (word,), harmless=True)
        for place in application.phone:
            self._put(place, (number, number.lstrip("+")), harmless=False)

    def insert(self, connection: Connection) -> None:
        for row in (*self.others, self.booking):
            plant_row(connection, self._table(row.mapped), row.values)

    def _key(self, base: PlantedRow, own: str) -> Any:
        """The value of a row that its joined row has too."""
        if base.values.get(own) is None:
            base.values[own] = str(unused_id(self._table(base.mapped).columns[own]))
        return base.values[own]

    def _existing(self, mapped: MappedTable, keys: Mapping[str, Any]) -> PlantedRow | None:
        for row in (self.booking, *self.others):
            if row.mapped.label == mapped.label and all(row.values.get(name) == value for name, value in keys.items()):
                return row
        return None

    def _put(self, place: MappedField, words: Iterable[str], *, harmless: bool) -> None:
        row = self.through[place.join]
        if place.path:
            node = row.values.setdefault(place.column, {})
            for step in place.path[:-1]:
                node = node.setdefault(step, {})
            node[place.path[-1]] = next(iter(words))
        elif row.values.get(place.column) is None:
            choose = harmless_word if harmless else fitting_word
            row.values[place.column] = choose(self._table(row.mapped), place.column, words)

    def _table(self, mapped: MappedTable) -> CatalogTable:
        found = self.tables.find(mapped)
        assert found is not None, "the copies are checked before anything is planted"
        return found


def selected_by(table: CatalogTable, wanted: Mapping[str, ColumnFilter], now: datetime) -> dict[str, Any]:
    """What ``where`` wants in each column; a column that may stay empty is left out."""
    values: dict[str, Any] = {}
    for name, one in wanted.items():
        if not one.is_not and one.any_of:
            values[name] = one.any_of[0]
        elif not one.is_not and one.like:
            values[name] = one.like.replace("%", "").replace("_", "x")
        elif one.is_not and (one.or_null or not one.any_of or table.columns[name].required):
            values[name] = other_value(table, name, one, now)
    return values


def other_value(table: CatalogTable, name: str, one: ColumnFilter, now: datetime) -> str:
    """A value of the column's type that is none of those."""
    numbers = [str(number) for number in range(len(one.any_of) + 1)]
    words = [*enum_labels(table, name), NAME, *numbers, "true", "false", now.isoformat()]
    usable = [word for word in words if word not in one.any_of]
    return next((word for word in usable if not forbidden_values(table, name, [word])), usable[0])


def fitting_word(table: CatalogTable, column: str, words: Iterable[str]) -> str | None:
    """The first of ``words`` that the column accepts; ``None`` if it accepts none, or does not exist."""
    if column not in table.columns:
        return None
    return next((word for word in words if not forbidden_values(table, column, [word])), None)


def harmless_word(table: CatalogTable, column: str, words: Iterable[str]) -> str | None:
    """The same; ``None`` if the column may be NULL and has a CHECK that lists no values: it may reject the word."""
    seen = table.columns.get(column)
    if seen and not seen.required and not has_plain_checks_only(table, column):
        return None
    return fitting_word(table, column, words)


def plant_row(connection: Connection, table: CatalogTable, values: Mapping[str, Any]) -> None:
    """Insert a row by the application's names."""
    written = [json.dumps(value) if isinstance(value, dict) else value for value in values.values()]
    bound = {f"v{number}": value for number, value in enumerate(written)}
    columns = ", ".join(identifier(name).replace(":", r"\:") for name in values)
    places = ", ".join(f":{name}" for name in bound)
    into = table.quoted.replace(":", r"\:")
    connection.execute(text(f"INSERT INTO {into} ({columns}) VALUES ({places})"), bound)
