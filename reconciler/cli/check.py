"""``reconciler check``: every mistake in cron.yaml, without the database and without any secret."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import click

from reconciler.engine.jobs import unknown
from reconciler.errors import Exit
from reconciler.settings.file.locate import DEFAULT_FILE, locate
from reconciler.settings.file.mistake import Mistake
from reconciler.settings.file.source import Source
from reconciler.settings.file_check import CheckedFile, check_file

FORM = 1
"""The version of the JSON document. It changes when a field goes or means something else, and not when one comes."""
NOT_CHECKED = ("the database", "the environment variables", "Twilio", "Google Calendar", "Sentry", "on-call routes")
DOCTOR = "reconciler doctor"
"""What checks the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
    """What ``check`` says of one file."""

    file: str
    mistakes: tuple[Mistake, ...]
    """In the order of their lines."""
    warnings: tuple[str, ...]
    skipped: tuple[str, ...]
    """What of the file could not be checked, because of other mistakes."""

    @property
    def exit_code(self) -> Exit:
        return Exit.CONFIGURATION if self.mistakes else Exit.AS_DESIRED


def run(*, file: str | None, as_json: bool) -> int:
    """Check the file, and print what was found."""
    path = Path(file) if file and file.strip() else None
    report = _report(path)
    if as_json:
        click.echo(json.dumps(as_data(report), indent=2, ensure_ascii=False))
    else:
        for line in _lines(report):
            click.echo(line)
    return report.exit_code


def as_data(report: _Report) -> dict[str, object]:
    """The document for scripts: docs/cron-yaml.md describes its fields."""
    return {
        "version": FORM,
        "reconciler": version("reconciler"),
        "file": report.file,
        "ok": not report.mistakes,
        "mistakes": [
            {
                "file": mistake.file,
                "line": mistake.line,
                "key": mistake.key or None,
                "seen": mistake.seen or None,
                "what": mistake.what,
                "remedy": mistake.remedy,
            }
            for mistake in report.mistakes
        ],
        "warnings": list(report.warnings),
        "skipped": list(report.skipped),
        "not_checked": list(NOT_CHECKED),
        "checked_by": DOCTOR,
    }


def _report(path: Path | None) -> _Report:
    read, found = locate(path, {}, file_required=False, defaults=False)
    checked = CheckedFile(file=None, mistakes=())
    if read.missing:
        remedy = "write one: reconciler init; or name it: reconciler check FILE"
        found = [Mistake(str(DEFAULT_FILE), "there is no such file", remedy)]
    elif read.data is not None or not found:
        checked = check_file(read, before_texts=True)
    mistakes = sorted([*found, *checked.mistakes, *_unknown_jobs(read)], key=lambda mistake: mistake.line or 0)
    shown = str(path or DEFAULT_FILE)
    return _Report(
        file=shown,
        mistakes=tuple(replace(mistake.to_show(), file=shown) for mistake in mistakes),
        warnings=() if read.missing else read.warnings,
        skipped=checked.skipped,
    )


def _unknown_jobs(read: Source) -> Iterator[Mistake]:
    """A job that no file of ours has. Also one that is off: the job that was meant would run."""
    jobs = read.data.get("jobs") if isinstance(read.data, Mapping) else None
    for name in jobs if isinstance(jobs, Mapping) else ():
        for what in unknown([name]) if isinstance(name, str) else ():
            yield read.mistake(("jobs", name), what, remedy="correct the name; docs/settings.md lists the jobs")


def _lines(report: _Report) -> Iterator[str]:
    for mistake in report.mistakes:
        yield str(mistake)
        yield f"    remedy: {mistake.remedy}"
    yield from (f"warning: {warning}" for warning in report.warnings)
    if report.skipped:
        yield f"Not checked until the above is right: {', '.join(report.skipped)}."
    number = len(report.mistakes)
    yield f"{report.file}: {number or 'no'} {'mistakes' if number > 1 else 'mistake'}."
    yield f"Not checked: {', '.join(NOT_CHECKED)}. `{DOCTOR}` checks them."
