"""Empty temporary copies of the mapped columns, for a proof that needs no right in any schema of the application's.

A copy has the columns and their types, and no key, CHECK, default or trigger. It ends with its transaction.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from sqlalchemy import Connection, text

from reconciler.domain.gaps import Effect
from reconciler.store.app.mapping import AppMapping, Evidence, EvidenceColumn, EvidenceRows, MappedTable
from reconciler.text.sql_quoting import exact_identifier

_MAY = text("SELECT has_database_privilege(current_database(), 'TEMPORARY')")
_OURS = text("SELECT nspname FROM pg_namespace WHERE oid = pg_my_temp_schema()")


def may_copy(connection: Connection) -> bool:
    """Whether our role may make temporary tables."""
    return bool(connection.scalar(_MAY))


def temporary_copies(connection: Connection, application: AppMapping) -> AppMapping:
    """Make the copies, and return the mapping on them."""
    columns: dict[str, dict[str, None]] = {}
    originals: dict[str, MappedTable] = {}
    for table, names in _mapped(application):
        originals.setdefault(table.quoted, table)
        columns.setdefault(table.quoted, {}).update(dict.fromkeys(names))
    copies = {quoted: f"adopt_{number}" for number, quoted in enumerate(originals)}
    for quoted, name in copies.items():
        listed = ", ".join(map(exact_identifier, columns[quoted]))
        statement = f"CREATE TEMP TABLE {name} ON COMMIT DROP AS SELECT {listed} FROM {quoted} WITH NO DATA"
        connection.execute(text(statement.replace(":", r"\:")))
    schema = connection.scalar(_OURS)
    assert schema, "a temporary table was made"

    def copied(table: MappedTable) -> MappedTable:
        return replace(table, schema=schema, name=copies[table.quoted])

    return replace(
        application,
        bookings=copied(application.bookings),
        customers=copied(application.customers) if application.customers else None,
        queue=copied(application.queue) if application.queue else None,
        joins={name: replace(join, table=copied(join.table)) for name, join in application.joins.items()},
        evidence={
            effect: tuple(
                one if isinstance(one, EvidenceColumn) else replace(one, table=copied(one.table)) for one in several
            )
            for effect, several in application.evidence.items()
        },
    )


def _mapped(application: AppMapping) -> Iterator[tuple[MappedTable, Iterable[str]]]:
    """Each table, and the application's names of the columns that statements read."""
    bookings = application.bookings
    yield bookings, [*bookings.columns.values(), *application.where, *application.only, *application.lapsing]
    yield bookings, [name for wanted in application.rule_filters.values() for name in wanted]
    yield bookings, [field.column for field in application.fields if field.join is None]
    for join in application.joins.values():
        yield bookings, join.on.values()
        yield join.table, join.table.columns.values()
    for other in (application.customers, application.queue):
        if other:
            yield other, other.columns.values()
    for one in _shown(application):
        if isinstance(one, EvidenceColumn):
            yield bookings, [one.column]
        else:
            yield one.table, [*one.table.columns.values(), *one.where]
        if isinstance(one, EvidenceRows):
            yield bookings, [one.booking_column]


def _shown(application: AppMapping) -> Iterator[Evidence]:
    for effect in Effect:
        yield from application.evidence.get(effect, ())
