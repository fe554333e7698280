"""The application's tables as SQLAlchemy Core sees them: our names as keys, theirs quoted in the SQL."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Column, ColumnElement, MetaData, Table, bindparam, func
from sqlalchemy.sql.elements import quoted_name
from sqlalchemy.types import TypeEngine, UserDefinedType

from reconciler.domain.decide.policies import ColumnFilter, Deliver, Occasion, Record
from reconciler.domain.gaps import Effect, GapKind
from reconciler.text.sql_quoting import exact_identifier, identifier


class AsStored(UserDefinedType[Any]):
    """A column of any type. Values are bound without a cast, and PostgreSQL infers their type.

    An id may therefore be a uuid, a number or a text, and PostgreSQL can use its index.
    """

    cache_ok = True

    def coerce_compared_value(self, op: Any, value: Any) -> TypeEngine[Any]:
        return self


def one_of(column: ColumnElement[Any], values: Collection[str] | str) -> ColumnElement[bool]:
    """Whether the column has one of the values, or of those bound later under that name.

    They are one parameter, an array: PostgreSQL takes no more than 65,535 parameters in a statement.
    """
    name, value = (values, None) if isinstance(values, str) else (None, sorted(values))
    return column == func.any(bindparam(name, value, required=value is None, type_=AsStored()))


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedTable:
    """One of the application's tables: its schema and name, and the columns that we use, by our names.

    The application has no column for a name that is not in ``columns``. What bookings, customers and texts are kept in
    must be a table: behind a view, nothing shows that row-level security hides rows.
    """

    schema: str
    name: str
    columns: Mapping[str, str]
    may_be_view: bool = False

    @property
    def label(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def quoted(self) -> str:
        """The quoted name with the schema. The ledger keeps it: it must not change."""
        return exact_identifier(self.schema, self.name)

    @property
    def as_sql(self) -> str:
        """The quoted name with the schema, for SQL that is printed."""
        return identifier(self.schema, self.name)

    def table(self) -> Table:
        columns: list[Column[Any]] = [
            Column(quoted_name(theirs, quote=True), AsStored(), key=ours) for ours, theirs in self.columns.items()
        ]
        return Table(
            quoted_name(self.name, quote=True), MetaData(), *columns, schema=quoted_name(self.schema, quote=True)
        )


TEXTED = "texted"
"""Our name of the bookings' column that says that a text was sent, where our word about it goes into one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceColumn:
    """A column of the bookings that is filled once the text was sent."""

    column: str
    """The application's name of it."""
    statuses: tuple[str, ...]
    """The bookings' statuses whose text it shows; none: every status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRows:
    """Rows of another table that lead to a booking and show its text or its event."""

    table: MappedTable
    """Our names: ``link`` and, where there are such columns, ``provider_id``, ``event_id``, ``trigger``, ``number``
    and those of the time at which it was sent (``store.app.values.times``)."""
    booking_column: str
    """The application's name of the bookings' column that ``link`` holds."""
    where: Mapping[str, ColumnFilter]
    """Application's column name -> what a row has to hold in it to count."""
    statuses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceLog:
    """Rows that say when a text went to which number."""

    table: MappedTable
    """Our names: ``number``, those of the time at which it was sent, and, where there is one, ``provider_id``."""
    where: Mapping[str, ColumnFilter]
    statuses: tuple[str, ...] = ()


Evidence = EvidenceColumn | EvidenceRows | EvidenceLog


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedField:
    """One place of a name, a number or a fact of a booking."""

    key: str
    """The key of cron.yaml that names it."""
    written: str
    """How that key writes it."""
    join: str | None
    """The join through which it is read; ``None``: the booking's own row."""
    column: str
    path: tuple[str, ...] = ()
    """The keys that lead to it inside JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedJoin:
    """A table that names, numbers or facts are read from."""

    table: MappedTable
    on: Mapping[str, str]
    """The joined table's column -> the bookings' column that it equals, or that of the row it goes through."""
    through: str | None = None
    """The join whose row it belongs to; ``None``: the booking's own."""
    where: Mapping[str, ColumnFilter] = field(default_factory=dict)
    """The joined table's column -> what a row has to hold in it to count."""
    first_by: str | None
    """The column by which the first row counts; ``None``: there is one row at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppMapping:
    """How the rules read the application's tables: the settings of cron.yaml that SQL needs."""

    bookings: MappedTable
    customers: MappedTable | None
    queue: MappedTable | None
    """``None`` if the application has none, or if no rule checks texts."""
    evidence: Mapping[Effect, tuple[Evidence, ...]]
    """What shows an effect beside the queue and the column of event ids."""
    records: Mapping[Effect, Record]
    """Where our own word about an effect goes."""
    joins: Mapping[str, MappedJoin]
    name: tuple[MappedField, ...]
    """The first of them that is filled counts."""
    first_name: tuple[MappedField, ...]
    phone: tuple[MappedField, ...]
    """In order of preference; the customers' numbers come after them."""
    facts: Mapping[str, MappedField]
    zone: ZoneInfo
    wording: frozenset[str]
    """The characters of our texts that are not ASCII."""
    statuses: tuple[str, ...]
    made_as: tuple[str, ...]
    """Statuses that a booking is made with: what they call for is due from the start."""
    cancelled: tuple[str, ...]
    """Statuses that say the booking is off."""
    only: Mapping[str, str | int]
    """Application's column name -> the value that every booking of ours has in it."""
    where: Mapping[str, ColumnFilter]
    """Application's column name -> what a row has to hold in it to be a booking."""
    rule_filters: Mapping[GapKind, Mapping[str, str | int]]
    """Rule -> the application's column name -> required value, for a rule that applies only to some of our bookings."""
    grace: timedelta
    date_tbd_note: str
    active_customer: str
    occasions: Mapping[str, Occasion]
    """Status of a booking -> the text it calls for."""
    triggers: tuple[str, ...]
    """Triggers that we write."""
    deliver: Deliver
    in_flight: str
    """The status of our row in the queue while its text is not known to be sent."""
    failed_resent: bool
    """Whether the application sends its failed rows again: then they are queued."""
    report_after: Mapping[GapKind, timedelta]
    """The report-only rules that are on, and for how long a queue row may keep its status under each."""

    @property
    def fields(self) -> tuple[MappedField, ...]:
        """Every place of a name, a number or a fact."""
        return (*self.name, *self.first_name, *self.phone, *self.facts.values())

    @property
    def lapsing(self) -> tuple[str, ...]:
        """The application's names of the columns after whose time a text is not sent."""
        return tuple(sorted({one.not_after for one in self.occasions.values() if one.not_after}))
