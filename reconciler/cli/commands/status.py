"""The options of ``reconciler status``."""

import click

from reconciler.cli.options import config_option


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.option("--healthy", is_flag=True, help="Only check whether every job runs on time. Exit 0 if so, else 3.")
@config_option
def command(as_json: bool, healthy: bool, config: str | None) -> int:
    """Show what the last pass of each job found, which gaps are open, and which of them need a human."""
    if as_json and healthy:
        raise click.UsageError("--json and --healthy do not go together")
    if healthy:
        # Imported alone: a container's health check runs every minute and must load no more than it needs.
        from reconciler.cli.healthy import run as check_healthy

        return check_healthy(config)
    from reconciler.cli.status import run

    return run(as_json=as_json, config=config)
