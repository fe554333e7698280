"""One venue in a process of its own. It stands here because ``__main__`` is another module in a worker."""

import logging

import structlog

from reconciler.sandbox.postgres import EmbeddedPostgres
from tests.support.application_db import Venue
from tests.year.days import SIZES
from tests.year.playing import Played, play

_QUICK = ("autovacuum_naptime = '5s'", "jit = off", "max_wal_size = '4GB'")
_SAID = logging.CRITICAL


def play_one(job: tuple[str, int]) -> Played:
    """One venue, on a PostgreSQL of its own."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(_SAID))
    name, seed = job
    with EmbeddedPostgres() as postgres:
        with postgres.connect("postgres") as connection:
            for setting in _QUICK:
                connection.execute(f"ALTER SYSTEM SET {setting}")
            connection.execute("SELECT pg_reload_conf()")
        postgres.create_application("application")
        postgres.create_database("migrated", "application")
        Venue(postgres, "migrated").migrate()
        return play(postgres, "migrated", SIZES[name], seed)
