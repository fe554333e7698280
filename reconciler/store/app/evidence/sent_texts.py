"""``ports.SentTexts`` over the application's text queue, and over other tables whose rows show texts."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, FromClause, Select, Text, cast, func, literal, select

from reconciler.domain.bookings import BookingId
from reconciler.domain.explain.queued_text import QueuedText
from reconciler.domain.gaps import Effect
from reconciler.store.app import recipients, scan
from reconciler.store.app.app_tables import is_filled
from reconciler.store.app.conditions import AppTables
from reconciler.store.app.evidence import number_key
from reconciler.store.app.evidence.queue_conditions import NO_TEXT_STATUSES
from reconciler.store.app.explain import booking_facts
from reconciler.store.app.mapping import EvidenceRows, one_of
from reconciler.store.app.values.filters import column_of, row_filters


@dataclass(frozen=True, slots=True)
class PostgresSentTexts:
    """Over one connection in one transaction."""

    connection: Connection
    tables: AppTables

    def queued(self, booking: BookingId) -> Sequence[QueuedText]:
        return booking_facts.queued(self.connection, self.tables, booking)

    def texts_to(self, tails: frozenset[str], since: datetime) -> Sequence[tuple[str, datetime]]:
        if not tails:
            return []
        found: list[tuple[str, datetime]] = []
        for statement in recipients.texted(self.tables):
            rows = self.connection.execute(statement, {**number_key.values(tails), "since": since})
            found += [(number, at) for number, at in rows]
        return sorted(found, key=lambda text: text[1])

    def bookings_naming(self, provider_ids: Collection[str], besides: str) -> Mapping[str, frozenset[BookingId]]:
        found: dict[str, frozenset[BookingId]] = {}
        for statement, named in self._naming(besides) if provider_ids else ():
            for name, bookings in self.connection.execute(statement.where(one_of(named, provider_ids))):
                found[name] = found.get(name, frozenset()) | frozenset(map(BookingId, bookings))
        return found

    def messages_sent(self, bookings: Collection[BookingId]) -> Mapping[tuple[BookingId, str], frozenset[str]]:
        found: dict[tuple[BookingId, str], frozenset[str]] = {}
        for statement, key in self._messages():
            for some in scan.chunks(sorted(bookings)):
                for own, word, sids in self.connection.execute(statement.where(one_of(key, some))):
                    place = BookingId(own), word or ""
                    found[place] = found.get(place, frozenset()) | frozenset(sids)
        return found

    def _naming(self, besides: str) -> Iterator[tuple[Select[Any], Any]]:
        queue = self.tables.queue
        if queue is not None:
            named, booking = cast(queue.c.provider_id, Text), cast(queue.c.booking_id, Text)
            yield _grouped(named, booking).where(queue.c.id != besides), named
        for _, rows, source in self._rows_with_sids():
            named = cast(rows.c.provider_id, Text)
            yield _grouped(named, cast(self.tables.booking.c.id, Text)).select_from(source), named

    def _messages(self) -> Iterator[tuple[Any, Any]]:
        queue = self.tables.queue
        if queue is not None:
            booking, trigger, sid = (cast(queue.c[name], Text) for name in ("booking_id", "trigger", "provider_id"))
            leaves = func.coalesce(cast(queue.c.status, Text).not_in(NO_TEXT_STATUSES), True)
            statement = select(booking, trigger, func.array_agg(sid)).where(leaves, is_filled(sid))
            yield statement.group_by(booking, trigger), queue.c.booking_id
        for one, rows, source in self._rows_with_sids():
            key, sid = self.tables.booking.c.id, cast(rows.c.provider_id, Text)
            word: Any = cast(rows.c.trigger, Text) if "trigger" in rows.c else literal("")
            statement = select(cast(key, Text), word, func.array_agg(sid)).select_from(source)
            statement = statement.where(is_filled(sid), *row_filters(rows, one.where).values())
            yield statement.group_by(key, word), key

    def _rows_with_sids(self) -> Iterator[tuple[EvidenceRows, FromClause, FromClause]]:
        """Each with its rows, and these joined to their bookings."""
        for one, rows in self.tables.shown.get(Effect.SMS, ()):
            if isinstance(one, EvidenceRows) and "provider_id" in rows.c:
                own = column_of(self.tables.booking, one.booking_column)
                yield one, rows, rows.join(self.tables.booking, rows.c.link == own)


def _grouped(named: Any, booking: Any) -> Select[Any]:
    return select(named, func.array_remove(func.array_agg(booking), None)).group_by(named)
