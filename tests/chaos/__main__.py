"""``make chaos SEEDS=n``: plays n drawn scenarios with two workers, the mutants, and two runs beyond the bounds."""

import argparse
import sys
import time
from collections import Counter

from tests.chaos.running import BEYOND, DRAWINGS, played


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--only", choices=list(DRAWINGS))
    wanted = parser.parse_args()
    began = time.monotonic()
    seeds = range(wanted.first, wanted.first + wanted.seeds)
    jobs = [("within", seed) for seed in seeds]
    jobs += [(run, seed) for run in ("lagging", "frozen") for seed in range(1, BEYOND + 1)]
    if wanted.only:
        jobs = [(wanted.only, seed) for seed in seeds]
    counts: dict[str, Counter[str]] = {run: Counter() for run in DRAWINGS}
    kinds: dict[str, Counter[str]] = {run: Counter() for run in DRAWINGS}
    kills = 0
    for run, verdict in played(jobs):
        counts[run] += verdict.counts
        kinds[run].update(problem.kind for problem in verdict.problems)
        kills += verdict.kills
        if verdict.problems and run == "within":
            print(verdict, flush=True)
        if verdict.problems or 1: print(run, verdict.scenario.seed, verdict.kills, verdict.passes, [str(p) for p in verdict.problems], f"{time.monotonic() - began:.0f}s", flush=True)
    print(wanted.seeds, kills, counts, kinds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
