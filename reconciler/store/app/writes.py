"""The three writes into the application's tables: our queue rows, the event id, and nothing else.

Each is found and locked under our own search_path, and written under the application's by a statement that names no
function, and its one operator with its schema. Its triggers then see the path that they rely on, and nothing that
another role has created answers for a built-in.

What was written is read back: a trigger or a rule of the table may have changed it, or dropped it.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, select, text, update
from sqlalchemy.dialects.postgresql import insert

from reconciler.errors import DatabaseDisagrees
from reconciler.store.session import application_path

Values = Mapping[Column[Any], Any]
_EQUALS = "OPERATOR(pg_catalog.=)"
_READ_BACK = frozenset(
    {"id", "booking_id", "trigger", "status", "error", "provider_id", "recipient_phone", "customer_phone", "event_id"}
)
"""What a repair relies on later. A trigger may tidy the other values, such as a name."""
_TRIGGERS = text("""
    SELECT t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = :schema AND c.relname = :name AND NOT t.tgisinternal AND t.tgenabled <> 'D' ORDER BY t.tgname
""")


def insert_row(connection: Connection, table: Table, values: Values, *, or_nothing: bool = False) -> int:
    """Insert a row; returns the number of rows written. ``or_nothing``: none if its id exists."""
    statement = insert(table).values(dict(values))
    if or_nothing:
        statement = statement.on_conflict_do_nothing(index_elements=[table.c.id])
    with application_path(connection):
        return connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount


def update_row(connection: Connection, table: Table, key: object, values: Values, *only_if: ColumnElement[bool]) -> int:
    """Update the row with this id if all of ``only_if`` hold; returns the number of rows written.

    Raises:
        DatabaseDisagrees: they hold, and the table drops the update or changes what was written.
    """
    place = select(table.c.id).where(table.c.id == key, *only_if)
    # As an UPDATE would lock it. Under our own path: the conditions have functions and operators.
    if connection.execute(place.with_for_update(key_share=True, of=table)).first() is None:
        return 0
    written = update_locked(connection, table, key, values)
    if written == 0:
        seen = f"{_label(table)} accepts an update and changes no row"
        raise DatabaseDisagrees(seen, _advice(connection, table, "drops it"), code="update_vanishes")
    require_kept(connection, table, key, values)
    return written


def update_locked(connection: Connection, table: Table, key: object, values: Values) -> int:
    """Update the row with this id, which the transaction has locked; returns the number of rows written."""
    statement = update(table).values(dict(values)).where(table.c.id.op(_EQUALS, is_comparison=True)(key))
    with application_path(connection):
        return connection.execute(statement).rowcount


def require_kept(connection: Connection, table: Table, key: object, values: Values) -> None:
    """Read back the row with this id.

    Raises:
        DatabaseDisagrees: there is none, or it does not hold these values.
    """
    compared = [column for column in values if column.key in _READ_BACK]
    differs = [column.is_distinct_from(values[column]) for column in compared]
    found = connection.execute(select(table.c.id, *differs).where(table.c.id == key)).first()
    if found is None:
        seen = f"{_label(table)} accepts a row and does not keep it under its id"
        raise DatabaseDisagrees(seen, _advice(connection, table, "drops it or gives it another id"), "row_vanishes")
    changed = [column.name for column, differs_there in zip(compared, found[1:], strict=True) if differs_there]
    if changed:
        seen = f"{_label(table)} does not keep what is written to it: {', '.join(changed)} came out as something else"
        raise DatabaseDisagrees(seen, _advice(connection, table, "rewrites it"), code="rewritten")


def _advice(connection: Connection, table: Table, does: str) -> str:
    """What to look for; the table's triggers by their names."""
    names = connection.scalars(_TRIGGERS, {"schema": table.schema, "name": table.name}).all()
    suspects = f"trigger ({', '.join(names)})" if names else "rule or policy"
    return f"find the {suspects} of the table that {does}, and make it leave our rows alone"


def _label(table: Table) -> str:
    return f"table {table.schema}.{table.name}"
