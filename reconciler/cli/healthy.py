"""``reconciler status --healthy``: whether every job runs on time."""

import click

from reconciler.cli.configuration import settings
from reconciler.domain.formatting import ago
from reconciler.errors import Exit
from reconciler.service.lateness import expected, late
from reconciler.settings import Need
from reconciler.store.views.status import last_finished
from reconciler.wiring.database import database


def run(config: str | None) -> Exit:
    """Print a line for each job that is late. Gaps do not affect the result."""
    chosen = settings(config, Need.DATABASE)
    with database(chosen) as connected:
        finished, now = last_finished(connected, expected(chosen.file), chosen.runner().scope)
    found = late(chosen.file, finished, now)
    for one in found:
        last = f"finished last {ago(now - one.finished_at)} ago" if one.finished_at else "has never finished"
        click.echo(f"late: {one.job} {last}, wanted {one.schedule}")
    return Exit.WORK_LEFT if found else Exit.AS_DESIRED
