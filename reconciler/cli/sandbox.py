"""``reconciler sandbox``: a world to play in, until interrupted."""

import shlex
import signal
import threading

import click

from reconciler.sandbox.world import Sandbox


@click.command("sandbox")
def command() -> None:
    """Start an embedded PostgreSQL with the demo's bookings and stand-ins for Twilio, Google Calendar and Sentry.

    Prints the variables to export, then runs until Ctrl-C; everything is gone afterwards. The stand-ins' counters are
    at /_sandbox/state below TWILIO_API_URL and the host of GOOGLE_API_URL.
    """
    stopped = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: stopped.set())
    with Sandbox() as sandbox:
        for name, value in sandbox.environment().items():
            click.echo(f"export {name}={shlex.quote(value)}")
        click.echo(f"export READER_DATABASE_URL={shlex.quote(sandbox.reader_url)}")
        click.echo(f"export OWNER_URL={shlex.quote(sandbox.owner_url)}")
        click.echo("# ready: export the lines above in another terminal, then: reconciler once. Ctrl-C ends it.")
        # A wait with an end lets Python run the signal handler on every platform.
        while not stopped.wait(1):
            pass
