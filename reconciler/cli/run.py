"""``reconciler run``: the service."""

import logging
import os
import signal
import socket
import threading
import uuid
from datetime import UTC, datetime

import structlog

from reconciler.cli import configuration
from reconciler.cli.page_process import PageProcess
from reconciler.domain.alerting.alerts import Alert, Severity
from reconciler.domain.gaps import Cause, GapKind
from reconciler.engine.jobs import unknown
from reconciler.errors import (
    ConfigurationError,
    DatabaseDisagrees,
    DatabaseUnreachable,
    Exit,
    ReconcilerError,
    UnsafePlace,
)
from reconciler.ports import Mandate
from reconciler.reporting import logs
from reconciler.service.scheduler_loop import SchedulerLoop
from reconciler.settings import Need, Settings
from reconciler.settings.env.environment import read_sentry
from reconciler.web.server import bind, page_url
from reconciler.wiring import assembly


def run(*, address: str | None, config: str | None, defaults: bool) -> None:
    """Run the jobs of cron.yaml on their schedule, until SIGTERM or Ctrl-C."""
    logs.set_up()
    stop = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stop.set())
    try:
        settings = _checked(configuration.settings(config, Need.ACT, writes=True, defaults=defaults))
        bound = bind(address, settings) if address else None
    except ConfigurationError as error:
        _alert(error)
        raise
    for fault in settings.access_faults().values():
        # The passes record it and alert it. The log says why the service started all the same.
        structlog.get_logger().error(
            "integration_broken", kind=fault.kind.value, code=fault.code, seen=fault.seen, remedy=fault.remedy
        )
    _check_place(settings)
    loop = SchedulerLoop(settings=settings, stop=stop, notifier=assembly.notifier(settings.environment.sentry))
    if not _run_until_stopped(loop, bound, config):
        # A hanging thread would keep the interpreter alive. The ledger has everything that the thread did.
        logging.shutdown()
        os._exit(Exit.WORK_LEFT)


def _check_place(settings: Settings) -> None:
    """A copy of the database must not start with production's keys. A database that is away is met by the loop.

    Raises:
        UnsafePlace: the installation is bound to another database.
    """
    try:
        with assembly.services(settings, Mandate(act=True)):
            pass
    except UnsafePlace as error:
        _send(GapKind.INTEGRATION_PLACE, error.code, 1, error)
        raise
    except (DatabaseUnreachable, DatabaseDisagrees):
        return


def _run_until_stopped(loop: SchedulerLoop, bound: socket.socket | None, config: str | None) -> bool:
    """Run the schedule until we are stopped, and the status page beside it. Returns whether all runs ended in time."""
    if bound is None:
        return loop.run()
    page = PageProcess(bound, config, loop.alerts)
    page.start()
    structlog.get_logger().info("serving", url=page_url(bound))
    try:
        return loop.run()
    finally:
        page.stop()


def _checked(settings: Settings) -> Settings:
    mistakes = [
        settings.mistake(("jobs",), what) for what in unknown({**settings.file.jobs, **settings.file.running()})
    ]
    if mistakes:
        raise ConfigurationError(mistakes, "correct the names; docs/settings.md lists the jobs")
    return settings


def _alert(error: ConfigurationError) -> None:
    """Alert about unusable settings, by names and lines. The alert never contains a value of the environment."""
    _send(GapKind.INTEGRATION_SCHEDULER, "configuration", len(error.mistakes), error)


def _send(kind: GapKind, code: str, found: int, error: ReconcilerError) -> None:
    notifier = assembly.notifier(read_sentry(os.environ))
    if notifier is None:
        return
    notifier.send(
        Alert(
            # A container in a restart loop sends one event per day.
            id=uuid.uuid5(uuid.NAMESPACE_OID, f"{datetime.now(UTC).date()} {error}").hex,
            kind=kind,
            cause=Cause.BLOCKED,
            severity=Severity.ERROR,
            found=found,
            repaired=0,
            oldest_at=datetime.now(UTC),
            code=code,
            seen="; ".join(str(error).splitlines()),
            remedy=error.advice,
        )
    )
