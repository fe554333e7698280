"""The options of ``reconciler migrate``."""

import click

from reconciler.cli.options import config_option, defaults_option


@click.command("migrate")
@click.option("--sql", is_flag=True, help="Only print the SQL, for the owner of the database.")
@click.option("--role", metavar="ROLE", help="With --sql: also grant the jobs' role what it needs in our schema.")
@click.option(
    "--same-installation",
    "place",
    flag_value="same",
    help="This database replaces the one that the installation was bound to: it was upgraded, restored or moved.",
)
@click.option(
    "--new-installation",
    "place",
    flag_value="new",
    help="This database is a copy, and the original lives on: become an installation of its own.",
)
@config_option
@defaults_option
def command(sql: bool, role: str | None, place: str | None, config: str | None, defaults: bool) -> int:
    """Create or update our own schema, `reconciler`, in the database of DATABASE_URL.

    It changes nothing that belongs to the application. Bookings made before the first run are left alone, unless
    bookings.since says otherwise. For `reconciler drill`, our schema also gets empty copies of the tables that
    cron.yaml maps. If a table has changed, its copy is made again.
    """
    from reconciler.cli.migrate import run

    return run(sql=sql, role=role, place=place, config=config, defaults=defaults)
