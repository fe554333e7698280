"""``reconciler migrate``: create or update our own schema."""

import click

from reconciler import bootstrap
from reconciler.cli.options import config_option
from reconciler.store import migrate


@click.command("migrate")
@click.option("--sql", is_flag=True, help="Print the SQL for whoever owns the database, and do nothing.")
@config_option
def command(sql: bool, config: str | None) -> None:
    """Create or update our own schema, `reconciler`, in the database of DATABASE_URL.

    Nothing of the application's is touched. The moment of the first run is where our responsibility begins, unless
    bookings.since says otherwise.
    """
    if sql:
        click.echo(migrate.script(), nl=False)
        return
    with bootstrap.database(bootstrap.settings(config, database_only=True)) as database:
        before, after = migrate.upgrade(database)
    if before == after:
        click.echo(f"schema reconciler is up to date ({after})")
    else:
        click.echo(f"schema reconciler: {before or 'nothing'} -> {after}")
