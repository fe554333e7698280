"""``reconciler demo``: a broken week, found and repaired before your eyes."""

import logging
from collections import Counter
from collections.abc import Mapping

import click

from reconciler.cli import demo_kill_scene
from reconciler.cli.once import run_jobs
from reconciler.cli.output import console, reasons, verdict_table
from reconciler.domain.decide.verdicts import LABELS
from reconciler.domain.gaps import Effect
from reconciler.engine.jobs import available
from reconciler.engine.reconcile.results import PassResult
from reconciler.engine.repair.results import AttemptStatus
from reconciler.errors import Exit
from reconciler.ports import Mandate
from reconciler.reporting import logs
from reconciler.sandbox.demo import verify
from reconciler.sandbox.world import Sandbox
from reconciler.settings import Settings, load
from reconciler.store import migrate
from reconciler.wiring import assembly


@click.command("demo")
def command() -> int:
    """Start a sandbox, break a venue's bookings in it, and show how they are found, mended and told.

    Needs nothing but this program, writes to temporary folders only, and leaves nothing behind.
    """
    logs.set_up(logging.WARNING)
    out = console()
    out.print("[bold]reconciler demo[/] · embedded PostgreSQL, stand-ins on 127.0.0.1; nothing leaves this machine\n")
    with Sandbox() as sandbox:
        settings = load(sandbox.cron_yaml, sandbox.environment())
        out.print(f"{len(sandbox.bookings)} bookings. The application shows no error.\n")
        _look(sandbox, settings)
        repaired = _repair(sandbox, settings)
        writes = _again(sandbox, settings)
        demo_kill_scene.scene(sandbox)
        _told(sandbox)
        surprises = verify.surprises(sandbox)
        told = verify.alerts_sent(sandbox)
    for surprise in surprises:
        out.print(f"  {surprise.effect} of {surprise.reference}: expected {surprise.expected}, seen {surprise.seen}")
    silent = sum(surprise.silent for surprise in surprises)
    out.print(
        f"[bold]demo: {repaired} repaired, {told} told, {silent} silent, second pass {writes} writes[/]",
        soft_wrap=True,
    )
    return Exit.BUG if surprises or writes else Exit.AS_DESIRED


def _passes(settings: Settings, *, act: bool) -> list[PassResult]:
    with assembly.services(settings, Mandate(act=act)) as services:
        return run_jobs(available(), services)


def _look(sandbox: Sandbox, settings: Settings) -> None:
    out = console()
    before = sandbox.checksum(), sandbox.writes()
    results = _passes(settings, act=False)
    unchanged = (sandbox.checksum(), sandbox.writes()) == before
    out.print(f"[bold]1 LOOK[/]    once                                  {'nothing written' if unchanged else 'WROTE'}")
    out.print(verdict_table(results))
    for result in results:
        for line in reasons(result):
            out.print(f"  {line}", soft_wrap=True)
    out.print()


def _repair(sandbox: Sandbox, settings: Settings) -> int:
    out = console()
    with assembly.database(settings) as database:
        migrate.upgrade(database)
    out.print("[bold]2 REPAIR[/]  migrate, once --do")
    results = _passes(settings, act=True)
    for result in results:
        if result.plan is None:
            continue
        if result.effect is None:
            for line in reasons(result):
                out.print(f"  told        {line}", soft_wrap=True)
        elif result.effect is Effect.SMS:
            out.print(f"  texts   {result.repaired:>3} sent        {_example(sandbox)}", soft_wrap=True)
        else:
            out.print(f"  events  {result.repaired:>3} in place    {_how(result.attempts)}", soft_wrap=True)
        for (became, reason), number in result.attempts.items():
            if not became.is_repaired:
                out.print(f"          {number:>3} left alone  {LABELS.get(reason, reason)}: policy says report")
    out.print()
    return sum(result.repaired for result in results)


def _how(mended: Mapping[tuple[AttemptStatus, str], int]) -> str:
    counts: Counter[AttemptStatus] = Counter()
    for (became, _), number in mended.items():
        counts[became] += number
    said = [f"{counts[AttemptStatus.CREATED]} created"]
    said += (
        [f"{counts[AttemptStatus.ADOPTED]} adopted (were there, id was lost)"] if counts[AttemptStatus.ADOPTED] else []
    )
    return ", ".join(said)


def _example(sandbox: Sandbox) -> str:
    """The first text as it lies on a phone. The people are invented; a real pass never prints one."""
    return f'e.g. "{sandbox.twilio.messages[0].body}"' if sandbox.twilio.messages else ""


def _again(sandbox: Sandbox, settings: Settings) -> int:
    """A second pass; how many writes it made anywhere outside our ledger."""
    rows, calls = sandbox.checksum(), sandbox.writes()
    _passes(settings, act=True)
    tables = sum(rows[table] != now for table, now in sandbox.checksum().items())
    more = {name: number - calls[name] for name, number in sandbox.writes().items()}
    counted = " · ".join(f"{name} {number}" for name, number in {"application": tables, **more}.items())
    console().print(f"[bold]3 AGAIN[/]   once --do      writes: {counted}\n")
    return tables + sum(more.values())


def _told(sandbox: Sandbox) -> None:
    """What Sentry has of it all, and that nothing personal went along."""
    out = console()
    out.print("[bold]5 TOLD[/]    Sentry received")
    for event in sorted(sandbox.sentry.events, key=lambda event: (event["level"] == "error", event["message"])):
        seen = event["contexts"]["reconciler"]
        named = f"{event['tags']['kind']} / {event['tags']['cause']}"
        still_open = seen["found"] - seen["repaired"]
        counted = f"{seen['found']} found, {seen['repaired']} repaired" if seen["repaired"] else f"{still_open} open"
        out.print(f"  {event['level']:<8} {named:<38} {counted}", markup=False)
    found, planted = verify.leaks(sandbox)
    out.print(
        f"  personal data in {len(sandbox.sentry.raw)} envelopes: {len(found) or 'none'} of {planted} planted values\n"
    )
