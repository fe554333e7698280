"""``reconciler grants``: the SQL that gives the jobs' role its privileges."""

import click

from reconciler.cli import configuration
from reconciler.cli.options import DEFAULT_ROLE, ROLE_NAME
from reconciler.settings import Need
from reconciler.wiring import assembly


def run(*, role: str | None, read_only: bool, config: str | None) -> None:
    """Print the SQL; needs no database."""
    settings = configuration.settings(config, Need.FILE)
    role = settings.environment.database_user or DEFAULT_ROLE if role is None else role
    if not role or not role.isprintable():
        raise click.UsageError(ROLE_NAME)
    click.echo(assembly.grants(settings, role, read_only=read_only), nl=False)
