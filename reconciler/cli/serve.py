"""``reconciler serve``: the status page."""

import logging
import os
import signal
import socket
import sys
import threading

import click

from reconciler.cli import configuration
from reconciler.errors import Exit
from reconciler.reporting import logs
from reconciler.settings import Need
from reconciler.web.server import bind, serving


def run(*, address: str, config: str | None, inherited: int | None) -> None:
    """Serve the status page until SIGTERM or Ctrl-C, or until the service that started it ends."""
    logs.set_up()
    stop = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stop.set())
    if inherited is None:
        settings = configuration.settings(config, Need.DATABASE)
        bound = bind(address, settings)
    else:
        # The service has checked the address, said where it is, and printed the settings' warnings.
        settings = configuration.read(config, Need.DATABASE)
        bound = socket.socket(fileno=inherited)
        threading.Thread(target=_stop_at_end_of_input, args=(stop,), daemon=True).start()
    with serving(bound, settings) as page:
        if inherited is None:
            click.echo(f"status page: {page.url}")
        while page.thread.is_alive() and not stop.wait(1):
            pass
        if not page.stop():
            # A thread that waits for an unresponsive database would keep the interpreter alive.
            logging.shutdown()
            os._exit(Exit.AS_DESIRED)


def _stop_at_end_of_input(stop: threading.Event) -> None:
    """The service holds the other end of standard input, and its end closes it, however it comes."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    stop.set()
