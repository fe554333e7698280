"""Reading the settings for a command; the only place that prints their warnings."""

import os
from pathlib import Path

import click

from reconciler.domain.beacon import acting_fault
from reconciler.errors import DatabaseDisagrees, DatabaseUnreachable
from reconciler.ports import Services
from reconciler.settings import Need, Settings, load
from reconciler.settings.env.providers import access_fault


def settings(config: str | None, need: Need, *, writes: bool = False, defaults: bool = False) -> Settings:
    """The settings of this process. Warnings go to stderr: about each old name in cron.yaml, about a missing file,
    about parameters of DATABASE_URL that are not used.

    ``writes``: whether the command writes anything anywhere; then a missing file has to be meant (``defaults``).

    Raises:
        ConfigurationError: with every mistake of cron.yaml and the environment.
    """
    chosen = read(config, need, writes=writes, defaults=defaults)
    for warning in (*chosen.source.warnings, *chosen.environment.warnings):
        warn(warning)
    if need is Need.READ:
        for mistake in chosen.environment.mistakes:
            warn(f"{mistake}. Looking does not need it; acting refuses to start")
    return chosen


def read(config: str | None, need: Need, *, writes: bool = False, defaults: bool = False) -> Settings:
    """The settings, with nothing printed on stderr, for a command that shows the warnings itself.

    Raises:
        ConfigurationError: with every mistake of cron.yaml and the environment.
    """
    path = Path(config) if config else None
    return load(path, os.environ, need, file_required=writes, defaults=defaults)


def note_unset(chosen: Settings) -> None:
    """Say which provider this look knows nothing about: what it shows is the plan of a pass that has the variables."""
    for effect in sorted(chosen.environment.providers.unset):
        kind = access_fault(effect, ()).kind
        click.echo(
            f"note: {kind} not checked: none of its variables is set here. Looking does not need them; "
            f"with --do no {effect.noun} is made without them",
            err=True,
        )


def note_place(services: Services) -> None:
    """Say where a look is, if acting is refused there. Looking is not."""
    try:
        with services.store.reading() as tx:
            has_ledger = tx.ledger.exists() and tx.ledger.installation()
            fault = acting_fault(tx.places.view(), tx.beacon.last()) if has_ledger else None
    except (DatabaseUnreachable, DatabaseDisagrees):
        return  # the look itself says so
    if fault:
        warn(f"{fault.seen}. Looking goes on; acting is refused. {fault.remedy}")


def warn(what: str) -> None:
    click.echo(f"warning: {what}", err=True)
