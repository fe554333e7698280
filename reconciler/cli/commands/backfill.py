"""The options of ``reconciler backfill``."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import click

from reconciler.cli.options import config_option, defaults_option


class _Written(click.ParamType[Any]):
    """A value written as in cron.yaml. ``parser`` imports what parses it: help does not wait for that."""

    def __init__(self, name: str, parser: Callable[[], Callable[[str], Any]]) -> None:
        self.name = name
        self._parser = parser

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return self._parser()(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _date() -> Callable[[str], Any]:
    from reconciler.settings.file.values import parse_date

    return parse_date


def _duration() -> Callable[[str], Any]:
    from reconciler.settings.file.values import parse_span

    return parse_span


@click.command("backfill")
@click.option("--only", type=click.Choice(["sms", "calendar"]), help="Texts only, or events only.")
@click.option(
    "--since",
    type=_Written("DATE", _date),
    help="Bookings made on that day or later, in the venue's zone (default: everything still ahead).",
)
@click.option("--until", type=_Written("DATE", _date), help="Bookings made before that day (default: up to now).")
@click.option("--booking", metavar="ID", help="Only the booking whose id is ID or starts with it, however old.")
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="At most N repairs of each effect, oldest first."
)
@click.option(
    "--stale-after",
    type=_Written("DURATION", _duration),
    help="No text for what was due longer ago, such as 21d (default: a text whatever its age).",
)
@click.option(
    "--max",
    "max_repairs",
    type=click.IntRange(min=0),
    metavar="N",
    help="Continue although the breaker refuses. It refuses again if more than N new repairs are found.",
)
@click.option(
    "--plan",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Without --do: write what would be done to FILE. With --do: do exactly that; what has changed is skipped.",
)
@click.option(
    "--format",
    "shown_as",
    type=click.Choice(["table", "markdown", "json"]),
    default="table",
    show_default=True,
    help="How to show what would be done.",
)
@click.option("--do", "act", is_flag=True, help="Repair. Without it, no booking and no ledger is changed.")
@config_option
@defaults_option
def command(
    act: bool,
    max_repairs: int | None,
    config: str | None,
    only: str | None,
    since: date | None,
    until: date | None,
    booking: str | None,
    limit: int | None,
    stale_after: timedelta | None,
    plan: Path | None,
    shown_as: str,
    defaults: bool,
) -> int:
    """Show the gaps of the bookings made in a date range, however old. With --do, also repair them.

    The rules, rates and limits of a pass apply. The cap and the time budget of a pass do not. You may interrupt it,
    repeat it, and run it beside `reconciler run`.
    """
    from reconciler.cli.backfill import BackfillOptions, run

    options = BackfillOptions(
        only=only, since=since, until=until, booking=booking, limit=limit, stale_after=stale_after, plan=plan,
        shown_as=shown_as,
    )  # fmt: skip
    return run(options, act=act, max_repairs=max_repairs, config=config, defaults=defaults)
