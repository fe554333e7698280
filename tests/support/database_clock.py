"""The clock of one database, put wrong: PostgreSQL's own function stands behind another of its name.

A database's search_path would not do: every transaction of ours sets its own.
"""

from tests.support.application_db import Venue

_PUT = """
SET LOCAL allow_system_table_mods = on;
DO $rename$ BEGIN
    IF to_regprocedure('pg_catalog.real_clock_timestamp()') IS NULL THEN
        ALTER FUNCTION pg_catalog.clock_timestamp() RENAME TO real_clock_timestamp;
    END IF;
END $rename$;
CREATE OR REPLACE FUNCTION pg_catalog.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql STABLE
    AS $$ BEGIN RETURN pg_catalog.real_clock_timestamp() + {ahead}; END $$
"""
_RIGHT = """
SET LOCAL allow_system_table_mods = on;
DROP FUNCTION pg_catalog.clock_timestamp();
ALTER FUNCTION pg_catalog.real_clock_timestamp() RENAME TO clock_timestamp
"""


def put_ahead(venue: Venue, ahead: str) -> None:
    """``ahead``: an interval as an SQL expression; a negative one puts the clock behind."""
    venue.alter(_PUT.format(ahead=ahead))


def put_right(venue: Venue) -> None:
    venue.sql(_RIGHT)
