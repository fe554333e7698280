"""``reconciler migrate``: create or update our own schema."""

import click

from reconciler.cli.options import config_option
from reconciler.store import migrate
from reconciler.store.drill import shadow_tables
from reconciler.wiring import assembly


@click.command("migrate")
@click.option("--sql", is_flag=True, help="Print the SQL for whoever owns the database, and do nothing.")
@click.option("--role", metavar="ROLE", help="With --sql: also grant this role, the jobs' own, what it needs there.")
@config_option
def command(sql: bool, role: str | None, config: str | None) -> None:
    """Create or update our own schema, `reconciler`, in the database of DATABASE_URL.

    Nothing of the application's is touched. The moment of the first run is where our responsibility begins, unless
    bookings.since says otherwise. For `reconciler drill` it makes empty copies of the tables that cron.yaml maps, in
    our schema, and makes them anew where the tables have changed.
    """
    if role and not sql:
        raise click.UsageError("--role goes with --sql: without it, the role of DATABASE_URL makes and owns the schema")
    if sql:
        wanted = assembly.application(assembly.settings(config, file_only=True))
        click.echo(migrate.schema_script(role, shadow_tables.shadow_tables_script(wanted)), nl=False)
        return
    settings = assembly.settings(config, database_only=True)
    with assembly.database(settings) as database:
        before, after = migrate.upgrade(database)
        refreshed = shadow_tables.refresh(database, assembly.application(settings))
    if before == after:
        click.echo(f"schema reconciler is up to date ({after})")
    else:
        click.echo(f"schema reconciler: {before or 'nothing'} -> {after}")
    _tell_of_copies(refreshed)


def _tell_of_copies(refreshed: shadow_tables.RefreshResult) -> None:
    """What `reconciler drill` needs and nobody else: without it everything else works."""
    if refreshed.made:
        click.echo(f"copies of the application's tables for the fire drill: {refreshed.made} made")
    for problem in refreshed.problems:
        click.echo(f"no fire drill yet: {problem}")
    if refreshed.problems:
        click.echo(
            "remedy: run it again once the tables are there and SELECT on them is granted, or hand the SQL of "
            "`reconciler migrate --sql --role ROLE` to the owner of our schema"
        )
