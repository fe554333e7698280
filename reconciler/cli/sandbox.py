"""``reconciler sandbox``: a venue for trials, until interrupted."""

import shlex
import signal
import threading

import click

from reconciler.sandbox.world import Sandbox


def run() -> None:
    """Start the sandbox, print what to export, and wait for Ctrl-C."""
    stopped = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: stopped.set())
    with Sandbox() as sandbox:
        for name, value in sandbox.environment().items():
            click.echo(f"export {name}={shlex.quote(value)}")
        click.echo(f"export READER_DATABASE_URL={shlex.quote(sandbox.reader_url)}")
        click.echo(f"export OWNER_URL={shlex.quote(sandbox.owner_url)}")
        click.echo("# ready: export the lines above in another terminal, then: reconciler once. Ctrl-C ends it.")
        # A wait with a timeout lets Python run the signal handler on every platform.
        while not stopped.wait(1):
            pass
