"""Options and defaults that several modules of the commands share."""

import click

DEFAULT_ROLE = "reconciler_job"
"""The role that `grants` names if DATABASE_URL has no user."""
ROLE_NAME = "--role: a name of at least one character, all of them printable"

defaults_option = click.option("--defaults", is_flag=True, help="Run without cron.yaml, on the defaults.")
config_option = click.option(
    "--config",
    metavar="FILE",
    envvar="RECONCILER_CONFIG",
    help="Path of cron.yaml (default: RECONCILER_CONFIG, else ./cron.yaml).",
)
