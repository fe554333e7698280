"""The three writes into the application's tables: our queue rows, the event id, and nothing else.

Each is found and locked under our own search_path, and written under the application's by a statement that names no
function, and its one operator with its schema. Its triggers then see the path that they rely on, and nothing that
another role has created answers for a built-in.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, select, update
from sqlalchemy.dialects.postgresql import insert

from reconciler.store.session import application_path

Values = Mapping[Column[Any], Any]
_EQUALS = "OPERATOR(pg_catalog.=)"


def insert_row(connection: Connection, table: Table, values: Values, *, or_nothing: bool = False) -> int:
    """Insert a row; returns the number of rows written. ``or_nothing``: none if its id exists."""
    statement = insert(table).values(dict(values))
    if or_nothing:
        statement = statement.on_conflict_do_nothing(index_elements=[table.c.id])
    with application_path(connection):
        return connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount


def update_row(connection: Connection, table: Table, key: object, values: Values, *only_if: ColumnElement[bool]) -> int:
    """Update the row with this id if all of ``only_if`` hold; returns the number of rows written."""
    place = select(table.c.id).where(table.c.id == key, *only_if)
    # As an UPDATE would lock it. Under our own path: the conditions have functions and operators.
    if connection.execute(place.with_for_update(key_share=True, of=table)).first() is None:
        return 0
    return update_locked(connection, table, key, values)


def update_locked(connection: Connection, table: Table, key: object, values: Values) -> int:
    """Update the row with this id, which the transaction has locked; returns the number of rows written."""
    statement = update(table).values(dict(values)).where(table.c.id.op(_EQUALS, is_comparison=True)(key))
    with application_path(connection):
        return connection.execute(statement).rowcount
