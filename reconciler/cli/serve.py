"""``reconciler serve``: the status page."""

import logging
import os
import signal
import threading

import click

from reconciler.cli import configuration
from reconciler.errors import Exit
from reconciler.reporting import logs
from reconciler.settings import Need
from reconciler.web.server import bind, serving


def run(*, address: str, config: str | None) -> None:
    """Serve the status page until SIGTERM or Ctrl-C."""
    logs.set_up()
    stop = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stop.set())
    settings = configuration.settings(config, Need.DATABASE)
    with serving(bind(address, settings), settings) as page:
        click.echo(f"status page: {page.url}")
        while page.thread.is_alive() and not stop.wait(1):
            pass
        if not page.stop():
            # A thread that waits for an unresponsive database would keep the interpreter alive.
            logging.shutdown()
            os._exit(Exit.AS_DESIRED)
