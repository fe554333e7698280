"""``ports.SentTexts`` over the application's text queue."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Text, cast, func, select

from reconciler.domain.bookings import BookingId
from reconciler.domain.explain.queued_text import QueuedText
from reconciler.store.app import conditions, recipients, scan
from reconciler.store.app.conditions import AppTables, queue_of
from reconciler.store.app.explain import booking_facts
from reconciler.store.app.mapping import one_of


@dataclass(frozen=True, slots=True)
class PostgresSentTexts:
    """Over one connection in one transaction."""

    connection: Connection
    tables: AppTables

    def queued(self, booking: BookingId) -> Sequence[QueuedText]:
        return booking_facts.queued(self.connection, self.tables, booking)

    def texts_to(self, tails: frozenset[str], since: datetime) -> Sequence[tuple[str, datetime]]:
        statement = recipients.texted(self.tables)
        if statement is None or not tails:
            return []
        rows = self.connection.execute(statement, {**recipients.values(tails), "since": since})
        return [(number, at) for number, at in rows]

    def bookings_naming(self, provider_ids: Collection[str], besides: str) -> Mapping[str, frozenset[BookingId]]:
        if not provider_ids:
            return {}
        queue = queue_of(self.tables)
        named, booking = cast(queue.c.provider_id, Text), cast(queue.c.booking_id, Text)
        statement = select(named, func.array_remove(func.array_agg(booking), None)).group_by(named)
        rows = self.connection.execute(statement.where(one_of(named, provider_ids), queue.c.id != besides))
        return {name: frozenset(bookings) for name, bookings in rows}

    def messages_sent(self, bookings: Collection[BookingId]) -> Mapping[tuple[BookingId, str], frozenset[str]]:
        queue = queue_of(self.tables)
        booking, trigger, sid = (cast(queue.c[name], Text) for name in ("booking_id", "trigger", "provider_id"))
        leaves = func.coalesce(cast(queue.c.status, Text).not_in(conditions.NO_TEXT_STATUSES), True)
        statement = select(booking, trigger, func.array_agg(sid)).group_by(booking, trigger)
        found = {}
        for some in scan.chunks(sorted(bookings)):
            of_these = statement.where(one_of(queue.c.booking_id, some), leaves, func.btrim(sid) != "")
            found.update(
                {(BookingId(own), word): frozenset(sids) for own, word, sids in self.connection.execute(of_these)}
            )
        return found
