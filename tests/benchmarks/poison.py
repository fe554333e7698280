"""50 bookings of 1,000 fail for ever and are the oldest: how many passes until the other 950 have their texts?

With our order (least recently examined first) and, in its place, with the oldest first; at most 50 repairs a pass.
"""

import logging
import statistics
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta

from reconciler.reporting import logs
from reconciler.sandbox.postgres import EmbeddedPostgres
from reconciler.sandbox.world import Sandbox
from tests.support import poison
from tests.support.clock import StandingClock
from tests.support.venue import Venue
from tests.support.world import World

ALL, POISONED, CAP = 1000, 50, 50
AT_MOST = 60
ROUNDS = 3
"""Intents planned at the same moment are taken in the order of their random ids: no two rounds need be the same."""
EVERY = {"10 min": timedelta(minutes=10), "1 h": timedelta(hours=1, minutes=1)}
KINDS: dict[str, poison.Poison | None] = {
    "none": None,
    "the database refuses their row": poison.a_row_the_database_refuses,
    "the application holds their lock": poison.a_lock_of_the_application,
    "Twilio puts them off for an hour": poison.a_country_switched_off,
    "Twilio answers them with 500": poison.a_server_error_for_the_number,
}
ORDERS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "ours": nullcontext,
    "oldest first": poison.oldest_first,
}
TEMPLATE = "poison_template"


def passes(server: EmbeddedPostgres, kind: poison.Poison | None, every: timedelta) -> int | None:
    server.create_database("poison", TEMPLATE)
    venue = Venue(server, "poison")
    clock = StandingClock(venue.now)
    with Sandbox(postgres=server, database=venue.name, now=clock.now, bookings=()) as sandbox:
        world = World(venue, sandbox, clock)
        world.configure(quiet="off", limits=f", pass: {CAP}")
        poisoned, healthy = poison.book(world, ALL, POISONED)
        with kind(world, poisoned) if kind else nullcontext():
            needed = poison.passes_until_mended(world, healthy, every=every, at_most=AT_MOST)
    server.drop_database("poison")
    return needed


def shown(needed: Sequence[int | None]) -> str:
    """Median, least and most; where some round did not come to an end, that."""
    ended = [number for number in needed if number is not None]
    if len(ended) < len(needed):
        return f"more than {AT_MOST}" + (f" in {len(needed) - len(ended)} of {len(needed)}" if ended else "")
    return f"{statistics.median(ended):g} ({min(ended)} to {max(ended)})"


def main() -> None:
    logs.set_up(logging.ERROR)
    print(f"Passes until {ALL - POISONED} of {ALL} are mended, {CAP} a pass; median of {ROUNDS} rounds (least to most)")  # noqa: T201
    print(f"{'a pass every':<14}{'50 oldest bookings: poison':<36}" + "".join(f"{name:<20}" for name in ORDERS))  # noqa: T201
    with EmbeddedPostgres() as server:
        server.create_application(TEMPLATE)
        Venue(server, TEMPLATE).migrate()
        for interval, every in EVERY.items():
            for name, kind in KINDS.items():
                line = f"{interval:<14}{name:<36}"
                for order in ORDERS.values():
                    with order():
                        line += f"{shown([passes(server, kind, every) for _ in range(ROUNDS)]):<20}"
                print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
