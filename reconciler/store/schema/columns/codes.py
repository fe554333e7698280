"""What the newest bookings have in the column of ``bookings.reference``. It is counted, and no value is shown."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Text, cast, select

from reconciler.domain.alerting.public_codes import EMPTY, SHARED, code_fault
from reconciler.domain.doctor import Note
from reconciler.domain.gaps import GapKind, IntegrationFault
from reconciler.store.app.app_tables import AppTables, is_left_out
from reconciler.store.app.references import code, has_codes
from reconciler.store.schema.catalog import CatalogTable

SAMPLE = 500
"""Bookings whose codes are read: enough to know the column, few enough for every pass."""
MOST_UNUSABLE = 0.5
"""A greater share of codes that stand for no booking says that the column is another one."""
FEW = 10
"""Of fewer codes nothing can be said."""
_REMEDY = (
    "map the column of the code by which customers call a booking as bookings.reference in cron.yaml, or leave the key "
    "out: then it is the beginning of the id"
)


@dataclass(frozen=True, slots=True)
class CodeCounts:
    """How many of the newest bookings have no usable code, by the reason."""

    place: str
    """The column."""
    read: int
    unusable: Mapping[str, int]

    @classmethod
    def of(cls, connection: Connection, tables: AppTables) -> "CodeCounts":
        columns = tables.booking.c
        names = [cast(columns[name], Text) for name in ("name", "first_name") if name in columns]
        newest = tables.made.column.desc().nulls_last()
        ours = select(code(tables), *names).where(tables.in_scope(), ~is_left_out(tables))
        rows = connection.execute(ours.order_by(newest).limit(SAMPLE)).all()
        times_seen = Counter(written.lower() for written, *_ in rows if written)
        faults = [
            code_fault(written, *(name or "" for name in called)) or (SHARED if times_seen[written.lower()] > 1 else "")
            for written, *called in rows
        ]
        mapped = tables.application.bookings
        return cls(f"{mapped.label}.{mapped.columns['reference']}", len(rows), Counter(filter(None, faults)))

    @property
    def is_another_column(self) -> bool:
        """Whether what it holds is no codes. Empty codes say nothing: the column may be new."""
        filled = self.read - self.unusable.get(EMPTY, 0)
        wrong = sum(self.unusable.values()) - self.unusable.get(EMPTY, 0)
        return filled >= FEW and wrong > MOST_UNUSABLE * filled

    @property
    def seen(self) -> str:
        counted = "; ".join(f"{number} {reason}" for reason, number in sorted(self.unusable.items()))
        return f"of the {self.read} newest bookings, not usable as a reference in {self.place}: {counted}"


def code_faults(connection: Connection, tables: AppTables) -> Iterator[IntegrationFault]:
    """Whether the column holds something else than codes. Otherwise each booking without a code is refused alone."""
    if has_codes(tables) and (counted := CodeCounts.of(connection, tables)).is_another_column:
        yield IntegrationFault(
            kind=GapKind.INTEGRATION_SCHEMA, code="references_unusable", seen=counted.seen, remedy=_REMEDY
        )


def code_notes(connection: Connection, tables: AppTables) -> Iterator[Note]:
    """The bookings that are refused because of their code."""
    mapped = tables.application.bookings
    table = CatalogTable.find(connection, mapped)
    if table is None or mapped.columns.get("reference") not in table.columns:
        return
    if (counted := CodeCounts.of(connection, tables)).unusable:
        yield Note(message=counted.seen, remedy="such a booking gets no text and no event until it has a usable one")
