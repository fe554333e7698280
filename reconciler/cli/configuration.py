"""Reading the settings for a command; the only place that prints their warnings."""

import os
from pathlib import Path

import click

from reconciler.settings import Settings, load


def settings(config: str | None, *, database_only: bool = False, file_only: bool = False) -> Settings:
    """The settings of this process. A warning about each old name in cron.yaml goes to stderr.

    Raises:
        ConfigurationError: with every mistake of cron.yaml and the environment.
    """
    chosen = read(config, database_only=database_only, file_only=file_only)
    for warning in chosen.source.warnings:
        warn(warning)
    return chosen


def read(config: str | None, *, database_only: bool = False, file_only: bool = False) -> Settings:
    """The settings, with nothing printed on stderr, for a command that shows the warnings itself.

    Raises:
        ConfigurationError: with every mistake of cron.yaml and the environment.
    """
    path = Path(config) if config else None
    return load(path, os.environ, database_only=database_only, file_only=file_only)


def warn(what: str) -> None:
    click.echo(f"warning: {what}", err=True)
