"""``reconciler grants``: the SQL that gives the jobs' role what it needs."""

import click

from reconciler.cli.options import config_option
from reconciler.wiring import assembly

DEFAULT_ROLE = "reconciler_job"


@click.command("grants")
@click.option("--role", help=f"Whom to grant to (default: the user of DATABASE_URL, else {DEFAULT_ROLE}).")
@click.option(
    "--read-only", is_flag=True, help="For looking by hand: once, explain and status; nothing can be written."
)
@config_option
def command(role: str | None, read_only: bool, config: str | None) -> None:
    """Print the SQL that gives a role what the mapping in cron.yaml needs, and nothing more; do nothing.

    Needs no database. For whoever owns the application's tables: reconciler grants | psql "$OWNER_URL"
    """
    settings = assembly.settings(config, file_only=True)
    role = settings.environment.database_user or DEFAULT_ROLE if role is None else role
    if not role or not role.isprintable():
        raise click.UsageError("a role's name has printable characters only, one at least")
    click.echo(assembly.grants(settings, role, read_only=read_only), nl=False)
