"""The options of ``reconciler adopt``."""

from pathlib import Path

import click


@click.command("adopt")
@click.argument("file", required=False, envvar="RECONCILER_CONFIG")
@click.option(
    "--answers",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A YAML file with the answers, in place of questions at the terminal.",
)
@click.option("--table", metavar="NAME", help="The table of the bookings, where another one was proposed.")
@click.option("--json", "as_json", is_flag=True, help="Print the proposal as JSON, and write nothing.")
def command(file: str | None, answers: Path | None, table: str | None, as_json: bool) -> int:
    """Propose a cron.yaml from the catalog of the database of DATABASE_URL, and write it.

    FILE is the file to write (default: RECONCILER_CONFIG, else ./cron.yaml); - prints it instead. An existing file is
    never overwritten. At most three questions are asked. The database is only read. Exit 2 if no table can hold
    bookings, or if a question is not answered.
    """
    from reconciler.cli.adopt.run import run

    return run(file=file, answers=answers, table=table, as_json=as_json)
