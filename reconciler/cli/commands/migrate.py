"""The options of ``reconciler migrate``."""

import click

from reconciler.cli.options import config_option, defaults_option


@click.command("migrate")
@click.option("--sql", is_flag=True, help="Only print the SQL, for the owner of the database.")
@click.option("--role", metavar="ROLE", help="With --sql: also grant the jobs' role what it needs in our schema.")
@config_option
@defaults_option
def command(sql: bool, role: str | None, config: str | None, defaults: bool) -> None:
    """Create or update our own schema, `reconciler`, in the database of DATABASE_URL.

    It changes nothing that belongs to the application. Bookings made before the first run are left alone, unless
    bookings.since says otherwise. For `reconciler drill`, our schema also gets empty copies of the tables that
    cron.yaml maps. If a table has changed, its copy is made again.
    """
    from reconciler.cli.migrate import run

    run(sql=sql, role=role, config=config, defaults=defaults)
