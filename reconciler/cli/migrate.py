"""``reconciler migrate``: create or update our own schema."""

import click

from reconciler import bootstrap
from reconciler.cli.options import config_option
from reconciler.store import migrate


@click.command("migrate")
@click.option("--sql", is_flag=True, help="Print the SQL for whoever owns the database, and do nothing.")
@click.option("--role", metavar="ROLE", help="With --sql: also grant this role, the jobs' own, what it needs there.")
@config_option
def command(sql: bool, role: str | None, config: str | None) -> None:
    """Create or update our own schema, `reconciler`, in the database of DATABASE_URL.

    Nothing of the application's is touched. The moment of the first run is where our responsibility begins, unless
    bookings.since says otherwise.
    """
    if role and not sql:
        raise click.UsageError("--role goes with --sql: without it, the role of DATABASE_URL makes and owns the schema")
    if sql:
        click.echo(migrate.script(role), nl=False)
        return
    with bootstrap.database(bootstrap.settings(config, database_only=True)) as database:
        before, after = migrate.upgrade(database)
    if before == after:
        click.echo(f"schema reconciler is up to date ({after})")
    else:
        click.echo(f"schema reconciler: {before or 'nothing'} -> {after}")
