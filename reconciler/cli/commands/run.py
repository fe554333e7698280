"""The options of ``reconciler run``."""

import click

from reconciler.cli.options import config_option, defaults_option


@click.command("run")
@click.option(
    "--serve",
    "address",
    metavar="HOST:PORT",
    help="Also serve the status page at this address, as `reconciler serve` does.",
)
@config_option
@defaults_option
def command(address: str | None, config: str | None, defaults: bool) -> None:
    """Run the jobs of cron.yaml on their schedule, until SIGTERM or Ctrl-C.

    If the database is unreachable, the service starts anyway, reports the fault, and keeps trying. Only a configuration
    error, or a database that the installation is not bound to, ends it. When stopped, it first finishes the call in
    progress.
    """
    from reconciler.cli.run import run

    run(address=address, config=config, defaults=defaults)
