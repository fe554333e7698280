"""Locking a booking without waiting, so that the application and another pass come first."""

from typing import Any

from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, Text, cast, column, literal, select, text
from sqlalchemy.exc import OperationalError

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.policies import Record
from reconciler.domain.gaps import Effect
from reconciler.ports import Lock
from reconciler.store.app.conditions import AppTables

_HAS_WAITER = text("""
    SELECT EXISTS (SELECT FROM pg_locks
                   WHERE locktype = 'tuple' AND pid <> pg_backend_pid() AND relation = :table
                     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                     AND (page, tuple) = (split_part(btrim(:place, '()'), ',', 1)::integer,
                                          split_part(btrim(:place, '()'), ',', 2)::smallint))
""")
"""Whether another backend is queued for a row. PostgreSQL lets us overtake it: a backend that waited for our previous
lock is still waiting (PostgreSQL docs, Explicit Locking, Row-Level Locks)."""


def lock(connection: Connection, tables: AppTables, booking: BookingId, effect: Effect) -> Lock:
    """Lock the booking's row until the end of the transaction; returns at once.

    Where the ledger alone records the effect, our role may only read, and a lock needs more. Then the claim of the
    intent keeps our processes apart, and nothing is written that the application's writes could meet.
    """
    row = tables.booking
    if tables.application.records.get(effect) is Record.LEDGER:
        there = connection.execute(select(literal(1)).where(row.c.id == booking)).first()
        return Lock.HELD if there else Lock.GONE
    place: Any = select(column("tableoid"), cast(column("ctid"), Text)).select_from(row)
    try:
        with connection.begin_nested():
            locked = connection.execute(place.where(row.c.id == booking).with_for_update(nowait=True, of=row)).first()
    except OperationalError as error:
        if isinstance(error.orig, LockNotAvailable):
            return Lock.BUSY
        raise
    if locked is None:
        return Lock.GONE
    has_waiter = connection.scalar(_HAS_WAITER, {"table": locked[0], "place": locked[1]})
    return Lock.BUSY if has_waiter else Lock.HELD
