"""``reconciler serve``: the status page."""

import logging
import os
import signal
import threading

import click

from reconciler.cli.options import config_option
from reconciler.errors import Exit
from reconciler.reporting import logs
from reconciler.web.server import DEFAULT_ADDRESS, bind, serving
from reconciler.wiring import assembly


@click.command("serve")
@click.option(
    "--listen", "address", metavar="HOST:PORT", default=DEFAULT_ADDRESS, show_default=True, help="Where to listen."
)
@config_option
def command(address: str, config: str | None) -> None:
    """Show the status page, until SIGTERM or Ctrl-C: what is wrong, what to do, and why one booking stands as it does.

    It reads, and writes nothing; DATABASE_URL is all it needs. Elsewhere than on loopback it also wants
    RECONCILER_TOKEN. It has health checks and metrics too: docs/page.md.
    """
    logs.set_up()
    stop = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stop.set())
    settings = assembly.settings(config, database_only=True)
    with serving(bind(address, settings), settings) as page:
        click.echo(f"status page: {page.url}")
        while page.thread.is_alive() and not stop.wait(1):
            pass
        if not page.stop():
            # A thread that waits for a mute database would keep the interpreter from ending.
            logging.shutdown()
            os._exit(Exit.AS_DESIRED)
