"""``reconciler run``: the service."""

import logging
import os
import signal
import socket
import threading
import uuid
from datetime import UTC, datetime

import click
import structlog

from reconciler.cli.options import config_option
from reconciler.domain.alerting.alerts import Alert, Severity
from reconciler.domain.gaps import Cause, GapKind
from reconciler.engine.jobs import unknown
from reconciler.errors import ConfigurationError, Exit
from reconciler.reporting import logs
from reconciler.service.scheduler_loop import SchedulerLoop
from reconciler.settings import Settings
from reconciler.settings.env.environment import read_sentry
from reconciler.web.server import bind, serving
from reconciler.wiring import assembly


@click.command("run")
@click.option("--serve", "address", metavar="HOST:PORT", help="Also show the status page there, as `serve` does.")
@config_option
def command(address: str | None, config: str | None) -> None:
    """Run the jobs of cron.yaml on their schedule, until SIGTERM or Ctrl-C.

    It starts without its database, says so, and keeps trying; only a configuration error ends it. Asked to stop, it
    finishes the call in hand.
    """
    logs.set_up()
    stop = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stop.set())
    try:
        settings = _checked(assembly.settings(config))
        bound = bind(address, settings) if address else None
    except ConfigurationError as error:
        _tell(error)
        raise
    keeper = SchedulerLoop(settings=settings, stop=stop, notifier=assembly.notifier(settings.environment.sentry))
    if not _kept(keeper, bound):
        # A thread that hangs would keep the interpreter from ending; what it did is in the ledger.
        logging.shutdown()
        os._exit(Exit.WORK_LEFT)


def _kept(keeper: SchedulerLoop, bound: socket.socket | None) -> bool:
    """Keep time until we are asked to stop, with the page beside it; whether both came to an end in time."""
    if bound is None:
        return keeper.run()
    with serving(bound, keeper.settings) as page:
        structlog.get_logger().info("serving", url=page.url)
        ended = keeper.run()
        return page.stop() and ended


def _checked(settings: Settings) -> Settings:
    mistakes = [settings.mistake(("jobs",), what) for what in unknown(settings.file.running())]
    if mistakes:
        raise ConfigurationError(mistakes, "correct the names; `reconciler once --help` and the folder jobs have them")
    return settings


def _tell(error: ConfigurationError) -> None:
    """The mistakes hold names and lines, never a value of the environment."""
    notifier = assembly.notifier(read_sentry(os.environ))
    if notifier is None:
        return
    notifier.send(
        Alert(
            # Restarted again and again, it is the same event all day.
            id=uuid.uuid5(uuid.NAMESPACE_OID, f"{datetime.now(UTC).date()} {error}").hex,
            kind=GapKind.INTEGRATION_SCHEDULER,
            cause=Cause.BLOCKED,
            level=Severity.ERROR,
            found=len(error.mistakes),
            repaired=0,
            oldest_at=datetime.now(UTC),
            code="configuration",
            seen="; ".join(error.mistakes),
            remedy=error.advice,
        )
    )
