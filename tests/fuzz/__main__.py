"""``make fuzz``: INPUTS=2000 of each kind. The exit code is 1 if one leads to a crash, a hang, a 500 or a secret."""

import argparse
import faulthandler
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from reconciler.sandbox.postgres import EmbeddedPostgres
from tests.fuzz.judging import LONGEST, Judge
from tests.fuzz.page_judge import judged_page
from tests.support.application_db import Venue
from tests.support.valid_environment import COMPLETE

STUCK = 12 * LONGEST
"""Seconds after which even code that no signal reaches is ended, with its place."""


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    wanted = parser.parse_args(arguments)
    seeds = range(wanted.first, wanted.first + wanted.inputs)
    problems = 0
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("file", "variables", "server", "sink", "provider", "number", "template"):
            judge = Judge(Path(folder), COMPLETE)
            for seed in seeds:
                faulthandler.dump_traceback_later(STUCK, exit=True)
                getattr(judge, f"try_{kind}")(seed)
            faulthandler.cancel_dump_traceback_later()
            shown = judge.shown
            say(
                f"{kind}: {shown.tried} inputs, {dict(shown.outcomes)}, slowest {shown.slowest:.2f} s, "
                f"{len(shown.problems)} problems"
            )
            for problem in shown.problems:
                say(f"  {problem}")
            problems += len(shown.problems)
        problems += _page(Path(folder), seeds)
    return 1 if problems else 0


def _page(folder: Path, seeds: range) -> int:
    """Requests to the real command, over a database that is well. Returns the number of problems."""
    with EmbeddedPostgres() as server:
        server.create_application("venue")
        venue = Venue(server, "venue")
        venue.migrate()
        with judged_page(folder, venue.url()) as judge:
            judge.try_all(seeds)
        venue.close()
    say(
        f"page: {judge.tried} inputs, {dict(judge.outcomes)}, slowest {judge.slowest:.2f} s, "
        f"memory {judge.memory_before:.0f} to {judge.memory:.0f} MB, {len(judge.problems)} problems"
    )
    for problem in judge.problems:
        say(f"  {problem}")
    return len(judge.problems)


if __name__ == "__main__":
    sys.exit(main())
