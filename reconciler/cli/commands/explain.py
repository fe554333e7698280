"""The options of ``reconciler explain``."""

import click

from reconciler.cli.options import config_option


@click.command("explain")
@click.argument("booking")
@click.option("--ask", is_flag=True, help="Also ask Twilio and Google what they have of it.")
@config_option
def command(booking: str, ask: bool, config: str | None) -> int:
    """Explain for each rule what holds for BOOKING (its id, or the start of its id), why, and what happens next.

    Reads only. The conditions and checks are those of every pass.
    """
    from reconciler.cli.explain import run

    return run(booking=booking, ask=ask, config=config)
