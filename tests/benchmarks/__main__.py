"""``make benchmark``: scans, steady passes, many gaps, repairs and the start, each beside its rivals or its floor."""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from reconciler.sandbox.postgres import EmbeddedPostgres
from tests.benchmarks import table
from tests.benchmarks.large_venue import large_venue
from tests.benchmarks.many_gaps import many_gaps
from tests.benchmarks.measuring import Section
from tests.benchmarks.repairs import repairs
from tests.benchmarks.scan import full_scan
from tests.benchmarks.start import start
from tests.benchmarks.steady import database_time, steady
from tests.support.application_db import Venue

FEW, MANY = 1_000, 100_000
"""Gaps."""
SMALL = 100_000
"""The smaller number of bookings that a steady pass is compared with."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="make benchmark", description=__doc__)
    parser.add_argument("--bookings", type=int, default=1_000_000)
    parser.add_argument("--only", choices=PARTS, help="measure this alone; write nothing down")
    wanted = parser.parse_args()
    sections: list[Section] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, part in PARTS.items():
            if wanted.only in (None, name):
                sections.append(part(Path(folder), wanted.bookings))
                sys.stdout.write("\n".join(table.lines(sections[-1:])) + "\n")
                sys.stdout.flush()
    if not wanted.only:
        table.write(sections, _server(), f"make benchmark BOOKINGS={wanted.bookings}")


def _full_scan(folder: Path, bookings: int) -> Section:
    with large_venue(bookings, FEW) as venue:
        return full_scan(venue, folder, bookings, FEW)


def _many_gaps(folder: Path, bookings: int) -> Section:
    with large_venue(max(bookings, 10 * MANY), MANY) as venue:
        return many_gaps(venue, folder, max(bookings, 10 * MANY), MANY)


def _steady(folder: Path, bookings: int) -> Section:
    spent = []
    for number in (SMALL, bookings):
        with large_venue(number, 0, SMALL) as venue:
            spent.append(database_time(venue, folder))
    return steady(spent[0], spent[1], (SMALL, bookings))


def _repairs(folder: Path, _: int) -> Section:
    with EmbeddedPostgres() as server:
        return repairs(server, folder)


def _start(folder: Path, _: int) -> Section:
    with EmbeddedPostgres() as server:
        server.create_application("venue")
        venue = Venue(server, "venue")
        venue.migrate()
        return start(venue, folder)


def _server() -> str:
    with EmbeddedPostgres() as server, server.connect("postgres") as connection:
        (found,) = connection.execute("SHOW server_version").fetchone() or ("",)
        return f"PostgreSQL {found}"


PARTS: dict[str, Callable[[Path, int], Section]] = {
    "scan": _full_scan,
    "steady": _steady,
    "gaps": _many_gaps,
    "repairs": _repairs,
    "start": _start,
}

if __name__ == "__main__":
    main()
