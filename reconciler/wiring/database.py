"""The database of the settings; apart from the assembly, so that a health check loads no provider."""

from reconciler.settings import Settings
from reconciler.store.database import Database


def database(chosen: Settings) -> Database:
    timeouts = chosen.file.limits.timeouts
    return Database(chosen.environment.database_url, statement_timeout=timeouts.sql, lock_timeout=timeouts.lock)
