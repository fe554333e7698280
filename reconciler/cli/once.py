"""``reconciler once``: run jobs once, by hand."""

import importlib
import pkgutil
from collections.abc import Sequence

import click

from reconciler import bootstrap
from reconciler.cli.options import config_option
from reconciler.cli.output import Report
from reconciler.domain.gaps import GapKind
from reconciler.engine.results import PassResult
from reconciler.errors import Exit
from reconciler.ports import Mandate, Services

ORDER = tuple(GapKind)
URGENCY = (Exit.NEEDS_A_HUMAN, Exit.REFUSED_AS_UNSAFE, Exit.WORK_LEFT, Exit.AS_DESIRED)


@click.command("once")
@click.argument("jobs", nargs=-1, metavar="[JOB]...")
@click.option("--do", "act", is_flag=True, help="Repair. Without it nothing is written anywhere.")
@click.option(
    "--max",
    "ceiling",
    type=click.IntRange(min=0),
    metavar="N",
    help="Go on for one run although the breaker refuses, but refuse again if more than N new repairs are found.",
)
@config_option
def command(jobs: tuple[str, ...], act: bool, ceiling: int | None, config: str | None) -> int:
    """Run the jobs named, or all of them, once: look, decide and show; with --do also record and repair.

    Looking needs SELECT rights only and works before `reconciler migrate`.
    """
    names = _checked(jobs)
    with bootstrap.services(bootstrap.settings(config), Mandate(act=act, ceiling=ceiling)) as services:
        results = run_jobs(names, services)
    Report(services).show(results)
    return exit_code(results)


def run_jobs(names: Sequence[str], services: Services) -> list[PassResult]:
    """One pass per job; the results in the order of the operator's table, texts first."""
    results: list[PassResult] = [importlib.import_module(f"jobs.{name}").run(services) for name in names]
    return sorted(results, key=lambda result: ORDER.index(result.kind))


def available() -> list[str]:
    """The jobs there are: the files of the folder ``jobs``."""
    folder = importlib.import_module("jobs")
    return sorted(module.name for module in pkgutil.iter_modules(folder.__path__))


def exit_code(results: Sequence[PassResult]) -> Exit:
    """The most urgent of the results' codes: broken, unsafe, work left, a person's turn."""
    codes = {result.exit_code for result in results}
    broken = any(result.faults and result.exit_code is Exit.NEEDS_A_HUMAN for result in results)
    order = URGENCY if broken else (Exit.REFUSED_AS_UNSAFE, Exit.WORK_LEFT, Exit.NEEDS_A_HUMAN, Exit.AS_DESIRED)
    return next((code for code in order if code in codes), Exit.AS_DESIRED)


def _checked(jobs: Sequence[str]) -> list[str]:
    known = available()
    unknown = [name for name in jobs if name not in known]
    if unknown:
        raise click.UsageError(f"no such job: {', '.join(unknown)}; there are: {', '.join(known)}")
    return list(dict.fromkeys(jobs)) or known
