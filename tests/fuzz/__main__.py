"""``make fuzz``: INPUTS=2000 of each kind. The exit code is 1 if one leads to neither something usable nor mistakes."""

import argparse
import faulthandler
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz.judging import LONGEST, Judge
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
        for kind in ("file", "variables", "server", "number", "template"):
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
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
