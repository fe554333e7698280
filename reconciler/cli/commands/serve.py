"""The options of ``reconciler serve``."""

import click

from reconciler.cli.options import config_option

DEFAULT = "127.0.0.1:8080"


@click.command("serve")
@click.option("--listen", "address", metavar="HOST:PORT", default=DEFAULT, show_default=True, help="Where to listen.")
@click.option("--inherited", type=int, hidden=True, help="The socket's descriptor, given by `reconciler run --serve`.")
@config_option
def command(address: str, config: str | None, inherited: int | None) -> None:
    """Serve the status page until SIGTERM or Ctrl-C.

    The page shows what is wrong, what to do, and the verdicts on one booking. The command only reads. It needs only
    DATABASE_URL. To listen beyond loopback it also needs RECONCILER_TOKEN. It also serves health checks and metrics:
    docs/page.md.
    """
    from reconciler.cli.serve import run

    run(address=address, config=config, inherited=inherited)
