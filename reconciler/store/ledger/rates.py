"""Rate limits for calls, shared by all processes: one row per provider."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, text

# The slot after the last one reserved, or now if that is past. One statement, so that processes do not race.
_SLOT = text("""
    INSERT INTO reconciler.rate AS rate (name, next_at) VALUES (:name, clock_timestamp() + CAST(:interval AS interval))
    ON CONFLICT (name) DO UPDATE
    SET next_at = greatest(rate.next_at, clock_timestamp()) + CAST(:interval AS interval)
    RETURNING next_at - CAST(:interval AS interval) - clock_timestamp()
""")
_TOO_LONG = text("""
    SELECT next_at - clock_timestamp() FROM reconciler.rate
    WHERE name = :name AND next_at > clock_timestamp() + CAST(:longest AS interval)
""")
_PAUSE = text("""
    INSERT INTO reconciler.rate AS rate (name, next_at) VALUES (:name, clock_timestamp() + CAST(:wait AS interval))
    ON CONFLICT (name) DO UPDATE SET next_at = greatest(rate.next_at, excluded.next_at)
""")


@dataclass(frozen=True, slots=True)
class PostgresRates:
    """``ports.Rates`` over one connection in one transaction."""

    connection: Connection
    prefix: str = ""
    """Prefix of every name. A fire drill has its own rates, so that no other process waits for it."""

    def reserve(self, name: str, interval: timedelta, longest: timedelta) -> timedelta:
        too_long: timedelta | None = self.connection.scalar(_TOO_LONG, {"name": self.prefix + name, "longest": longest})
        if too_long is not None:
            return too_long
        wait: timedelta = self.connection.scalar(_SLOT, {"name": self.prefix + name, "interval": interval})
        return max(wait, timedelta(0))

    def pause(self, name: str, wait: timedelta) -> None:
        self.connection.execute(_PAUSE, {"name": self.prefix + name, "wait": wait})
