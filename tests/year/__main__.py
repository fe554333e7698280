"""``make year``: a year of a small and of a middle venue, and days of a large one, two at a time.

The exit code is 1 unless all is well. ``SEED=2 ONLY=small`` plays one venue by another seed.
"""

import argparse
import multiprocessing
import sys
import time
from collections.abc import Sequence

from tests.year import shown
from tests.year.days import SIZES
from tests.year.running import play_one

WORKERS = 2
LONGEST_FIRST = ("middle", "large, in autumn", "large, in spring", "large, at Christmas", "small")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make year", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=SIZES, help="play this venue alone; write nothing down")
    wanted = parser.parse_args(arguments)
    names = [wanted.only] if wanted.only else LONGEST_FIRST
    began, played = time.monotonic(), []
    with multiprocessing.get_context("spawn").Pool(WORKERS, maxtasksperchild=1) as pool:
        for one in pool.imap_unordered(play_one, [(name, wanted.seed) for name in names]):
            played.append(one)
            say(f"{one.size.name}: {one.seconds:.0f} s, {one.counts}")
            for problem in one.problems:
                say(f"  {problem}\n  replay: make year SEED={wanted.seed} ONLY='{one.size.name}'")
    found = shown.results(played)
    say(f"{shown.wrong(found)} wrong, {time.monotonic() - began:.0f} s")
    if not wanted.only and not shown.wrong(found):
        shown.write(found)
        say(f"  written to {shown.RESULTS.name} and {shown.README.name}")
    return 1 if shown.wrong(found) else 0


if __name__ == "__main__":
    sys.exit(main())
