"""How long ``once`` takes on an empty database, beside what any program with these two libraries takes."""

import sys
from pathlib import Path

from reconciler.sandbox.world import Sandbox
from tests.benchmarks.measuring import Section, figure, took
from tests.support.application_db import Venue
from tests.support.command import COMMAND, environment

TIMES = 11


def start(venue: Venue, folder: Path) -> Section:
    with Sandbox(postgres=venue.postgres, database=venue.name, bookings=()) as sandbox:
        (folder / "cron.yaml").write_text("rules: {sms.missing: {queue_failed_resent: no}}\n")
        variables = environment(sandbox.environment() | {"RECONCILER_CONFIG": str(folder / "cron.yaml")})
        rounds = [
            (
                took([sys.executable, "-c", "import sqlalchemy, psycopg"]),
                took([COMMAND, "once"], cwd=folder, env=variables),
                took([COMMAND, "--help"], cwd=folder, env=variables),
            )
            for _ in range(TIMES)
        ]
    imports, once, shown = zip(*rounds, strict=True)
    floor = figure("python -c 'import sqlalchemy, psycopg'", imports)
    return Section(
        title="The start: an empty database",
        figures=[
            floor,
            figure("reconciler once: every job", once, floor, "2.5"),
            figure("reconciler --help", shown, floor),
        ],
    )
