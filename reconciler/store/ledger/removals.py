"""``ports.Removals`` over PostgreSQL."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, text

from reconciler.domain.decide.calendar_decision_table import Seen
from reconciler.domain.decide.calendar_event import event_id
from reconciler.domain.decide.identity import Same
from reconciler.domain.decide.removals import KnownEvent, RemovalReason
from reconciler.domain.gaps import Effect
from reconciler.domain.intents import Intent, IntentId, State
from reconciler.store.ledger.intent_sql import CERTAINLY_OURS, COLUMNS, OF_SOURCE, OWNED
from reconciler.store.ledger.intents import intent_of
from reconciler.store.ledger.sources import SourceKey

_EVENTS = text(f"""
    SELECT {COLUMNS}, absent_since, created_at, incarnation < newest AS of_earlier FROM reconciler.intent AS intent
    JOIN (SELECT booking, max(incarnation) AS newest FROM reconciler.intent
          WHERE {OF_SOURCE} AND effect = :effect GROUP BY booking) AS incarnations USING (booking)
    WHERE {OF_SOURCE} AND {OWNED} AND {CERTAINLY_OURS} AND effect = :effect AND NOT effect_gone
      AND (starts_at IS NULL OR starts_at >= :since)
      AND (state = 'done'
           OR (state = 'dropped' AND attempted_at IS NOT NULL AND NOT resolved_by_person AND code <> :tombstone))
    ORDER BY created_at, id
""")
_REMOVED_SINCE = text("""
    SELECT count(*) FROM reconciler.intent
    WHERE source = :source AND scope = :scope AND effect = :effect AND state IN ('done', 'dropped')
      AND updated_at >= :since
      AND effect_gone AND code = ANY(:reasons)
""")
_START = text("UPDATE reconciler.intent SET starts_at = :starts_at WHERE id = CAST(:id AS uuid)")
# Two passes that note the same rows lock them in one order.
_ABSENT = text("""
    UPDATE reconciler.intent SET absent_since = :now
    WHERE id IN (SELECT id FROM reconciler.intent WHERE id = ANY(CAST(:ids AS uuid[])) AND absent_since IS NULL
                 ORDER BY booking, id FOR UPDATE)
""")
_PRESENT = text("""
    UPDATE reconciler.intent SET absent_since = NULL
    WHERE id IN (SELECT id FROM reconciler.intent WHERE id = ANY(CAST(:ids AS uuid[])) ORDER BY booking, id FOR UPDATE)
""")


@dataclass(frozen=True, slots=True)
class PostgresRemovals:
    """``ports.Removals`` over one connection in one transaction."""

    connection: Connection
    scope: str
    source_key: SourceKey

    def events(self, effect: Effect, installation: str, since: datetime) -> Sequence[KnownEvent]:
        values = {
            "source": self.source_key.of(self.connection),
            "scope": self.scope,
            "effect": effect,
            "since": since,
            "tombstone": Seen.TOMBSTONE.value,
        }
        found = []
        for row in self.connection.execute(_EVENTS, values).mappings():
            intent = intent_of(row)
            derived = event_id(installation, intent.key, intent.generation)
            late = intent.state is State.DROPPED
            known = KnownEvent(
                intent=replace(intent, provider_id=derived) if late else intent,
                starts_at=row["starts_at"],
                absent_since=row["absent_since"],
                made_at=row["created_at"],
                is_ours=late or intent.provider_id == derived,
                row=Same.NO if row["of_earlier"] else Same.YES,
            )
            found.append(known)
        return found

    def removed_since(self, effect: Effect, since: datetime) -> int:
        values = {
            "source": self.source_key.of(self.connection),
            "scope": self.scope,
            "effect": effect,
            "since": since,
            "reasons": [str(one) for one in RemovalReason],
        }
        return int(self.connection.scalar(_REMOVED_SINCE, values) or 0)

    def note_start(self, intent: Intent, starts_at: datetime) -> None:
        self.connection.execute(_START, {"id": intent.id, "starts_at": starts_at})

    def note_absent(self, intents: Collection[IntentId], now: datetime) -> None:
        if intents:
            self.connection.execute(_ABSENT, {"ids": sorted(intents), "now": now})

    def note_present(self, intents: Collection[IntentId]) -> None:
        if intents:
            self.connection.execute(_PRESENT, {"ids": sorted(intents)})
