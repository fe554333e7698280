"""The options of ``reconciler init``."""

import click


@click.command("init")
@click.argument("file", required=False, envvar="RECONCILER_CONFIG")
@click.option(
    "--preset",
    default="reference",
    metavar="NAME",
    help="The application it is for (default: reference). An unknown name lists them.",
)
def command(file: str | None, preset: str) -> int:
    """Write a commented cron.yaml. An existing file is never overwritten.

    FILE is the file to write (default: RECONCILER_CONFIG, else ./cron.yaml); - prints it instead.
    """
    from reconciler.cli.init import run

    return run(preset=preset, file=file)
