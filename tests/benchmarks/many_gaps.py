"""Memory and time of a pass over a hundred thousand open gaps."""

from pathlib import Path

from reconciler.sandbox.world import Sandbox
from tests.benchmarks.measuring import ROUNDS, Section, figure, took
from tests.benchmarks.scan import CRON_YAML, JOBS
from tests.support.application_db import Venue
from tests.support.command import COMMAND, environment


def many_gaps(venue: Venue, folder: Path, bookings: int, gaps: int) -> Section:
    """Repairs are switched off, so that a pass records its gaps and waits for no provider's rate."""
    with Sandbox(postgres=venue.postgres, database=venue.name, bookings=()) as sandbox:
        (folder / "cron.yaml").write_text(CRON_YAML + "repairs: report\n")
        variables = environment(sandbox.environment() | {"RECONCILER_CONFIG": str(folder / "cron.yaml")})
        first = [took([COMMAND, "once", *JOBS, "--do"], cwd=folder, env=variables)]
        again = [took([COMMAND, "once", *JOBS, "--do"], cwd=folder, env=variables) for _ in range(ROUNDS)]
        shown = [took([COMMAND, "once", *JOBS], cwd=folder, env=variables) for _ in range(ROUNDS)]
    return Section(
        title=f"A pass over {gaps:,} gaps among {bookings:,} bookings",
        figures=[
            figure("once --do: the gaps are new", first, wanted="200 MiB"),
            figure("once --do: nothing has changed", again, wanted="200 MiB"),
            figure("once: nothing is written", shown, wanted="200 MiB"),
        ],
    )
