"""The options of ``reconciler check``."""

import click


@click.command("check")
@click.argument("file", required=False, envvar="RECONCILER_CONFIG")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
def command(file: str | None, as_json: bool) -> int:
    """Find every mistake in cron.yaml, each with its line and its remedy.

    FILE is the file to check (default: RECONCILER_CONFIG, else ./cron.yaml). The command needs no database, no secret
    and no other variable, and asks no provider: `reconciler doctor` checks those. Exit 2 if there is a mistake.
    """
    from reconciler.cli.check import run

    return run(file=file, as_json=as_json)
