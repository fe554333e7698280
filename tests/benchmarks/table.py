"""The figures as one table on the terminal, and as docs/benchmarks.md."""

import os
import platform
import re
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from tests.benchmarks.measuring import Figure, Section

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
HEAD = """\
# Benchmarks

`make benchmark` measures, prints this table and writes this page. `make benchmark BOOKINGS=10000000` is the full size.
Each line is the median of several rounds, with the fastest and the slowest in brackets. Figures of one section come
from one run and take turns, so that they meet the same machine; only their ratios say something about another machine.
"""


def lines(sections: Sequence[Section]) -> Iterator[str]:
    """The table for the terminal."""
    for section in sections:
        yield ""
        yield section.title
        for one in section.figures:
            seconds, spread, memory, ratio = _cells(one)
            wanted = f"wanted: {one.wanted}" if one.wanted else ""
            yield f"  {one.name:<76} {seconds:>9} {spread:<20} {memory:>8} {ratio:>7}  {wanted}".rstrip()


def write(sections: Sequence[Section], server: str, size: str) -> None:
    PAGE.write_text("\n".join(_page(sections, server, size)), encoding="utf-8")


def _page(sections: Sequence[Section], server: str, size: str) -> Iterator[str]:
    yield HEAD
    yield f"Machine: {os.cpu_count()} cores, {_processor()}, {_memory()}."
    yield f"Versions: Python {platform.python_version()}, {server},"
    yield f"SQLAlchemy {version('sqlalchemy')}, psycopg {version('psycopg')}. Command: `{size}`."
    for section in sections:
        yield f"\n## {section.title}\n"
        yield "| | median | spread | peak memory | ratio | wanted, at most |"
        yield "|---|---:|---|---:|---:|---|"
        for one in section.figures:
            yield f"| {one.name} | {' | '.join(_cells(one))} | {one.wanted} |"
        if section.remark:
            yield f"\n{section.remark}"
    yield ""


def _cells(one: Figure) -> tuple[str, str, str, str]:
    seconds = _seconds(one.median) if one.seconds else ""
    spread = f"({_seconds(min(one.seconds))} to {_seconds(max(one.seconds))})" if len(one.seconds) > 1 else ""
    memory = f"{one.mebibytes:.0f} MiB" if one.mebibytes else ""
    return seconds, spread, memory, f"{one.ratio:.2f} x" if one.ratio else ""


def _seconds(number: float) -> str:
    return f"{number * 1000:.0f} ms" if number < 1 else f"{number:.2f} s"


def _processor() -> str:
    found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()


def _memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
