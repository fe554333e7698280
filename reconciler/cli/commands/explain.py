"""The options of ``reconciler explain``."""

import click

from reconciler.cli.options import config_option


@click.command("explain")
@click.argument("booking")
@click.option("--ask", is_flag=True, help="Also ask Twilio and Google for their records of the booking.")
@config_option
def command(booking: str, ask: bool, config: str | None) -> int:
    """Show the verdict of each rule on BOOKING, the reason, and what happens next.

    BOOKING is the booking's id, or the start of its id. The command only reads. It uses the same conditions and checks
    as a pass.
    """
    from reconciler.cli.explain import run

    return run(booking=booking, ask=ask, config=config)
