"""``reconciler once``: run jobs once, by hand."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
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
    logs.set_up_with_first_line(logging.WARNING)
    need = Need.ACT if act else Need.READ
    chosen = configuration.settings(config, need, writes=act, defaults=defaults)
    configuration.note_unset(chosen)
    stop = threading.Event()
    signs: AbstractContextManager[list[PassResult]] = sign_of_life(chosen) if scheduled else nullcontext([])
    pings = Pings(assembly.switches(chosen), names) if scheduled else None
    # A scan may be interrupted at any time; a repair is always finished.
    signals: AbstractContextManager[list[int]] = finishing(stop) if act else nullcontext([])
    services = assembly.services(chosen, mandate, stop=stop)
    with signals as caught, signs as done, pings or nullcontext(), services as parts:
        configuration.note_place(parts)
        done += run_jobs(names, parts, pings)
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


def run_jobs(names: Sequence[str], services: Services, pings: "Pings | None" = None) -> list[PassResult]:
    """Run each job once; the results are in the order of the table: texts first, our own ledger last."""
    results: list[PassResult] = []
    for name in names:
        if not services.stopping():
            results += pings.watched(name, services) if pings else run_job(name, services)
    return sorted(results, key=lambda result: ORDER.index(result.kind) if result.kind else len(ORDER))


@dataclass(frozen=True, slots=True)
class Pings:
    """The heartbeats of the jobs of one command. A job that could not begin has failed too, as it does where the
    database is away. A job that a person's Ctrl-C left out has no ping: its silence is the alarm.
    """

    heartbeats: Heartbeats
    jobs: Sequence[str]
    ended: set[str] = field(default_factory=set)

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            for name in self.jobs:
                if name not in self.ended:
                    self.heartbeats.end(name, failed=True)

    def watched(self, name: str, services: Services) -> Sequence[PassResult]:
        """Run one job under its dead man's switch."""
        self.heartbeats.start(name)
        failed = True
        try:
            results = run_job(name, services)
            failed = not _went_well(results)
        finally:
            self.ended.add(name)
            self.heartbeats.end(name, failed=failed)
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
