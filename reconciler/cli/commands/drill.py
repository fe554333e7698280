"""The options of ``reconciler drill``."""

import click

from reconciler.cli.options import config_option, defaults_option


@click.command("drill")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@config_option
@defaults_option
def command(as_json: bool, config: str | None, defaults: bool) -> int:
    """Run an end-to-end self-test: plant a gap of each kind in copies of the application's tables, and find it.

    The scan, the engine and the ledger are the real ones. The providers are simulated. Everything is rolled back. One
    event that says *drill* goes to the real Sentry. No booking, customer or calendar is touched.
    """
    from reconciler.cli.drill import run

    return run(as_json=as_json, config=config, defaults=defaults)
