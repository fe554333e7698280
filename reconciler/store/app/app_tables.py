"""The application's tables as statements use them, and the facts about a booking that need no decision."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    DateTime,
    FromClause,
    Table,
    and_,
    bindparam,
    cast,
    func,
    null,
    true,
)

from reconciler.store.app import times
from reconciler.store.app.mapping import AppMapping, AsStored

NOW, SINCE, WINDOW = (bindparam(name, type_=DateTime(timezone=True)) for name in ("now", "since", "window"))
"""What every statement compares with: the present; since when a rule applies; how far back a scan selects."""


@dataclass(frozen=True, slots=True, eq=False)
class AppTables:
    """The tables of one statement. Compared by identity, because statements are cached by it."""

    application: AppMapping
    booking: Table
    customer: Table | None
    queue: Table | None
    moments: Table | None
    """The ledger's table of due moments; ``None`` where there is no ledger that our role can read."""

    @classmethod
    def of(cls, application: AppMapping, moments: Table | None = None) -> "AppTables":
        return cls(
            application=application,
            booking=application.bookings.table(),
            customer=application.customers.table() if application.customers else None,
            queue=application.queue.table() if application.queue else None,
            moments=moments,
        )

    def field(self, name: str) -> ColumnElement[Any]:
        """A booking's column by our name; NULL where the application has no such column."""
        return self.booking.c[name] if name in self.booking.c else null()

    def from_clause(self) -> FromClause:
        """Bookings, each with its customer where there is one."""
        if self.customer is None or "customer_id" not in self.booking.c:
            return self.booking
        return self.booking.outerjoin(self.customer, self.customer.c.id == self.booking.c.customer_id)

    def customer_field(self, name: str) -> ColumnElement[Any]:
        if self.customer is None or "customer_id" not in self.booking.c or name not in self.customer.c:
            return null()
        return self.customer.c[name]

    def in_scope(self) -> ColumnElement[bool]:
        """``bookings.only``: the bookings of this installation."""
        columns: list[ColumnElement[bool]] = [
            column_of(self.booking, theirs) == value for theirs, value in self.application.only.items()
        ]
        return and_(true(), *columns)


def column_of(table: Table, theirs: str) -> ColumnElement[Any]:
    """A column by the application's name."""
    mapped = [column for column in table.c if column.name == theirs]
    return mapped[0] if mapped else ColumnClause(theirs, AsStored(), _selectable=table)


def local_start(tables: AppTables) -> ColumnElement[Any]:
    """The booking start in the venue's civil time, as it stands in the row; NULL without a usable date."""
    return times.local_time(tables.booking.c.date, tables.booking.c.start_time)


def created_at(tables: AppTables) -> ColumnElement[Any]:
    """When the booking was made, within Python's range. An unknown time counts as long ago, so that no text is sent."""
    known = func.coalesce(tables.booking.c.created_at, cast(times.EARLIEST, DateTime(timezone=True)))
    earliest, latest = (cast(day, DateTime(timezone=True)) for day in (times.EARLIEST, times.LATEST))
    return func.least(func.greatest(known, earliest), latest)
