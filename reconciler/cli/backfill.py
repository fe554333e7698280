"""``reconciler backfill``: repair by hand the gaps of a date range."""

import logging
import shlex
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta

import click

from reconciler.cli import configuration
from reconciler.cli.backfill_output import BackfillPrinter
from reconciler.cli.once import once_exit_code
from reconciler.cli.progress import followed
from reconciler.cli.signals import KILLED_BY, finishing
from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.plan import BookingRange
from reconciler.domain.gaps import Effect
from reconciler.engine import backfill
from reconciler.engine.jobs import raise_crash
from reconciler.engine.reconcile.aggregates import read_backlog, refresh_backlog
from reconciler.engine.reconcile.results import PassResult
from reconciler.engine.repair.repairer import LONG_AGO
from reconciler.errors import DatabaseDisagrees, DatabaseUnreachable
from reconciler.ports import Mandate, Services
from reconciler.reporting import logs
from reconciler.settings import Need, Settings
from reconciler.settings.file.values import write_duration
from reconciler.wiring import assembly

ONLY = {"sms": Effect.SMS, "calendar": Effect.CALENDAR}
SHOWN = 5
"""How many ids are listed if several begin with the given text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillOptions:
    """The options of the command line."""

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
        """The command line that repeats this command for one effect."""
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


def run(asked: BackfillOptions, *, act: bool, max_repairs: int | None, config: str | None, defaults: bool) -> int:
    """Show the plan for each effect; with ``act``, carry it out and show what is left."""
    _check(asked)
    logs.set_up(logging.WARNING)
    need = Need.ACT if act else Need.READ
    settings = configuration.settings(config, need, writes=act, defaults=defaults)
    configuration.note_unset(settings)
    stop = threading.Event()
    with assembly.services(settings, Mandate(act=act, max_repairs=max_repairs), stop=stop) as services:
        configuration.note_place(services)
        backfill_services = backfill.backfill_services(
            services, _span(asked, settings, services), limit=asked.limit, stale_after=asked.stale_after
        )
        code = _run(asked, BackfillPrinter(settings=settings, services=backfill_services, limit=asked.limit), stop)
        _show_backlog(services, act=act)
        return code


def _show_backlog(services: Services, *, act: bool) -> None:
    """What is left of the bookings from before the installation, whatever range was asked for."""
    with suppress(DatabaseUnreachable, DatabaseDisagrees):
        counted = refresh_backlog(services) if act else read_backlog(services)
        if counted and counted.is_open:
            click.echo(f"backlog: {counted.says(services.sms_policy.zone)}")


def _check(asked: BackfillOptions) -> None:
    if asked.since and asked.until and asked.until <= asked.since:
        raise click.UsageError(f"--until {asked.until} must be later than --since {asked.since}: it is exclusive")
    if asked.stale_after and asked.only == "calendar":
        raise click.UsageError("--stale-after concerns texts, which --only calendar leaves out")


def _span(asked: BackfillOptions, settings: Settings, services: Services) -> BookingRange:
    since = settings.midnight(asked.since) if asked.since else None
    until = settings.midnight(asked.until) if asked.until else None
    if asked.booking is None:
        # Without a day: all that is still ahead.
        return BookingRange(since=since, until=until, ahead=since is None)
    return BookingRange(since=since or LONG_AGO, until=until, bookings=frozenset({_booking(asked, services)}))


def _booking(asked: BackfillOptions, services: Services) -> BookingId:
    wanted = (asked.booking or "").strip()
    if not wanted:
        raise click.UsageError("--booking needs an id, or the start of one")
    with services.store.reading() as tx:
        found = tx.bookings.beginning_with(wanted, SHOWN + 1)
    if not found:
        raise click.UsageError(f"--booking {wanted}: no booking's id begins with this")
    if len(found) > 1 and found[0].lower() != wanted.lower():
        more = ", .." if len(found) > SHOWN else ""
        raise click.UsageError(f"--booking {wanted}: several ids begin with this: {', '.join(found[:SHOWN])}{more}")
    return found[0]


def _run(asked: BackfillOptions, printer: BackfillPrinter, stop: threading.Event) -> int:
    services = printer.services
    planned = {effect: backfill.plan_backfill(effect, services) for effect in asked.effects}
    for effect, seen in planned.items():
        printer.show_plan(effect, seen, backfill.suggest_stale_after(seen, services))
    if not services.mandate.act:
        printer.show_refusals(planned, asked.again)
        return once_exit_code(list(planned.values()))
    with finishing(stop) as caught:
        done = _repair(asked.effects, services, stop)
    left = {effect: backfill.plan_backfill(effect, services) for effect in asked.effects}
    printer.show_end(done, left, interrupted=bool(caught))
    printer.show_refusals(done, asked.again)
    raise_crash(list(done.values()))
    ended = [_remaining(left[effect], done.get(effect)) for effect in asked.effects]
    return KILLED_BY + caught[0] if caught else once_exit_code(ended)


def _remaining(left: PassResult, done: PassResult | None) -> PassResult:
    """What is left now: another process may have repaired some gaps. Faults and breaker are those of our run."""
    return replace(left, faults=done.faults or left.faults, breaker_trip=done.breaker_trip) if done else left


def _repair(effects: Sequence[Effect], services: Services, stop: threading.Event) -> dict[Effect, PassResult]:
    done = {}
    for effect in effects:
        if stop.is_set():
            break
        with followed(effect, services.sms_limits.repairs) as progress:
            done[effect] = backfill.run_backfill(effect, replace(services, progress=progress))
    return done
