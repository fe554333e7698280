"""``reconciler explain``: why one booking stands where it stands."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import click

from reconciler import bootstrap
from reconciler.cli.options import config_option
from reconciler.cli.output import console, folded
from reconciler.domain.advice import ASKED, CHECKED, COMMON, HEADLINE, WOULD_CHANGE
from reconciler.domain.durations import ago
from reconciler.domain.judging import moment
from reconciler.domain.verdicts import LABELS, Check, Condition, Standing
from reconciler.engine import asking, explaining
from reconciler.engine.explaining import Explained, RuleExplained
from reconciler.errors import Exit
from reconciler.ports import Mandate
from reconciler.service.foretelling import what_next
from reconciler.settings import Settings
from reconciler.store import migrate
from reconciler.store.database import Database
from reconciler.store.overview import LastRun, overview

SHOWN = 5
"""So many bookings are named where several begin alike."""
INDENT = " " * 10


@click.command("explain")
@click.argument("booking")
@click.option("--ask", is_flag=True, help="Also ask Twilio and Google what they have of it.")
@config_option
def command(booking: str, ask: bool, config: str | None) -> Exit:
    """Say for each rule where BOOKING (its id, or the first characters) stands, why, and what happens next.

    Reads, and writes nothing. The conditions and checks are the ones every pass uses.
    """
    settings = bootstrap.settings(config)
    with bootstrap.services(settings, Mandate(act=False)) as services:
        found = explaining.beginning_with(booking, SHOWN + 1, services)
        if not found:
            raise click.UsageError(f"no booking's id begins with {booking}")
        if len(found) > 1:
            more = ", .." if len(found) > SHOWN else ""
            raise click.UsageError(f"several begin with {booking}: {', '.join(found[:SHOWN])}{more}")
        explained = explaining.explain(found[0], services)
        if explained is None:
            raise click.UsageError(f"booking {found[0]} is gone, or no rule looks at it")
        records = list(asking.ask(explained.booking, services)) if ask else []
        page = Page(settings, services.clock.now(), _last_runs(settings))
    out = console()
    for line in page.lines(explained):
        out.print(line, markup=False, soft_wrap=True)
    for record in records:
        out.print(f"{record.provider:<10}{record.said}", markup=False, soft_wrap=True)
    return Exit.AS_DESIRED


def _last_runs(settings: Settings) -> dict[str, LastRun]:
    with bootstrap.database(settings) as database:
        return {run.job: run for run in overview(database).runs} if _has_ledger(database) else {}


def _has_ledger(database: Database) -> bool:
    with database.transaction() as connection:
        return migrate.revision(connection) == migrate.newest()


@dataclass(frozen=True, slots=True)
class Page:
    """An explanation as lines of at most a hundred columns."""

    settings: Settings
    now: datetime
    runs: dict[str, LastRun]

    def lines(self, explained: Explained) -> Iterator[str]:
        booking = explained.booking
        yield (
            f"booking   {booking.reference} · {booking.status} · made {moment(booking.created_at)} · "
            f"party {moment(booking.starts_at)} · event {_shortened(booking.event_id)}"
        )
        common = {name: holds for rule in explained.rules for name, holds in rule.conditions.items() if name in COMMON}
        yield from folded("asked     ", [_condition(name, common[name]) for name in COMMON if name in common])
        for rule in explained.rules:
            yield from self._rule(rule)
        texts = [
            f"{row.status or 'no status'} {row.trigger} {_shortened(row.provider_id)}{' (ours)' if row.ours else ''}"
            for row in explained.texts
        ]
        yield from folded("texts     ", texts or ["none in the queue"])
        history = [
            f"{one.effect} generation {one.generation} {one.state}{f' ({one.code})' if one.code else ''}, "
            f"{one.attempts} attempts, {_shortened(one.provider_id)}"
            for one in explained.history
        ]
        yield from folded("ledger    ", history or ["nothing of ours yet"])

    def _rule(self, rule: RuleExplained) -> Iterator[str]:
        verdict = rule.verdict
        why = LABELS.get(verdict.reason, verdict.reason) or "nothing stands in the way"
        cause = f", cause {verdict.cause}" if verdict.cause else ""
        since = f", open for {ago(self.now - rule.gap.opened_at)}" if rule.gap else ""
        yield f"{HEADLINE[verdict.standing]:<10}{rule.kind}: {why}{cause}{since}"
        own = [_condition(name, holds) for name, holds in rule.conditions.items() if name not in COMMON]
        if rule.checks or verdict.standing is not Standing.NOT_ASKED:
            yield from folded(INDENT, [*own, *map(_check, rule.checks)])
        if verdict.cause:
            says = what_next(rule, self.settings.file, self.runs, self.now)
            yield from folded(f"{INDENT}next: ", [says, *_change(rule)], between="; ")


def _condition(name: Condition, holds: bool) -> str:
    return f"{ASKED[name]}: {'yes' if holds else 'no'}"


def _check(check: Check) -> str:
    return f"{CHECKED.get(check.name, check.name)}: {check.seen}{' (stands in the way)' if check.verdict else ''}"


def _change(rule: RuleExplained) -> list[str]:
    change = WOULD_CHANGE.get(rule.verdict.reason)
    return [change] if change else []


def _shortened(id_: str | None) -> str:
    return f"{id_[:8]}.." if id_ else "none"
