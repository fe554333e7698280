"""Jobs by name: the files of the folder ``jobs``, which cron.yaml and the command line name.

This is the one place where a lower floor reaches a higher one at run time: the jobs import the engine, and only their
names are known here. The fire drill comes back through a callable instead (``Services.run_fire_drill``).
"""

import difflib
import importlib
import pkgutil
from collections.abc import Collection, Sequence
from contextlib import suppress

from reconciler.engine import alerting
from reconciler.engine.reconcile.clock import check_clocks
from reconciler.engine.reconcile.job_run import record_crash
from reconciler.engine.reconcile.results import PassResult
from reconciler.errors import DatabaseDisagrees, DatabaseUnreachable, ReconcilerError
from reconciler.ports import Services

FOLDER = "reconciler_jobs"
"""The import name of the folder ``jobs``; pyproject.toml maps it."""

BY_NAME_ONLY = frozenset({"fire_drill"})
"""Jobs that repair nothing: they run on their schedule, and by hand only when they are named."""


def every_job() -> list[str]:
    """The names of all jobs."""
    return sorted(module.name for module in pkgutil.iter_modules(importlib.import_module(FOLDER).__path__))


def available() -> list[str]:
    """The jobs that run by hand when none is named."""
    return [name for name in every_job() if name not in BY_NAME_ONLY]


def unknown(names: Collection[str]) -> list[str]:
    """A sentence for each name that no job has."""
    known = every_job()
    return [f"no such job: {name}{_hint(name, known)}" for name in names if name not in known]


def run_job(name: str, services: Services) -> Sequence[PassResult]:
    """Run one job and send the alerts that are due.

    Raises:
        DatabaseDisagrees: our own schema is not as this version needs it.
    """
    results = perform(name, services)
    alerting.send_alerts(results, services)
    return results


def perform(name: str, services: Services) -> Sequence[PassResult]:
    """Run one job without alerts.

    Raises:
        DatabaseDisagrees: our own schema is not as this version needs it.
    """
    refused = _check_clocks(name, services)
    if refused:
        return [refused]
    job = importlib.import_module(f"{FOLDER}.{name}")
    try:
        results: Sequence[PassResult] = job.run(services)
    except ReconcilerError:
        raise
    except Exception:
        # The bug is raised in any case. The ledger must not go on showing what an earlier run found as if it were new.
        with suppress(DatabaseUnreachable, DatabaseDisagrees):
            if services.mandate.act:
                record_crash(name, services)
        raise
    return results


def _check_clocks(name: str, services: Services) -> PassResult | None:
    """What a run finds that must not begin. A database that is away or refuses is met, and told, by the run itself."""
    with suppress(DatabaseUnreachable, DatabaseDisagrees):
        return check_clocks(name, services) if services.mandate.act else None
    return None


def raise_crash(results: Sequence[PassResult]) -> None:
    """Raise a bug that met a booking, now that everything else is done and alerted."""
    for result in results:
        if result.crash:
            raise result.crash


def _hint(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f", did you mean {close[0]}?" if close else f"; there are: {', '.join(known)}"
