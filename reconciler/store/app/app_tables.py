"""The application's tables as statements use them, and the facts about a booking that need no decision."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

from sqlalchemy import (
    BindParameter,
    Boolean,
    ColumnElement,
    DateTime,
    Float,
    FromClause,
    Interval,
    Table,
    Text,
    and_,
    bindparam,
    case,
    cast,
    exists,
    false,
    func,
    literal_column,
    null,
    or_,
    true,
)

from reconciler.domain.gaps import Effect
from reconciler.store.app.mapping import AppMapping, Evidence, EvidenceColumn, MappedField
from reconciler.store.app.values import fields, times
from reconciler.store.app.values.filters import column_of, row_filters

NOW, SINCE, WINDOW = (bindparam(name, type_=DateTime(timezone=True)) for name in ("now", "since", "window"))
"""What every statement compares with: the present; since when a rule applies; how far back a scan selects."""

LONGEST: Any = literal_column("interval '366 days'")
"""No booking takes longer."""
LEFT_OUT = "excluded by where"
"""The label of a booking that ``where`` leaves out, in place of its status."""


@dataclass(frozen=True, slots=True, eq=False)
class AppTables:
    """The tables of one statement. Compared by identity, because statements are cached by it."""

    application: AppMapping
    booking: Table
    customer: Table | None
    queue: Table | None
    moments: Table | None
    """The ledger's table of due moments; ``None`` where there is no ledger that our role can read."""
    shown: Mapping[Effect, tuple[tuple[Evidence, FromClause], ...]]
    """What else shows an effect, each with the rows that do. A column's rows are the bookings."""

    @classmethod
    def of(cls, application: AppMapping, moments: Table | None = None) -> "AppTables":
        booking = application.bookings.table()
        return cls(
            application=application,
            booking=booking,
            customer=application.customers.table() if application.customers else None,
            queue=application.queue.table() if application.queue else None,
            moments=moments,
            shown=_shown(application, booking),
        )

    def field(self, name: str) -> ColumnElement[Any]:
        """A booking's column by our name; NULL where the application has no such column."""
        return self.booking.c[name] if name in self.booking.c else null()

    def from_clause(self, among: ColumnElement[bool] | None = None) -> FromClause:
        """Bookings, each with its customer and its joined rows where there are any.

        ``among``: selects the statement's bookings by their own columns, where that can be said.
        """
        source: FromClause = self.booking
        if self.customer is not None and "customer_id" in self.booking.c:
            source = source.outerjoin(self.customer, self.customer.c.id == self.booking.c.customer_id)
        return fields.joined(source, self.booking, self.application, among)

    def phones(self) -> list[ColumnElement[Any]]:
        """What may contain a phone number, in order of preference: the booking's own, then the customer's."""
        own = [fields.value(self.booking, field) for field in self.application.phone]
        return [*own, self.customer_field("mobile_e164"), self.customer_field("mobile_number")]

    @property
    def joins_for_phone(self) -> bool:
        """Whether a number may stand in another table."""
        is_joined = self.customer is not None and "customer_id" in self.booking.c
        return is_joined or any(field.join for field in self.application.phone)

    def first_filled(self, places: tuple[MappedField, ...]) -> ColumnElement[Any]:
        return fields.first_filled(self.booking, places)

    def fact(self, field: MappedField) -> ColumnElement[Any]:
        return fields.value(self.booking, field)

    @property
    def made(self) -> times.StoredMoment:
        """When the booking was made; the column may be NULL."""
        found = times.stored_moment(self.booking.c, "created", self.application.zone)
        assert found is not None, "cron.yaml maps it in one form or another"
        return found

    @property
    def confirmed(self) -> times.StoredMoment | None:
        """When it was confirmed; ``None`` if the application has no such column."""
        return times.stored_moment(self.booking.c, "due", self.application.zone)

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


def _shown(application: AppMapping, booking: Table) -> Mapping[Effect, tuple[tuple[Evidence, FromClause], ...]]:
    """Each table has a name of its own in a statement: several may be one table, or the bookings."""
    numbers = count()
    return {
        effect: tuple(
            (one, booking if isinstance(one, EvidenceColumn) else one.table.table().alias(f"shown_{next(numbers)}"))
            for one in several
        )
        for effect, several in application.evidence.items()
    }


def stored_start(tables: AppTables) -> ColumnElement[Any]:
    """The booking start as it stands in the row; NULL without a usable one.

    It is an instant, or the venue's civil time without a zone (``is_civil``).
    """
    columns = tables.booking.c
    if "date" in columns:
        return times.local_time(columns.date, columns.start_time)
    return _usable(times.stored_moment(columns, "starts", tables.application.zone))


def stored_end(tables: AppTables) -> ColumnElement[Any]:
    """The booking end in one of the same two forms; NULL without a usable one, or where ``stored_length`` says it."""
    columns = tables.booking.c
    if "end_time" in columns:
        next_day = columns.end_next_day if "end_next_day" in columns else false()
        day = columns.end_date if "end_date" in columns else columns.date
        return times.local_end_time(day, columns.end_time, next_day)
    return _usable(times.stored_moment(columns, "ends", tables.application.zone))


def stored_length(tables: AppTables) -> ColumnElement[Any]:
    """How long the booking takes, where a column says so; NULL for what no booking takes."""
    columns = tables.booking.c
    units = {"length_minutes": "1 minute", "length_hours": "1 hour"}
    lengths = [
        cast(cast(columns[name], Float) * literal_column(f"interval '{unit}'"), Interval())
        for name, unit in units.items()
        if name in columns
    ]
    lengths += [cast(columns.length, Interval())] if "length" in columns else []
    if not lengths:
        return null()
    return case((lengths[0].between(literal_column("interval '0'"), LONGEST), lengths[0]), else_=null())


def _usable(moment: times.StoredMoment | None) -> ColumnElement[Any]:
    """Instants are compared as instants. Only the venue's civil time is read as it stands, and converted by Python."""
    if moment is None:
        return null()
    if moment.zone in (None, "UTC"):
        return times.usable_moment(moment.instant, zoned=True)
    return times.usable_moment(moment.column, zoned=False)


def is_civil(tables: AppTables) -> bool:
    """Whether ``stored_start`` is civil time."""
    return "date" in tables.booking.c or "starts_local" in tables.booking.c


def as_start(tables: AppTables, moment: datetime | BindParameter[datetime]) -> Any:
    """The moment in the form of ``stored_start``, for comparisons."""
    return times.civil_moment(moment, tables.application) if is_civil(tables) else moment


def created_at(tables: AppTables) -> ColumnElement[Any]:
    """When the booking was made, within Python's range. An unknown time counts as long ago, so that no text is sent."""
    known = func.coalesce(tables.made.instant, cast(times.EARLIEST, DateTime(timezone=True)))
    earliest, latest = (cast(day, DateTime(timezone=True)) for day in (times.EARLIEST, times.LATEST))
    return func.least(func.greatest(known, earliest), latest)


def is_left_out(tables: AppTables) -> ColumnElement[bool]:
    """Whether ``where`` says that the row is none of the bookings that the rules are about; never NULL."""
    wanted = tables.application.where
    return ~and_(true(), *where_holds(tables).values()) if wanted else false()


def where_holds(tables: AppTables) -> dict[str, ColumnElement[bool]]:
    """The application's name of a column -> whether it holds what ``where`` wants; never NULL."""
    return row_filters(tables.booking, tables.application.where)


def is_marked(column: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a column that holds a time, a truth value, a number or a text says yes; never NULL."""
    return func.coalesce(cast(column, Text).not_in(("", "false", "f", "0")), False, type_=Boolean())


def is_filled(column: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether there is more than spaces in it; never NULL."""
    said = cast(column, Text)
    # What begins with a character after the space is not trimmed: that is nearly every value, a million times a scan.
    begins = said.collate("C") >= literal_column("'!'")
    return func.coalesce(or_(begins, func.btrim(said) != ""), False, type_=Boolean())


def exists_row(*facts: ColumnElement[bool], of: FromClause | None = None) -> ColumnElement[bool]:
    """Whether a row with these facts exists. SQLAlchemy's own ``SELECT *`` would need SELECT on every column.

    ``of``: the table of that row, where the statement around it may name the same table.
    """
    found = exists(literal_column("1")).where(*facts)
    return found if of is None else found.correlate_except(of)
