"""``reconciler demo``: a broken week, found and repaired before your eyes."""

import logging
from collections import Counter
from collections.abc import Mapping

from reconciler.cli import demo_kill_scene
from reconciler.cli.once import run_jobs
from reconciler.cli.output import console, print_table, reasons, verdict_table
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


def run() -> int:
    """Show the five scenes, and check at the end that nothing unexpected happened."""
    logs.set_up_with_first_line(logging.WARNING)
    out = console()
    out.print("[bold]reconciler demo[/] · embedded PostgreSQL, stand-ins on 127.0.0.1; nothing leaves this machine\n")
    with Sandbox() as sandbox:
        settings = load(sandbox.cron_yaml, sandbox.environment())
        out.print(f"{len(sandbox.bookings)} bookings. The application shows no error.\n")
        _scan(sandbox, settings)
        repaired = _repair(sandbox, settings)
        writes = _again(sandbox, settings)
        demo_kill_scene.scene(sandbox)
        _alerts(sandbox)
        surprises = verify.surprises(sandbox)
        alerts = verify.alerts_sent(sandbox)
    for surprise in surprises:
        out.print(f"  {surprise.effect} of {surprise.reference}: expected {surprise.expected}, seen {surprise.seen}")
    silent = sum(surprise.silent for surprise in surprises)
    out.print(
        f"[bold]demo: {repaired} repaired, {alerts} alerted, {silent} silent, second pass {writes} writes[/]",
        soft_wrap=True,
    )
    return Exit.BUG if surprises or writes else Exit.AS_DESIRED


def _passes(settings: Settings, *, act: bool) -> list[PassResult]:
    with assembly.services(settings, Mandate(act=act)) as services:
        return run_jobs(available(), services)


def _scan(sandbox: Sandbox, settings: Settings) -> None:
    out = console()
    before = sandbox.checksum(), sandbox.writes()
    results = _passes(settings, act=False)
    unchanged = (sandbox.checksum(), sandbox.writes()) == before
    out.print(f"[bold]1 SCAN[/]    once                                  {'nothing written' if unchanged else 'WROTE'}")
    print_table(verdict_table(results))
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
                out.print(f"  reported    {line}", soft_wrap=True)
        elif result.effect is Effect.SMS:
            out.print(f"  texts   {result.repaired:>3} sent        {_example(sandbox)}", soft_wrap=True)
        else:
            out.print(f"  events  {result.repaired:>3} in place    {_how(result.attempts)}", soft_wrap=True)
        for (status, reason), number in result.attempts.items():
            if not status.is_repaired:
                out.print(
                    f"          {number:>3} left alone  {LABELS.get(reason, reason)}; the settings say to report it"
                )
    out.print()
    return sum(result.repaired for result in results)


def _how(attempts: Mapping[tuple[AttemptStatus, str], int]) -> str:
    counts: Counter[AttemptStatus] = Counter()
    for (status, _), number in attempts.items():
        counts[status] += number
    said = [f"{counts[AttemptStatus.CREATED]} created"]
    said += (
        [f"{counts[AttemptStatus.ADOPTED]} adopted (already there, id was lost)"]
        if counts[AttemptStatus.ADOPTED]
        else []
    )
    return ", ".join(said)


def _example(sandbox: Sandbox) -> str:
    """The first text as the phone shows it. The demo's people are invented; a real pass never prints a text."""
    return f'e.g. "{sandbox.twilio.messages[0].body}"' if sandbox.twilio.messages else ""


def _again(sandbox: Sandbox, settings: Settings) -> int:
    """Run a second pass. Returns the number of writes that it made outside our ledger."""
    rows, calls = sandbox.checksum(), sandbox.writes()
    _passes(settings, act=True)
    tables = sum(rows[table] != now for table, now in sandbox.checksum().items())
    more = {name: number - calls[name] for name, number in sandbox.writes().items()}
    counted = " · ".join(f"{name} {number}" for name, number in {"application": tables, **more}.items())
    console().print(f"[bold]3 AGAIN[/]   once --do      writes: {counted}\n")
    return tables + sum(more.values())


def _alerts(sandbox: Sandbox) -> None:
    """Show what Sentry received, and check that it contains no personal data."""
    out = console()
    out.print("[bold]5 ALERT[/]   Sentry received")
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
