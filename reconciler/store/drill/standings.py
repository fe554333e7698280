"""The proof of a proposed mapping: bookings of every standing on temporary copies, and what the scan says of each.

Everything happens in one transaction that is rolled back. No row is written to a table of the application's.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.plan import BookingRange
from reconciler.domain.decide.verdicts import Condition
from reconciler.domain.drill import DrillFixture
from reconciler.domain.gaps import Effect, GapKind
from reconciler.domain.rules.rule import DrillGap, PlantedText
from reconciler.ports import Bookings, Runner
from reconciler.store.app.conditions import AppTables
from reconciler.store.app.mapping import AppMapping, EvidenceColumn, EvidenceLog, EvidenceRows
from reconciler.store.database import Database, transaction_over
from reconciler.store.drill.fixtures import CopiedTable, FixtureWriter, planted_times
from reconciler.store.drill.planted_rows import other_value, plant_row, selected_by
from reconciler.store.drill.rollback_store import rolled_back
from reconciler.store.drill.temporary_copies import may_copy, temporary_copies
from reconciler.store.ledger.sources import SourceKey
from reconciler.store.schema.columns.types import CIVIL, INSTANT
from reconciler.text.sql_quoting import exact_identifier

NO_TEMP = "our role may not make temporary tables: GRANT TEMPORARY ON DATABASE to it, or run it as another role"
FOUND = "found"
"""What the scan says of a booking that breaks the rule."""
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_SID = f"SM{'0' * 32}"
_EVENT = "planted0event"
_STARTS = ("starts_at", "starts_utc", "starts_local", "date", "start_time")
_NUMBERS = "+4477009009{:02}"
"""Reserved for drama by Ofcom. Each booking has its own: a log is about a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvedStanding:
    """One planted booking."""

    standing: str
    expected: Mapping[GapKind, str]
    """Rule -> ``FOUND``, or the condition that it fails."""
    seen: Mapping[GapKind, str]

    @property
    def is_right(self) -> bool:
        return self.expected == self.seen


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingProof:
    """The result: every planted booking, or why there is none."""

    standings: tuple[ProvedStanding, ...] = ()
    not_proved: str = ""

    @property
    def wrong(self) -> tuple[ProvedStanding, ...]:
        return tuple(one for one in self.standings if not one.is_right)


def prove(database: Database, application: AppMapping, kinds: Sequence[GapKind], now: datetime) -> MappingProof:
    """Plant and scan. ``kinds``: the rules that are on.

    Raises:
        DatabaseUnreachable, DatabaseDisagrees: as ``Database.transaction``.
    """
    with rolled_back(database) as connection:
        if not may_copy(connection):
            return MappingProof(not_proved=NO_TEMP)
        copies = temporary_copies(connection, application)
        planter = _Planter(connection=connection, application=copies, now=now, kinds=kinds)
        planted = list(planter.plant())
        source = SourceKey(copies.bookings.quoted)
        bookings = transaction_over(connection, Runner(scope="adopt"), source, AppTables.of(copies)).bookings
        return MappingProof(
            standings=tuple(
                ProvedStanding(
                    standing=standing,
                    expected={kind: expected[kind] for kind in kinds},
                    seen={kind: _seen(bookings, kind, booking, now) for kind in kinds},
                )
                for standing, booking, expected in planted
            )
        )


def _seen(bookings: Bookings, kind: GapKind, booking: BookingId, now: datetime) -> str:
    found = bookings.scan(kind, now, _LONG_AGO, BookingRange(since=_LONG_AGO, bookings=frozenset({booking})))
    if booking in found.broken:
        return FOUND
    return next((str(condition) for condition, _ in found.by_condition), "not seen")


_Planted = tuple[str, BookingId, dict[GapKind, str]]


@dataclass(slots=True, kw_only=True)
class _Planter:
    connection: Connection
    application: AppMapping
    now: datetime
    kinds: Sequence[GapKind]
    number: int = field(default=0)

    def plant(self) -> Iterator[_Planted]:
        yield "missing both", self._booking(), _both(FOUND)
        yield from self._texted()
        yield from self._with_event()
        for status in self.application.cancelled:
            booking = self._booking()
            self._set(booking, {self._own("status"): status})
            yield f"cancelled ({status})", booking, _both(Condition.STATUS)
        yield "past", self._booking(days=-3), _both(Condition.AHEAD)
        undated = self._booking()
        self._set(undated, {self._own(ours): None for ours in _STARTS if ours in self.application.bookings.columns})
        yield "without a date (found, and never repaired)", undated, _both(FOUND)
        for name, one in self.application.where.items():
            booking, copy = self._booking(), self._copy()
            wrong = (one.any_of or (None,))[0] if one.is_not else other_value(copy.seen, name, one, self.now)
            self._set(booking, {name: wrong})
            yield f"left out by where ({name})", booking, _both(Condition.STATUS)

    def _texted(self) -> Iterator[_Planted]:
        if GapKind.SMS_MISSING not in self.kinds:
            return
        texted = _both(FOUND) | {GapKind.SMS_MISSING: str(Condition.NO_TEXT)}
        if self.application.queue:
            yield (
                "text in the queue",
                self._booking(text=PlantedText(statuses=("sent",), is_sent=True, has_proof=True)),
                texted,
            )
        for one in self.application.evidence[Effect.SMS]:
            booking = self._booking()
            if isinstance(one, EvidenceColumn):
                self._set(booking, {one.column: self._mark(one.column)})
                yield f"texted ({one.column})", booking, texted
            else:
                self._row(one, booking, {"provider_id": _SID})
                yield f"texted ({'rows' if isinstance(one, EvidenceRows) else 'log'})", booking, texted

    def _with_event(self) -> Iterator[_Planted]:
        if GapKind.CALENDAR_MISSING not in self.kinds:
            return
        shown = _both(FOUND) | {GapKind.CALENDAR_MISSING: str(Condition.NO_EVENT)}
        if "event_id" in self.application.bookings.columns:
            booking = self._booking()
            self._set(booking, {self._own("event_id"): _EVENT})
            yield "has its event (column)", booking, shown
        for one in self.application.evidence[Effect.CALENDAR]:
            assert isinstance(one, EvidenceRows), "events are shown by rows"
            booking = self._booking()
            self._row(one, booking, {"event_id": _EVENT})
            yield "has its event (rows)", booking, shown

    def _booking(self, *, days: int = 7, text: PlantedText | None = None) -> BookingId:
        """Made long enough ago, with everything that both rules need, and nothing that shows a text or an event."""
        self.number += 1
        gap = DrillGap(kind=GapKind.SMS_MISSING, text=text, names_event=False, events=0)
        fixture = DrillFixture(gap=gap, number=self._number(), event_id=None, days=days)
        return FixtureWriter(self.connection, self.application, self.now).plant(fixture)

    def _number(self) -> str:
        return _NUMBERS.format(self.number)

    def _own(self, ours: str) -> str:
        return self.application.bookings.columns[ours]

    def _copy(self) -> CopiedTable:
        return CopiedTable.of(self.connection, self.application.bookings)

    def _mark(self, column: str) -> object:
        kind = self._copy().seen.columns[column].type
        return self.now.isoformat() if kind in (INSTANT, CIVIL) else "true" if kind == "boolean" else _SID

    def _row(self, one: EvidenceRows | EvidenceLog, booking: BookingId, extra: Mapping[str, Any]) -> None:
        copy = CopiedTable.of(self.connection, one.table)
        sent = {name.replace("created", "sent"): at for name, at in self._moments().items()}
        occasion = self.application.occasions.get(self.application.statuses[0])
        values = {**extra, **sent, "number": self._number(), "trigger": occasion.trigger if occasion else None}
        if isinstance(one, EvidenceRows):
            values["link"] = self._value(booking, one.booking_column)
        plant_row(self.connection, copy.seen, copy.named(values, selected_by(copy.seen, one.where, self.now)))

    def _moments(self) -> dict[str, Any]:
        every = planted_times(self.application.zone, self.now, 0, self.now - timedelta(minutes=1))
        return {name: at for name, at in every.items() if name.startswith("created")}

    def _value(self, booking: BookingId, column: str) -> object:
        """The booking's value in the column that a row leads to; one is made up where it is empty."""
        name, key = exact_identifier(column), exact_identifier(self._own("id"))
        query = text(f"SELECT {name} FROM {self.application.bookings.quoted} WHERE CAST({key} AS text) = :key")
        found = self.connection.scalar(query, {"key": str(booking)})
        if found is None:
            found = f"planted{self.number}" if self._copy().seen.columns[column].is_text else str(self.number)
            self._set(booking, {column: found})
        return found

    def _set(self, booking: BookingId, values: Mapping[str, object]) -> None:
        changes = ", ".join(f"{exact_identifier(name)} = :v{number}" for number, name in enumerate(values))
        key = exact_identifier(self._own("id"))
        bound = {f"v{number}": value for number, value in enumerate(values.values())}
        statement = f"UPDATE {self.application.bookings.quoted} SET {changes} WHERE CAST({key} AS text) = :key"
        self.connection.execute(text(statement), {**bound, "key": str(booking)})


def _both(seen: str) -> dict[GapKind, str]:
    return {GapKind.SMS_MISSING: str(seen), GapKind.CALENDAR_MISSING: str(seen)}
