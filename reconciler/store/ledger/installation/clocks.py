"""Moments in the future, per column: how far ahead one may lie, and the clamping of those that lie further.

A host or a database whose clock was ahead has stored them. What happened is at the latest *now*; a lease, a settle time
and a pause end within their longest span.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from reconciler.domain.intents import LONGEST_PAUSE

TOLERANCE = timedelta(minutes=2)
"""How far clocks may differ; a pass refuses to act beyond."""
LONGEST_LEASE = timedelta(hours=1)
"""Longer than any lease in use: another scope may have a longer one than we."""
NONE = timedelta(0)

HAPPENED: Mapping[str, tuple[str, ...]] = {
    "gap": ("opened_at", "seen_at", "noted_at", "closed_at"),
    "intent": ("created_at", "updated_at", "attempted_at", "failed_at", "absent_since"),
    "run": ("started_at", "finished_at"),
    "incident": ("opened_at", "newest_at", "alerted_at", "deadline_at", "paged_at", "ended_at"),
    "outbox": ("created_at", "delivered_at"),
    "due": ("due_at",),
}
"""Moments that have happened, by the clock of the passes."""
AHEAD: Mapping[str, Mapping[str, timedelta]] = {
    "intent": {"leased_until": LONGEST_LEASE, "examined_at": NONE},
    "installation": {"since": NONE, "caution_since": NONE},
    "source": {"since": NONE},
    "beacon": {"asked_at": NONE, "renewed_at": NONE},
    "outbox": {"leased_until": LONGEST_LEASE},
}
"""Moments that go by the database's clock itself."""
_HAS_FUTURES = text("""
    SELECT EXISTS (SELECT FROM reconciler.run WHERE started_at > :now + CAST(:tolerance AS interval))
        OR EXISTS (SELECT FROM reconciler.rate WHERE next_at > clock_timestamp() + CAST(:pause AS interval))
""")
_PAUSES = text("""
    UPDATE reconciler.rate SET next_at = clock_timestamp()
    WHERE next_at > clock_timestamp() + CAST(:pause AS interval)
""")
_WAITS = text("""
    UPDATE reconciler.intent SET not_before = NULL
    WHERE state = 'planned' AND not_before > :now + CAST(:pause AS interval)
""")
_SETTLES = text("""
    UPDATE reconciler.intent SET not_before = clock_timestamp() + CAST(:settle AS interval)
    WHERE state = 'unknown' AND not_before > clock_timestamp() + CAST(:settle AS interval)
""")
_LIFT_PAUSES = text("UPDATE reconciler.rate SET next_at = clock_timestamp() WHERE next_at > clock_timestamp()")
_LIFT_WAITS = text("UPDATE reconciler.intent SET not_before = NULL WHERE state = 'planned'")


@dataclass(frozen=True, slots=True)
class PostgresStoredClocks:
    """``ports.StoredClocks`` over one connection in one transaction."""

    connection: Connection

    def has_futures(self, now: datetime) -> bool:
        values = {"now": now, "tolerance": TOLERANCE, "pause": LONGEST_PAUSE}
        return bool(self.connection.scalar(_HAS_FUTURES, values))

    def clamp(self, now: datetime, pause: timedelta, settle: timedelta) -> None:
        for table, columns in HAPPENED.items():
            self._clamp(table, dict.fromkeys(columns, NONE), ":now", {"now": now})
        for table, spans in AHEAD.items():
            self._clamp(table, spans, "clock_timestamp()", {})
        self.connection.execute(_PAUSES, {"pause": pause})
        self.connection.execute(_WAITS, {"now": now, "pause": pause})
        self.connection.execute(_SETTLES, {"settle": settle})

    def lift_pauses(self) -> None:
        self.connection.execute(_LIFT_PAUSES)
        self.connection.execute(_LIFT_WAITS)

    def _clamp(self, table: str, spans: Mapping[str, timedelta], clock: str, values: Mapping[str, object]) -> None:
        latest = {name: f"CAST({clock} AS timestamptz) + CAST(:{name} AS interval)" for name in spans}
        wrong = " OR ".join(f"{name} > {limit}" for name, limit in latest.items())
        changes = [f"{name} = CASE WHEN {name} > {at} THEN {at} ELSE {name} END" for name, at in latest.items()]
        statement = text(f"UPDATE reconciler.{table} SET {', '.join(changes)} WHERE {wrong}")
        self.connection.execute(statement, {**values, **spans})
