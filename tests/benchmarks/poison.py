"""50 bookings of 1,000 fail for ever and are first in line: how many passes until the other 950 have their texts?

With our order (least recently examined first) and, in its place, with the oldest first. The time between two passes is
the clock's, nobody waits for it. It takes some minutes: 1,000 texts a cell, over real HTTP.
"""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta

from reconciler.reporting import logs
from reconciler.sandbox.postgres import EmbeddedPostgres
from reconciler.sandbox.world import Sandbox
from tests.support import failing_bookings
from tests.support.application_db import Venue
from tests.support.clock import StandingClock
from tests.support.sandbox_world import World

POISONED, HEALTHY, CAP = 50, 950, 50
AT_MOST = 80
TEN_MINUTES, AN_HOUR = timedelta(minutes=10), timedelta(hours=1, minutes=1)
ROWS: list[tuple[str, failing_bookings.FailureKind | None, timedelta]] = [
    ("no poison", None, TEN_MINUTES),
    ("the database refuses their row", failing_bookings.a_row_the_database_refuses, TEN_MINUTES),
    ("the application holds their lock", failing_bookings.a_lock_of_the_application, TEN_MINUTES),
    ("Twilio puts them off for an hour", failing_bookings.a_country_switched_off, TEN_MINUTES),
    ("the same, a pass every hour", failing_bookings.a_country_switched_off, AN_HOUR),
    ("Twilio answers them with 500", failing_bookings.a_server_error_for_the_number, TEN_MINUTES),
]
ORDERS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "our order": nullcontext,
    "oldest first": failing_bookings.oldest_first,
}
TEMPLATE = "poison_template"


def passes(server: EmbeddedPostgres, kind: failing_bookings.FailureKind | None, every: timedelta) -> str:
    server.create_database("poison", TEMPLATE)
    venue = Venue(server, "poison")
    clock = StandingClock(venue.now)
    with Sandbox(postgres=server, database=venue.name, now=clock.now, bookings=()) as sandbox:
        world = World(venue, sandbox, clock)
        world.configure(quiet="off", limits=f", pass: {CAP}")
        needed = failing_bookings.passes_needed(world, kind, POISONED, HEALTHY, every=every, at_most=AT_MOST)
    server.drop_database("poison")
    return f"more than {AT_MOST}" if needed is None else str(needed)


def main() -> None:
    logs.set_up(logging.ERROR)
    print(f"passes until {HEALTHY} bookings are repaired, {CAP} a pass, behind {POISONED} that fail for ever:")  # noqa: T201 - its output
    print(f"{'':<36}" + "".join(f"{name:>16}" for name in ORDERS))  # noqa: T201 - its output
    with EmbeddedPostgres() as server:
        server.create_application(TEMPLATE)
        Venue(server, TEMPLATE).migrate()
        for name, kind, every in ROWS:
            print(f"{name:<36}", end="", flush=True)  # noqa: T201 - its output
            for order in ORDERS.values():
                with order():
                    print(f"{passes(server, kind, every):>16}", end="", flush=True)  # noqa: T201 - its output
            print()  # noqa: T201 - its output


if __name__ == "__main__":
    main()
