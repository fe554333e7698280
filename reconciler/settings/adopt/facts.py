"""What is known of a database before anything is proposed: names, types, keys and labels."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from reconciler.settings.file.values import TableName

INSTANT, CIVIL = "timestamp with time zone", "timestamp without time zone"
DAY, CLOCK, LENGTH = "date", "time without time zone", "interval"
WHOLE = ("smallint", "integer", "bigint")
NUMBERS = (*WHOLE, "numeric", "real", "double precision")
JSON = ("json", "jsonb")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenColumn:
    """A column of a table, and what a sample of it says."""

    name: str
    type: str
    """As ``format_type`` names it, without a length."""
    is_text: bool = False
    is_enum: bool = False
    is_unique: bool = False
    """Whether it is unique by itself."""
    required: bool = False
    default: str = ""
    """The plain word that is its default; '' where there is none, or where it is an expression."""
    labels: tuple[str, ...] = ()
    """The short words that it may hold or holds: of its enum, of its CHECK, or of a sample."""
    is_closed: bool = False
    """Whether it can hold no other word than ``labels``."""
    meanings: Mapping[str, str] = field(default_factory=dict)
    """Label -> what the small table calls it that the column leads to."""
    paths: tuple[tuple[str, ...], ...] = ()
    """The keys inside its JSON, by a sample."""

    @property
    def is_words(self) -> bool:
        return self.is_text or self.is_enum


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenLink:
    """A foreign key of one column, or a column that is named like one."""

    column: str
    table: TableName
    target: str
    """The column of that table."""
    declared: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenTable:
    """A table or a view."""

    name: TableName
    columns: Mapping[str, SeenColumn]
    key: str | None = None
    """The column of its primary key; ``None`` where there is none, or where it has several columns."""
    links: tuple[SeenLink, ...] = ()
    is_view: bool = False
    readable: bool = True
    rows: int | None = None
    """How many rows there are, up to a hundred; ``None`` where they may not be read."""

    def of_type(self, *types: str) -> Iterator[SeenColumn]:
        return (column for column in self.columns.values() if column.type in types)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenDatabase:
    """Every table that our role can see, by its name."""

    tables: Mapping[TableName, SeenTable] = field(default_factory=dict)
    zone: str = ""
    """The database's own time zone."""

    def linking_to(self, table: SeenTable) -> Iterator[tuple[SeenTable, SeenLink]]:
        """The other tables with a column that leads to this one."""
        for other in self.tables.values():
            for link in other.links:
                if link.table == table.name and other.name != table.name and not other.is_view:
                    yield other, link
