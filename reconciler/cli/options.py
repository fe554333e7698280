"""Options that several commands share."""

import click

config_option = click.option(
    "--config",
    metavar="FILE",
    envvar="RECONCILER_CONFIG",
    help="Path of cron.yaml (default: RECONCILER_CONFIG, else ./cron.yaml, else all defaults).",
)
