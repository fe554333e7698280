"""What a pass costs the database when there is nothing to do: it must not grow with the number of bookings."""

from collections.abc import Sequence
from pathlib import Path

from reconciler.sandbox.world import Sandbox
from tests.benchmarks.measuring import Figure, Section, took
from tests.benchmarks.scan import JOBS
from tests.support.application_db import Venue
from tests.support.command import COMMAND, environment

ROUNDS = 7
CRON_YAML = """\
rules: {sms.missing: {quiet_hours: off, queue_failed_resent: no}}
limits: {timeouts: {sql: 10m}, lease: 40m, settle: 40m}
"""
_TIME = "SELECT active_time FROM pg_stat_database WHERE datname = %s"
"""Milliseconds that sessions spent on statements (PostgreSQL: pg_stat_database). Complete when they have ended."""


def database_time(venue: Venue, folder: Path) -> Sequence[float]:
    """Seconds of the database for each pass of both rules, after one that has scanned everything."""
    with Sandbox(postgres=venue.postgres, database=venue.name, bookings=()) as sandbox:
        (folder / "cron.yaml").write_text(CRON_YAML)
        variables = environment(sandbox.environment() | {"RECONCILER_CONFIG": str(folder / "cron.yaml")})
        command = [COMMAND, "once", *JOBS, "--do"]
        took(command, cwd=folder, env=variables)
        spent = []
        with venue.postgres.connect("postgres") as other:
            other.autocommit = True

            def so_far() -> float:
                (found,) = other.execute(_TIME, [venue.name]).fetchone() or (0,)
                return float(str(found)) / 1000

            for _ in range(ROUNDS):
                before = so_far()
                took(command, cwd=folder, env=variables)
                spent.append(so_far() - before)
    return spent


def steady(small: Sequence[float], large: Sequence[float], sizes: tuple[int, int]) -> Section:
    few = Figure(name=f"{sizes[0]:,} bookings", seconds=sorted(small), wanted="0.05 s")
    many = Figure(name=f"{sizes[1]:,} bookings", seconds=sorted(large))
    ratio = many.median / few.median
    return Section(
        title="A pass with nothing to do: time of the database",
        remark="Both have as many bookings of the last year; the others of the larger one are older.",
        figures=[few, Figure(name=many.name, seconds=many.seconds, ratio=ratio, wanted="1.2, and 0.05 s")],
    )
