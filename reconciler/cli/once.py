"""``reconciler once``: run jobs once, by hand."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta

import click

from reconciler.cli.options import config_option
from reconciler.cli.output import ResultPrinter
from reconciler.cli.signals import KILLED_BY, finishing
from reconciler.domain.alerting.alerts import CheckIn, monitor_of
from reconciler.domain.gaps import GapKind
from reconciler.domain.rules.registry import KINDS
from reconciler.engine.jobs import available, raise_crash, run_job, unknown
from reconciler.engine.reconcile.results import PassResult
from reconciler.errors import Exit
from reconciler.ports import Mandate, Services
from reconciler.reporting import logs
from reconciler.reporting.heartbeats import Heartbeats
from reconciler.settings import Settings
from reconciler.wiring import assembly

ORDER = KINDS
URGENCY = (Exit.NEEDS_A_HUMAN, Exit.REFUSED_AS_UNSAFE, Exit.WORK_LEFT, Exit.AS_DESIRED)


@click.command("once")
@click.argument("jobs", nargs=-1, metavar="[JOB]...")
@click.option("--do", "act", is_flag=True, help="Repair. Without it nothing is written anywhere.")
@click.option(
    "--max",
    "max_repairs",
    type=click.IntRange(min=0),
    metavar="N",
    help="Go on for one run although the breaker refuses, but refuse again if more than N new repairs are found.",
)
@click.option(
    "--scheduled",
    is_flag=True,
    help="With --do, under a scheduler such as Kubernetes': check in at Sentry, ping dead man's switches.",
)
@config_option
def command(jobs: tuple[str, ...], act: bool, max_repairs: int | None, scheduled: bool, config: str | None) -> int:
    """Run the jobs named, or all but the fire drill, once: look, decide, show; with --do also record, repair and tell.

    Looking needs SELECT rights only and works before `reconciler migrate`. Run by hand it never checks in.
    """
    names = _checked(jobs)
    if scheduled and not act:
        raise click.UsageError("--scheduled goes with --do: looking is nobody's sign of life")
    logs.set_up(logging.WARNING)
    chosen, stop = assembly.settings(config), threading.Event()
    signs: AbstractContextManager[list[PassResult]] = sign_of_life(chosen) if scheduled else nullcontext([])
    # Looking may be cut short at any moment; a repair is finished.
    signals: AbstractContextManager[list[int]] = finishing(stop) if act else nullcontext([])
    services = assembly.services(chosen, Mandate(act=act, max_repairs=max_repairs), stop=stop)
    with signals as caught, signs as done, services as parts:
        done += run_jobs(names, parts, assembly.switches(chosen) if scheduled else None)
    ResultPrinter(parts).show(done)
    raise_crash(done)
    return KILLED_BY + caught[0] if caught else exit_code(done)


@contextmanager
def sign_of_life(chosen: Settings) -> Iterator[list[PassResult]]:
    """Check in once the jobs are done, or have failed: gaps are no failure, a database that is away is one."""
    results: list[PassResult] = []
    ok = False
    try:
        yield results
        ok = _went_well(results)
    finally:
        notifier = assembly.notifier(chosen.environment.sentry)
        if notifier and chosen.file.reporting.monitors != "off":
            every = min((job.every for job in chosen.file.running().values() if job.every), default=None)
            monitor = monitor_of(chosen.runner().scope)
            notifier.check_in(CheckIn(monitor=monitor, ok=ok, every=every or timedelta(minutes=10)))


def _went_well(results: Sequence[PassResult]) -> bool:
    away = any(fault.kind == GapKind.INTEGRATION_DATABASE for result in results for fault in result.faults)
    return not away and not any(result.crash for result in results)


def run_jobs(names: Sequence[str], services: Services, switches: Heartbeats | None = None) -> list[PassResult]:
    """One run per job; the results in the order of the operator's table, texts first, our own ledger last."""
    results: list[PassResult] = []
    for name in names:
        if not services.stopping():
            results += _run_watched(name, services, switches) if switches else run_job(name, services)
    return sorted(results, key=lambda result: ORDER.index(result.kind) if result.kind else len(ORDER))


def _run_watched(name: str, services: Services, switches: Heartbeats) -> Sequence[PassResult]:
    """Run one job under its dead man's switch."""
    switches.start(name)
    failed = True
    try:
        results = run_job(name, services)
        failed = not _went_well(results)
    finally:
        switches.end(name, failed=failed)
    return results


def exit_code(results: Sequence[PassResult]) -> Exit:
    """The most urgent of the results' codes: broken, unsafe, work left, a person's turn."""
    codes = {result.exit_code for result in results}
    broken = any(result.faults and result.exit_code is Exit.NEEDS_A_HUMAN for result in results)
    order = URGENCY if broken else (Exit.REFUSED_AS_UNSAFE, Exit.WORK_LEFT, Exit.NEEDS_A_HUMAN, Exit.AS_DESIRED)
    return next((code for code in order if code in codes), Exit.AS_DESIRED)


def _checked(jobs: Sequence[str]) -> list[str]:
    mistakes = unknown(jobs)
    if mistakes:
        raise click.UsageError("; ".join(mistakes))
    return list(dict.fromkeys(jobs)) or available()
