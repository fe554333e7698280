"""docs/explain.md: what ``reconciler explain`` prints for one booking of every group of the demo.

``python -m tests.repo.examples`` writes it; a test compares.
"""

from collections.abc import Iterator
from pathlib import Path

from reconciler.cli.explain import ExplanationPrinter
from reconciler.domain.bookings import BookingId
from reconciler.engine.explain.explanation import explain_each
from reconciler.sandbox.postgres import EmbeddedPostgres
from reconciler.sandbox.world import Sandbox
from tests.support.application_db import NOON, Venue
from tests.support.clock import StandingClock
from tests.support.sandbox_world import World

FILE = Path(__file__).parents[2] / "docs" / "explain.md"
HEAD = """\
# One booking, explained

`reconciler explain BOOKING` (the id, or the start of it) shows the verdict of each rule on the booking, the conditions
and checks behind it, what happens next, and (*change*) which value would have to be what. It only reads; `--ask` also
asks Twilio and Google. The conditions and checks are those of every pass.

Below: one booking of each group of the demo's week (`reconciler sandbox` has them), before the first pass.
"""


def page(world: World) -> str:
    """The whole page, for the demo's week in ``world``."""
    return "\n".join([HEAD, *_examples(world)])


def _examples(world: World) -> Iterator[str]:
    first: dict[str, BookingId] = {}
    for booking in world.sandbox.bookings:
        first.setdefault(booking.group, BookingId(booking.id))
    with world.services(act=False) as services:
        found = dict(explain_each(first.values(), services))
    page = ExplanationPrinter(world.settings(), world.clock.now(), {})
    for group, booking in first.items():
        explained = found[booking]
        assert explained is not None
        yield "\n".join([f"## {group.capitalize()}\n", "```", *page.lines(explained), "```\n"])


def main() -> None:
    with EmbeddedPostgres() as postgres:
        postgres.create_application("examples")
        venue = Venue(postgres, "examples")
        venue.migrate()
        clock = StandingClock(NOON)
        with Sandbox(postgres=postgres, database=venue.name, now=clock.now) as sandbox:
            FILE.write_text(page(World(venue, sandbox, clock)))


if __name__ == "__main__":
    main()
