"""Where cron.yaml is: the path that was given, else RECONCILER_CONFIG, else ./cron.yaml; or all defaults."""

import os
from collections.abc import Mapping
from pathlib import Path

from reconciler.settings.env.cleaning import cleaned
from reconciler.settings.file import source
from reconciler.settings.file.mistake import Mistake
from reconciler.settings.file.source import Source

DEFAULT_FILE = Path("cron.yaml")


def locate(
    path: Path | None, environ: Mapping[str, str], *, file_required: bool, defaults: bool
) -> tuple[Source, list[Mistake]]:
    """Find cron.yaml and read it.

    Returns what was read, and every mistake. ``file_required`` and ``defaults`` are those of ``load``.
    """
    variable = cleaned(environ.get("RECONCILER_CONFIG", ""))
    named = path or (Path(variable) if variable else None)
    there = named or (DEFAULT_FILE if os.path.lexists(DEFAULT_FILE) else None)
    if there and defaults:
        both = "it is to be read, and --defaults is given too; leave out one of them"
        return Source(there.name, None), [Mistake(str(there), both, "leave out --defaults")]
    if there:
        return source.read(there)
    expected = str(DEFAULT_FILE.absolute())
    seen = "there is no such file, and neither RECONCILER_CONFIG nor --config names another"
    if file_required and not defaults:
        what = f"{seen}; with --defaults every key has its default, repairs: repair among them"
        return Source(DEFAULT_FILE.name, None), [Mistake(expected, what, "write one: reconciler init")]
    said = () if defaults else (f"{expected}: {seen}: every key has its default",)
    return Source(DEFAULT_FILE.name, None, said, missing=True), []
