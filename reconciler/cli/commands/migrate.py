"""The options of ``reconciler migrate``."""

import click

from reconciler.cli.options import config_option, defaults_option


@click.command("migrate")
@click.option("--sql", is_flag=True, help="Only print the SQL, for the owner of the database.")
@click.option("--role", metavar="ROLE", help="With --sql: also grant this role, the jobs' own, what it needs there.")
@config_option
@defaults_option
def command(sql: bool, role: str | None, config: str | None, defaults: bool) -> None:
    """Create or update our own schema, `reconciler`, in the database of DATABASE_URL.

    Nothing of the application's is touched. Bookings made before the first run are left alone, unless bookings.since
    says otherwise. For `reconciler drill` it also makes empty copies, in our schema, of the tables that cron.yaml
    maps, and makes them again where the tables have changed.
    """
    from reconciler.cli.migrate import run

    run(sql=sql, role=role, config=config, defaults=defaults)
