"""The options of ``reconciler grants``."""

import click

from reconciler.cli.options import DEFAULT_ROLE, config_option


@click.command("grants")
@click.option("--role", help=f"The role to grant to (default: the user of DATABASE_URL, else {DEFAULT_ROLE}).")
@click.option(
    "--read-only", is_flag=True, help="Grant only what `once`, `explain` and `status` read. The role can write nothing."
)
@config_option
def command(role: str | None, read_only: bool, config: str | None) -> None:
    """Print the SQL that gives a role exactly the privileges it needs. Changes nothing.

    The mapping in cron.yaml decides which privileges these are. The command needs no database. The owner of the
    application's tables runs the SQL: reconciler grants | psql "$OWNER_URL"
    """
    from reconciler.cli.grants import run

    run(role=role, read_only=read_only, config=config)
