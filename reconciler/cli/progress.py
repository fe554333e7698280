"""The progress of a long repair: a bar on a terminal, elsewhere a line every few seconds and one at the end."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from reconciler.cli.backfill_output import about_minutes
from reconciler.cli.output import NOUN, console
from reconciler.domain.gaps import Effect

LINES_APART = 5.0
"""Seconds between two lines."""
ReportAttempt = Callable[[bool, int], None]
"""``ports.Services.progress``."""


class RateColumn(ProgressColumn):
    """Attempts per second, lately."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f}/s" if speed else "")


@contextmanager
def followed(effect: Effect, limit: int) -> Iterator[ReportAttempt]:
    """Show the repairs of one effect, of which there are at most ``limit``; on stderr, like the log."""
    errors = console(stderr=True)
    yield from _bar(errors, effect, limit) if errors.is_terminal else _lines(effect, limit)


def _bar(errors: Console, effect: Effect, limit: int) -> Iterator[ReportAttempt]:
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), RateColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=errors) as bar:
        task = bar.add_task(f"{NOUN[effect]:<8}", total=None)
        yield lambda _, planned: bar.update(task, advance=1, total=min(planned, limit))


def _lines(effect: Effect, limit: int) -> Iterator[ReportAttempt]:
    done, repaired, line = 0, 0, ""
    began = said_at = time.monotonic()

    def report_attempt(is_repaired: bool, planned: int) -> None:
        nonlocal done, repaired, said_at, line
        done, repaired = done + 1, repaired + is_repaired
        now, most = time.monotonic(), min(planned, limit)
        line = f"{NOUN[effect]}: {done} of {most}, {repaired} repaired{_pace(done, most - done, now - began)}"
        if now - said_at >= LINES_APART:
            said_at = now
            click.echo(line, err=True)

    try:
        yield report_attempt
    finally:
        if line:
            click.echo(line, err=True)


def _pace(done: int, left: int, seconds: float) -> str:
    """The rate of the whole run, and how long the rest takes at this rate."""
    if seconds <= 0:
        return ""
    rest = f", {about_minutes(timedelta(seconds=left * seconds / done))} left" if left else ""
    return f", {done / seconds:.1f}/s{rest}"
