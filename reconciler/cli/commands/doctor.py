"""The options of ``reconciler doctor``."""

import click

from reconciler.cli.options import config_option, defaults_option


@click.command("doctor")
@click.option("--probe", is_flag=True, help="Also insert, read and delete one private event, far in the future.")
@click.option(
    "--sms-to", "number", metavar="NUMBER", help="Also send one test text to NUMBER, and follow it for a minute."
)
@click.option(
    "--sql", "only_sql", is_flag=True, help="Print only the SQL that fixes failures. The tables' owner runs it."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@config_option
@defaults_option
def command(probe: bool, number: str | None, only_sql: bool, as_json: bool, config: str | None, defaults: bool) -> int:
    """Check settings, database, tables, providers, Sentry and schedule; print a remedy for every failure.

    Its writes to the database are rolled back. Without --probe and --sms-to, it sends only read requests to the
    providers. Exit 2 if the settings are wrong, 5 if a person has to fix something, 3 if the fault may end by itself.
    """
    from reconciler.cli.doctor import run

    return run(probe=probe, number=number, only_sql=only_sql, as_json=as_json, config=config, defaults=defaults)
