"""The database of the settings; apart from the assembly, so that a health check loads no provider."""

from reconciler.settings import Settings
from reconciler.store.database import Database


def database(chosen: Settings) -> Database:
    return _database(chosen, chosen.environment.database_url)


def owner_database(chosen: Settings) -> Database | None:
    """The same database as the role of OWNER_URL sees it; ``None`` without one."""
    return _database(chosen, chosen.environment.owner_url) if chosen.environment.owner_url else None


def _database(chosen: Settings, url: str) -> Database:
    timeouts = chosen.file.limits.timeouts
    return Database(url, statement_timeout=timeouts.sql, lock_timeout=timeouts.lock)
