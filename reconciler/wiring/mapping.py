"""From the section ``bookings`` of cron.yaml to the tables and places that statements read."""

from collections.abc import Mapping

from reconciler.settings.file.values import TableName
from reconciler.settings.model.bookings import BookingSettings
from reconciler.settings.model.fields import NamedField
from reconciler.store.app.mapping import MappedField, MappedJoin, MappedTable


def mapped_table(table: TableName, columns: Mapping[str, str | None]) -> MappedTable:
    named = {ours: theirs for ours, theirs in columns.items() if theirs is not None}
    return MappedTable(schema=table.schema, name=table.name, columns=named)


def mapped_joins(bookings: BookingSettings) -> dict[str, MappedJoin]:
    """The tables of ``bookings.join``. Our names of their columns are the application's."""
    read = [one.source for several in bookings.fields().values() for one in several]
    found = {}
    for name, join in bookings.join.items():
        own = [source.column for source in read if source.join == name]
        own += [column for other in bookings.join.values() if other.through == name for column in other.on.values()]
        columns = dict.fromkeys([*join.on, *([join.first_by] if join.first_by else []), *own])
        table = MappedTable(
            schema=join.table.schema,
            name=join.table.name,
            columns={column: column for column in columns},
            may_be_view=join.first_by is not None,
        )
        found[name] = MappedJoin(
            table=table, on=join.on, first_by=join.first_by, through=join.through, where=join.where
        )
    return found


def mapped_fields(bookings: BookingSettings, key: str) -> tuple[MappedField, ...]:
    """The places of names or numbers, in their order. ``key``: name, first_name or phone."""
    return tuple(map(_field, bookings.fields()[key]))


def mapped_facts(bookings: BookingSettings) -> dict[str, MappedField]:
    return {str(one.place[-1]): _field(one) for one in bookings.fields()["facts"]}


def _field(named: NamedField) -> MappedField:
    # A list is one key: its number would change wherever another place is added.
    place = [step for step in ("bookings", *named.place) if isinstance(step, str)]
    source = named.source
    return MappedField(
        key=".".join(place), written=str(source), join=source.join, column=source.column, path=source.path
    )
