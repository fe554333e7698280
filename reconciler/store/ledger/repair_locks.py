"""``ports.RepairLocks`` over PostgreSQL."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from reconciler.domain.gaps import Effect
from reconciler.store.ledger.sources import SourceKey

_IS_LOCKED = text("""
    SELECT EXISTS (SELECT FROM reconciler.repair_lock WHERE effect = :effect AND tenant = '' AND source = :source)
""")
_LOCK = text("""
    INSERT INTO reconciler.repair_lock (effect, source, code, since) VALUES (:effect, :source, :code, :now)
    ON CONFLICT DO NOTHING
""")
_UNLOCK = text("DELETE FROM reconciler.repair_lock WHERE effect = :effect AND tenant = '' AND source = :source")


@dataclass(frozen=True, slots=True)
class PostgresRepairLocks:
    """``ports.RepairLocks`` over one connection in one transaction."""

    connection: Connection
    source_key: SourceKey

    def is_locked(self, effect: Effect) -> bool:
        return bool(self.connection.scalar(_IS_LOCKED, self._of(effect)))

    def lock(self, effect: Effect, code: str, now: datetime) -> None:
        self.connection.execute(_LOCK, {**self._of(effect), "code": code, "now": now})

    def unlock(self, effect: Effect) -> None:
        self.connection.execute(_UNLOCK, self._of(effect))

    def _of(self, effect: Effect) -> dict[str, str]:
        return {"effect": effect, "source": self.source_key.of(self.connection)}
