"""What a benchmark measures: how long a command took and how much memory it had; figures with their spread."""

import re
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.errors import Exit

ROUNDS = 3
USUAL = (Exit.AS_DESIRED, Exit.WORK_LEFT, Exit.REFUSED_AS_UNSAFE, Exit.NEEDS_A_HUMAN)
"""With so many gaps, and customers who became due long ago."""


@dataclass(frozen=True)
class Took:
    seconds: float
    mebibytes: float


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the table. ``ratio`` compares medians of the same run; ``wanted`` says what was aimed at."""

    name: str
    seconds: Sequence[float] = ()
    mebibytes: float | None = None
    ratio: float | None = None
    wanted: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


@dataclass(frozen=True, kw_only=True)
class Section:
    title: str
    figures: Sequence[Figure]
    remark: str = ""


def took(command: Sequence[str | Path], statements: str = "", **options: Any) -> Took:
    """Run the command to its end.

    Raises:
        AssertionError: it failed.
    """
    began = time.perf_counter()
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, **options)
    assert child.stdin is not None
    child.stdin.write(statements)
    child.stdin.close()
    peak = 0.0
    while child.poll() is None:
        peak = max(peak, _peak_memory(child.pid))
        time.sleep(0.01)
    assert child.returncode in USUAL, command
    return Took(time.perf_counter() - began, peak)


def figure(name: str, rounds: Sequence[Took], floor: Figure | None = None, wanted: str = "") -> Figure:
    seconds = sorted(one.seconds for one in rounds)
    return Figure(
        name=name,
        seconds=seconds,
        mebibytes=max(one.mebibytes for one in rounds) or None,
        ratio=statistics.median(seconds) / floor.median if floor else None,
        wanted=wanted,
    )


def _peak_memory(process: int) -> float:
    """MiB since the process began its program. ``wait4`` counts what it had of ours before that."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0  # it has ended
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0
