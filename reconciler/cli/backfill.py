"""``reconciler backfill``: the morning after, by hand."""

import logging
import shlex
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import click

from reconciler.cli.backfill_output import Backlog
from reconciler.cli.once import exit_code
from reconciler.cli.options import config_option
from reconciler.cli.progress import followed
from reconciler.cli.signals import KILLED_BY, finishing
from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.plan import BookingRange
from reconciler.domain.gaps import Effect
from reconciler.engine import backfill
from reconciler.engine.jobs import raise_crash
from reconciler.engine.reconcile.results import PassResult
from reconciler.engine.repair.repairer import LONG_AGO
from reconciler.ports import Mandate, Services
from reconciler.reporting import logs
from reconciler.settings import Settings
from reconciler.settings.file.values import parse_date, parse_span, write_duration
from reconciler.wiring import assembly

ONLY = {"sms": Effect.SMS, "calendar": Effect.CALENDAR}
SHOWN = 5
"""So many ids are named where several begin alike."""


class _Written(click.ParamType[Any]):
    """A value written as in cron.yaml."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return self._parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillOptions:
    """The command line."""

    only: str | None
    since: date | None
    until: date | None
    booking: str | None
    limit: int | None
    stale_after: timedelta | None

    @property
    def effects(self) -> list[Effect]:
        return [ONLY[self.only]] if self.only else list(ONLY.values())

    def again(self, effect: Effect) -> str:
        """The same command for one effect."""
        only = next(name for name, its in ONLY.items() if its is effect)
        said = {
            "--only": only,
            "--since": self.since,
            "--until": self.until,
            "--booking": self.booking,
            "--limit": self.limit,
            "--stale-after": write_duration(self.stale_after) if self.stale_after else None,
        }
        words = [word for name, value in said.items() if value is not None for word in (name, str(value))]
        return shlex.join(["reconciler", "backfill", *words])


@click.command("backfill")
@click.option("--only", type=click.Choice(list(ONLY)), help="Texts alone, or events alone.")
@click.option(
    "--since",
    type=_Written("DATE", parse_date),
    help="Bookings made that day or later, in the venue's zone (default: bookings.since, or the first migrate).",
)
@click.option("--until", type=_Written("DATE", parse_date), help="Bookings made before that day (default: up to now).")
@click.option("--booking", metavar="ID", help="This booking alone, whenever it was made: its id, or how that begins.")
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="At most N repairs of each effect, oldest first."
)
@click.option(
    "--stale-after",
    type=_Written("DURATION", parse_span),
    help="Text bookings made up to so long ago (such as 21d) instead of rules.sms.missing.stale_after.",
)
@click.option(
    "--max",
    "max_repairs",
    type=click.IntRange(min=0),
    metavar="N",
    help="Go on although the breaker refuses, but refuse again if more than N new repairs are found.",
)
@click.option("--do", "act", is_flag=True, help="Repair. Without it nothing is written anywhere.")
@config_option
def command(act: bool, max_repairs: int | None, config: str | None, **options: Any) -> int:
    """Show what bookings of a span of dates lack, whatever their age; with --do also repair it.

    The rules, rates and limits are those of every pass, but for its cap and its time. It may be interrupted, repeated,
    and run beside `reconciler run`.
    """
    asked = BackfillOptions(**options)
    _check(asked)
    logs.set_up(logging.WARNING)
    settings, stop = assembly.settings(config), threading.Event()
    with assembly.services(settings, Mandate(act=act, max_repairs=max_repairs), stop=stop) as services:
        backfill_services = backfill.backfill_services(
            services, _span(asked, settings, services), limit=asked.limit, stale_after=asked.stale_after
        )
        return _run(asked, Backlog(settings=settings, services=backfill_services, limit=asked.limit), stop)


def _check(asked: BackfillOptions) -> None:
    if asked.since and asked.until and asked.until <= asked.since:
        raise click.UsageError(f"--until {asked.until} must be later than --since {asked.since}: it is not included")
    if asked.stale_after and asked.only == "calendar":
        raise click.UsageError("--stale-after is about texts, and --only calendar leaves them out")


def _span(asked: BackfillOptions, settings: Settings, services: Services) -> BookingRange:
    since = settings.midnight(asked.since) if asked.since else None
    until = settings.midnight(asked.until) if asked.until else None
    if asked.booking is None:
        return BookingRange(since=since, until=until)
    return BookingRange(since=since or LONG_AGO, until=until, bookings=frozenset({_booking(asked, services)}))


def _booking(asked: BackfillOptions, services: Services) -> BookingId:
    wanted = (asked.booking or "").strip()
    if not wanted:
        raise click.UsageError("--booking: an id, or its first characters, belongs here")
    with services.store.reading() as tx:
        found = tx.bookings.beginning_with(wanted, SHOWN + 1)
    if not found:
        raise click.UsageError(f"--booking {wanted}: no booking's id begins so")
    if len(found) > 1 and found[0].lower() != wanted.lower():
        more = ", .." if len(found) > SHOWN else ""
        raise click.UsageError(f"--booking {wanted}: several ids begin so: {', '.join(found[:SHOWN])}{more}")
    return found[0]


def _run(asked: BackfillOptions, backlog: Backlog, stop: threading.Event) -> int:
    services = backlog.services
    planned = {effect: backfill.plan_backfill(effect, services) for effect in asked.effects}
    for effect, seen in planned.items():
        backlog.show_plan(effect, seen, backfill.suggest_stale_after(seen, services))
    if not services.mandate.act:
        backlog.show_refusals(planned, asked.again)
        return exit_code(list(planned.values()))
    with finishing(stop) as caught:
        done = _repair(asked.effects, services, stop)
    left = {effect: backfill.plan_backfill(effect, services) for effect in asked.effects}
    backlog.show_end(done, left, interrupted=bool(caught))
    backlog.show_refusals(done, asked.again)
    raise_crash(list(done.values()))
    ended = [_judged(left[effect], done.get(effect)) for effect in asked.effects]
    return KILLED_BY + caught[0] if caught else exit_code(ended)


def _judged(left: PassResult, done: PassResult | None) -> PassResult:
    """What is left counts as it is now: others may have done what we could not. What was in our way still is."""
    return replace(left, faults=done.faults or left.faults, breaker_trip=done.breaker_trip) if done else left


def _repair(effects: Sequence[Effect], services: Services, stop: threading.Event) -> dict[Effect, PassResult]:
    done = {}
    for effect in effects:
        if stop.is_set():
            break
        with followed(effect, services.sms_limits.repairs) as progress:
            done[effect] = backfill.run_backfill(effect, replace(services, progress=progress))
    return done
