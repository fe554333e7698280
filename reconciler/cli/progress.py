"""The progress of a long repair: a bar on a terminal, elsewhere a line every few seconds and one at the end."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from reconciler.cli.output import NOUN, console
from reconciler.domain.gaps import Effect

LINES_APART = 5.0
"""Seconds between two lines."""
ReportAttempt = Callable[[bool, int], None]
"""``ports.Services.progress``."""


@contextmanager
def followed(effect: Effect, limit: int) -> Iterator[ReportAttempt]:
    """Show the repairs of one effect, of which there are at most ``limit``; on stderr, like the log."""
    errors = console(stderr=True)
    yield from _bar(errors, effect, limit) if errors.is_terminal else _lines(effect, limit)


def _bar(errors: Console, effect: Effect, limit: int) -> Iterator[ReportAttempt]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors) as bar:
        task = bar.add_task(f"{NOUN[effect]:<8}", total=None)
        yield lambda _, planned: bar.update(task, advance=1, total=min(planned, limit))


def _lines(effect: Effect, limit: int) -> Iterator[ReportAttempt]:
    done, repaired, said_at, line = 0, 0, time.monotonic(), ""

    def report_attempt(is_repaired: bool, planned: int) -> None:
        nonlocal done, repaired, said_at, line
        done, repaired = done + 1, repaired + is_repaired
        line = f"{NOUN[effect]}: {done} of {min(planned, limit)}, {repaired} repaired"
        if time.monotonic() - said_at >= LINES_APART:
            said_at = time.monotonic()
            click.echo(line, err=True)

    try:
        yield report_attempt
    finally:
        if line:
            click.echo(line, err=True)
