"""How long ``--help`` of every command takes, against ``python -c "import click"`` in one run: at most three times."""

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from reconciler.cli.main import COMMANDS
from tests.support.command import COMMAND

ROUNDS = 11
FLOOR = [sys.executable, "-c", "import click"]
OURS = {"reconciler": [str(COMMAND), "--help"]} | {name: [str(COMMAND), name, "--help"] for name in COMMANDS}


def seconds(command: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    # In turns, so that all of them meet the same machine.
    rounds = [[seconds(command) for command in (FLOOR, *OURS.values())] for _ in range(ROUNDS)]
    floor, *ours = (statistics.median(times) for times in zip(*rounds, strict=True))
    print(f"import click  median {floor * 1000:.0f} ms of {ROUNDS} rounds")  # noqa: T201 - its output
    for name, median in zip(OURS, ours, strict=True):
        print(f"{name:<13} median {median * 1000:.0f} ms, {median / floor:.2f} times that")  # noqa: T201 - its output
    print(f"slowest {max(ours) / floor:.2f} (wanted: at most 3)")  # noqa: T201 - its output


if __name__ == "__main__":
    main()
