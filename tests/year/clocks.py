"""One clock for the machine and its database: it goes on by itself, and is put forward from one moment to the next."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

import pytest

from reconciler.reporting.sentry import notifier
from reconciler.store.connection import server
from reconciler.timing import clock
from tests.support.application_db import Venue
from tests.support.database_clock import put_ahead

_OF_THE_DATABASE = """
CREATE SCHEMA simulated;
GRANT USAGE ON SCHEMA simulated TO PUBLIC;
CREATE TABLE simulated.clock (ahead double precision NOT NULL);
INSERT INTO simulated.clock VALUES (0);
GRANT SELECT ON simulated.clock TO PUBLIC;
"""
_ASKING = (server, clock, notifier)
"""The modules of the product that ask the machine for the time during a pass."""


@dataclass
class SimulatedClock:
    venue: Venue
    ahead: timedelta = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def go_to(self, moment: datetime) -> None:
        """Never back: a pass may have taken longer than until the next moment."""
        self.ahead = max(self.ahead, moment - datetime.now(UTC))

    def set_the_database(self) -> None:
        self.venue.sql("UPDATE simulated.clock SET ahead = %s", self.ahead.total_seconds())


@contextmanager
def simulated(venue: Venue, begins: datetime) -> Iterator[SimulatedClock]:
    """The clock that this process and the venue's database have from now on; ``begins`` may lie in the past."""
    venue.alter(_OF_THE_DATABASE)
    put_ahead(venue, "make_interval(secs => (SELECT ahead FROM simulated.clock))")
    venue.close()
    ours = SimulatedClock(venue, begins - datetime.now(UTC))
    ours.set_the_database()

    class OfTheMachine(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + ours.ahead

    with pytest.MonkeyPatch.context() as patch:
        for module in _ASKING:
            patch.setattr(module, "datetime", OfTheMachine)
        yield ours
