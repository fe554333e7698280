"""``reconciler demo`` has no options."""

import click


@click.command("demo")
def command() -> int:
    """Start a sandbox, break a venue's bookings in it, and show how the gaps are found, repaired and alerted.

    Needs nothing but this program, writes to temporary folders only, and leaves nothing behind.
    """
    from reconciler.cli.demo import run

    return run()
