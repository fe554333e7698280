"""``reconciler once``: run jobs once, by hand."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta

import click

from reconciler.cli import configuration
from reconciler.cli.output import ResultPrinter
from reconciler.cli.signals import KILLED_BY, finishing
from reconciler.domain.alerting.alerts import CheckIn, monitor_of
from reconciler.domain.gaps import GapKind
from reconciler.domain.rules.registry import KINDS
from reconciler.engine.jobs import available, raise_crash, run_job, unknown
from reconciler.engine.reconcile.results import PassResult
from reconciler.errors import Exit, most_urgent
from reconciler.ports import Mandate, Services
from reconciler.reporting import logs
from reconciler.reporting.heartbeats import Heartbeats
from reconciler.settings import Need, Settings
from reconciler.settings.file.renamed import JOBS, renamed
from reconciler.wiring import assembly

ORDER = KINDS


def run(jobs: Sequence[str], mandate: Mandate, *, scheduled: bool, config: str | None, defaults: bool) -> int:
    """Run the named jobs once, or all but the fire drill, and show the results."""
    names = _checked(jobs)
    act = mandate.act
    if scheduled and not act:
        raise click.UsageError("--scheduled requires --do")
    logs.set_up(logging.WARNING)
    need = Need.ACT if act else Need.READ
    chosen = configuration.settings(config, need, writes=act, defaults=defaults)
    configuration.note_unset(chosen)
    stop = threading.Event()
    signs: AbstractContextManager[list[PassResult]] = sign_of_life(chosen) if scheduled else nullcontext([])
    # A scan may be interrupted at any time; a repair is always finished.
    signals: AbstractContextManager[list[int]] = finishing(stop) if act else nullcontext([])
    services = assembly.services(chosen, mandate, stop=stop)
    with signals as caught, signs as done, services as parts:
        configuration.note_place(parts)
        done += run_jobs(names, parts, assembly.switches(chosen) if scheduled else None)
    ResultPrinter(parts).show(done)
    raise_crash(done)
    return KILLED_BY + caught[0] if caught else once_exit_code(done)


@contextmanager
def sign_of_life(chosen: Settings) -> Iterator[list[PassResult]]:
    """Check in after the jobs are done or have failed. Gaps are not a failure; an unreachable database is one."""
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
    """Run each job once; the results are in the order of the table: texts first, our own ledger last."""
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


def once_exit_code(results: Sequence[PassResult]) -> Exit:
    """The most urgent code of all results."""
    return most_urgent((result.exit_code for result in results), human_first=any(result.broken for result in results))


def _checked(jobs: Sequence[str]) -> list[str]:
    """The names to run; a name from 0.1.0 is still accepted."""
    for name in jobs:
        if name in JOBS:
            configuration.warn(renamed(name, JOBS[name]))
    names = [JOBS.get(name, name) for name in jobs]
    mistakes = unknown(names)
    if mistakes:
        raise click.UsageError("; ".join(mistakes))
    return list(dict.fromkeys(names)) or available()
