"""``reconciler init``: a commented cron.yaml to begin with."""

import difflib
from pathlib import Path
from typing import TextIO

import click

from reconciler.errors import ConfigurationError, Exit
from reconciler.presets import preset_names, preset_text

STDOUT = "-"
SCHEMA_FILE = "cron.schema.json"
WITH_SCHEMA = f"# yaml-language-server: $schema={SCHEMA_FILE}\n"
WITHOUT_SCHEMA = (
    f"# An editor completes keys and marks mistakes: run `reconciler schema > {SCHEMA_FILE}` beside this file, and\n"
    f"# make `yaml-language-server: $schema={SCHEMA_FILE}` its first line, after a # and a blank.\n"
)


def run(*, preset: str, file: str | None) -> int:
    """Write the file, or print it."""
    _require_known(preset)
    if file == STDOUT:
        click.echo(WITHOUT_SCHEMA + preset_text(preset), nl=False)
        return Exit.AS_DESIRED
    path = Path(file.strip() if file and file.strip() else "cron.yaml")
    # An editor complains of a schema that is not there.
    head = WITH_SCHEMA if (path.parent / SCHEMA_FILE).is_file() else WITHOUT_SCHEMA
    write_new(path, head + preset_text(preset))
    click.echo(f"{path}: written, from the preset {preset}")
    click.echo("next: correct what differs at your venue, then run `reconciler check` and `reconciler doctor`")
    return Exit.AS_DESIRED


def _require_known(preset: str) -> None:
    known = preset_names()
    if preset not in known:
        close = difflib.get_close_matches(preset.lower(), known, n=1)
        hint = f", did you mean {close[0]}?" if close else f"; known: {', '.join(known)}"
        raise click.UsageError(f"--preset: no preset is called {preset}{hint}")


def write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet.

    Raises:
        ConfigurationError: something is there, or it cannot be written.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            _write_whole(file, path, text)
    except FileExistsError:
        what = f"{path}: something is there already; it was left as it is"
        raise ConfigurationError([what], "name another file, or print the preset: reconciler init -") from None
    except OSError as error:
        what = f"{path}: cannot be written: {(error.strerror or type(error).__name__).lower()}"
        remedy = "name a file that can be written, or print the preset: reconciler init -"
        raise ConfigurationError([what], remedy) from None


def _write_whole(file: TextIO, path: Path, text: str) -> None:
    """Nothing stays of a file that cannot be written to its end: the next attempt would find it in its way."""
    try:
        file.write(text)
        file.flush()
    except OSError:
        path.unlink()
        raise
