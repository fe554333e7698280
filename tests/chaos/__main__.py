"""``make chaos SEEDS=n``: drawn scenarios, disasters, every mutant, and two runs beyond the bounds.

The exit code is 1 unless all is well.

``FIRST=17 SEEDS=1`` replays seed 17 alone. ``RECORD=ledger`` plays the drawn scenarios where our word goes into the
ledger alone, and nothing else.
"""

import argparse
import sys
import time

from tests.chaos import guarantee
from tests.chaos.disasters import DISASTERS
from tests.chaos.mutants import MUTANTS
from tests.chaos.running import ALONE, FROZEN, LAGGING, MUTANT, WITHIN, Job, played

_SAY_EVERY = 25
BEYOND = 10
"""Seeds of each run beyond the bounds."""
DISASTER_SHARE = 20
"""One seed of each disaster for so many drawn seeds; at least one."""


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, help="play these seeds alone, and nothing else")
    parser.add_argument(
        "--record", choices=["auto", "ledger"], default="auto", help="ledger: no table of theirs is written"
    )
    wanted = parser.parse_args()
    first, run = wanted.first or 1, ALONE if wanted.record == "ledger" else WITHIN
    jobs: list[Job] = [(run, seed) for seed in range(first, first + wanted.seeds)]
    if wanted.first is None and run == WITHIN:
        jobs += [(MUTANT, name) for name in MUTANTS]
        each = max(1, wanted.seeds // DISASTER_SHARE)
        jobs += [(name, seed) for name in DISASTERS for seed in range(1, each + 1)]
        jobs += [(run, seed) for run in (LAGGING, FROZEN) for seed in range(1, BEYOND + 1)]
    began, shown = time.monotonic(), guarantee.Shown()
    for job, verdict in played(jobs):
        if not shown.add(job, verdict):
            again = {WITHIN: "make chaos", ALONE: "make chaos RECORD=ledger"}.get(job[0])
            replay = f"{again} SEEDS=1 FIRST={job[1]}" if again else f"the test of {job[1]}"
            say(f"{verdict}\nreplay: {replay}")
        if shown.played % _SAY_EVERY == 0:
            say(f"{shown.played} of {len(jobs)} played, {time.monotonic() - began:.0f} s")
    say(f"{shown}\n  {time.monotonic() - began:.0f} s")
    if shown.seeds >= guarantee.FULL and wanted.first is None and run == WITHIN:
        guarantee.write(shown.results())
        say(f"  written to {guarantee.RESULTS.name} and {guarantee.README.name}")
    return 0 if shown.is_good and len(jobs) == shown.played else 1


if __name__ == "__main__":
    sys.exit(main())
