"""``reconciler backfill``: repair by hand the gaps of a date range."""

import logging
import shlex
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import click

from reconciler.cli import configuration
from reconciler.cli.backfill_output import BackfillPrinter
from reconciler.cli.once import once_exit_code
from reconciler.cli.plan_file.checked import require_valid
from reconciler.cli.plan_file.document import PlanDocument, read, require_free, write
from reconciler.cli.plan_file.making import document_of, range_of
from reconciler.cli.plan_file.markdown import cost, markdown
from reconciler.cli.progress import followed
from reconciler.cli.signals import KILLED_BY, finishing
from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.plan import BookingRange
from reconciler.domain.gaps import Effect
from reconciler.engine import backfill
from reconciler.engine.backfill_plan import approved_services, remaining
from reconciler.engine.jobs import raise_crash
from reconciler.engine.reconcile.aggregates import read_backlog, refresh_backlog
from reconciler.engine.reconcile.results import PassResult
from reconciler.engine.repair.repairer import LONG_AGO
from reconciler.errors import DatabaseDisagrees, DatabaseUnreachable, Exit
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
    plan: Path | None
    """The file of the plan: written by a look, applied by ``--do``."""
    shown_as: str
    """How a look is shown: ``table``, ``markdown`` or ``json``."""

    @property
    def effects(self) -> list[Effect]:
        return [ONLY[self.only]] if self.only else list(ONLY.values())

    def again(self, effect: Effect) -> str:
        """The command line that repeats this command for one effect."""
        only = next(name for name, its in ONLY.items() if its is effect)
        said: dict[str, object] = {
            "--only": only,
            "--since": self.since,
            "--until": self.until,
            "--booking": self.booking,
            "--limit": self.limit,
            "--stale-after": write_duration(self.stale_after) if self.stale_after else None,
        }
        if self.plan:
            said = {"--plan": self.plan, "--only": only}
        words = [word for name, value in said.items() if value is not None for word in (name, str(value))]
        return shlex.join(["reconciler", "backfill", *words])


def run(asked: BackfillOptions, *, act: bool, max_repairs: int | None, config: str | None, defaults: bool) -> int:
    """Show the plan for each effect; with ``act``, carry it out and show what is left."""
    _check(asked, act=act)
    logs.set_up_with_first_line(logging.WARNING)
    # A plan is bound to sender and calendar, so it is made with the variables that carry it out.
    need = Need.ACT if act or asked.plan else Need.READ
    settings = configuration.settings(config, need, writes=act, defaults=defaults)
    configuration.note_unset(settings)
    stop = threading.Event()
    with assembly.services(settings, Mandate(act=act, max_repairs=max_repairs), stop=stop) as services:
        configuration.note_place(services)
        if act and asked.plan:
            code = _apply(asked, asked.plan, settings, services, stop)
        else:
            span = _span(asked, settings, services)
            ranged = backfill.backfill_services(services, span, limit=asked.limit, stale_after=asked.stale_after)
            code = _run(asked, span, BackfillPrinter(settings=settings, services=ranged, limit=asked.limit), stop)
        if asked.shown_as == "table":
            _show_backlog(services, act=act)
        return code


def _show_backlog(services: Services, *, act: bool) -> None:
    """What is left of the bookings from before the installation, whatever range was asked for."""
    with suppress(DatabaseUnreachable, DatabaseDisagrees):
        counted = refresh_backlog(services) if act else read_backlog(services)
        if counted and counted.is_open:
            click.echo(f"backlog: {counted.says(services.sms_policy.zone)}")


def _check(asked: BackfillOptions, *, act: bool) -> None:
    if asked.since and asked.until and asked.until <= asked.since:
        raise click.UsageError(f"--until {asked.until} must be later than --since {asked.since}: it is exclusive")
    if asked.stale_after and asked.only == "calendar":
        raise click.UsageError("--stale-after concerns texts, which --only calendar leaves out")
    if act and asked.shown_as != "table":
        raise click.UsageError(f"--format {asked.shown_as} shows a plan, and --do carries one out")
    if act and asked.plan:
        chosen = {
            "--since": asked.since, "--until": asked.until, "--booking": asked.booking, "--limit": asked.limit,
            "--stale-after": asked.stale_after,
        }  # fmt: skip
        given = [name for name, value in chosen.items() if value is not None]
        if given:
            raise click.UsageError(f"{', '.join(given)}: --do --plan does what the plan says, and nothing else")
    elif asked.plan:
        require_free(asked.plan)


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


def _run(asked: BackfillOptions, span: BookingRange, printer: BackfillPrinter, stop: threading.Event) -> int:
    services = printer.services
    planned = {effect: backfill.plan_backfill(effect, services) for effect in asked.effects}
    if asked.shown_as == "table":
        for effect, seen in planned.items():
            printer.show_plan(effect, seen, backfill.suggest_stale_after(seen, services))
    if services.mandate.act:
        return _act(dict.fromkeys(asked.effects, services), printer, asked, stop)
    if asked.plan or asked.shown_as != "table":
        _show_document(asked, document_of(planned, span, printer, services.clock.now()), printer)
    if asked.shown_as == "table":
        printer.show_refusals(planned, asked.again)
    return once_exit_code(list(planned.values()))


def _show_document(asked: BackfillOptions, document: PlanDocument, printer: BackfillPrinter) -> None:
    if asked.shown_as == "json":
        click.echo(document.written(), nl=False)
    elif asked.shown_as == "markdown":
        click.echo(markdown(document, printer.settings.file.timezone))
    if asked.plan:
        write(document, asked.plan)
        said = ", ".join(cost(effect, plan) for effect, plan in document.effects.items()) or "nothing"
        command = shlex.join(["reconciler", "backfill", "--do", "--plan", str(asked.plan)])
        click.echo(f"plan written to {asked.plan}: {said}\n      to carry out exactly that: {command}", err=True)


def _apply(asked: BackfillOptions, path: Path, settings: Settings, services: Services, stop: threading.Event) -> int:
    """Do what the plan says, but for what has changed since: that is named."""
    document = read(path)
    require_valid(document, path, settings, services, services.clock.now())
    ranged = backfill.backfill_services(services, range_of(document), limit=None, stale_after=document.stale_after)
    printer = BackfillPrinter(settings=settings, services=ranged, limit=None)
    plans = {effect: plan for effect, plan in document.effects.items() if effect in asked.effects}
    found = {effect: remaining(effect, plan.repairs, ranged) for effect, plan in plans.items()}
    for effect, left in found.items():
        printer.show_remaining(effect, left, len(plans[effect].repairs))
    approved = {effect: approved_services(ranged, left.repairs) for effect, left in found.items() if left.repairs}
    # A scan that could not be done is no success, and neither is a gap that was skipped.
    unseen = once_exit_code([left.seen for left in found.values() if left.seen.plan is None])
    skipped = Exit.WORK_LEFT if any(left.changed for left in found.values()) else Exit.AS_DESIRED
    return _act(approved, printer, asked, stop) or unseen or skipped


def _act(
    services: Mapping[Effect, Services], printer: BackfillPrinter, asked: BackfillOptions, stop: threading.Event
) -> int:
    with finishing(stop) as caught:
        done = _repair(services, stop)
    left = {effect: backfill.plan_backfill(effect, its) for effect, its in services.items()}
    printer.show_end(done, left, interrupted=bool(caught))
    printer.show_refusals(done, asked.again)
    raise_crash(list(done.values()))
    ended = [_remaining(left[effect], done.get(effect)) for effect in services]
    return KILLED_BY + caught[0] if caught else once_exit_code(ended)


def _remaining(left: PassResult, done: PassResult | None) -> PassResult:
    """What is left now: another process may have repaired some gaps. Faults and breaker are those of our run."""
    return replace(left, faults=done.faults or left.faults, breaker_trip=done.breaker_trip) if done else left


def _repair(of: Mapping[Effect, Services], stop: threading.Event) -> dict[Effect, PassResult]:
    done = {}
    for effect, services in of.items():
        if stop.is_set():
            break
        with followed(effect, services.sms_limits.repairs) as progress:
            done[effect] = backfill.run_backfill(effect, replace(services, progress=progress))
    return done
