"""How long `reconciler --help` takes, against `python -c "import click"` in the same run: at most three times that."""

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from tests.support.command import COMMAND

ROUNDS = 21
FLOOR = [sys.executable, "-c", "import click"]
OURS = [str(COMMAND), "--help"]


def seconds(command: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    rounds = [(seconds(FLOOR), seconds(OURS)) for _ in range(ROUNDS)]  # in turns, so that both meet the same machine
    floor, ours = (sorted(times) for times in zip(*rounds, strict=True))
    for name, times in (("import click", floor), ("--help", ours)):
        low, high = (round(times[index] * 1000) for index in (ROUNDS // 4, -1 - ROUNDS // 4))
        print(f"{name:<14} median {statistics.median(times) * 1000:.0f} ms, middle half {low} to {high} ms")  # noqa: T201 - its output
    print(f"ratio of medians {statistics.median(ours) / statistics.median(floor):.2f} (wanted: at most 3)")  # noqa: T201 - its output


if __name__ == "__main__":
    main()
