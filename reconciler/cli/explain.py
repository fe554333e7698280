"""``reconciler explain``: the verdict of each rule on one booking, and why."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import click

from reconciler.cli import configuration
from reconciler.cli.output import NARROWEST, UNKNOWN, console, counted, folded
from reconciler.domain.bookings import BookingId, Due
from reconciler.domain.decide.ledger_checks import moment
from reconciler.domain.decide.verdicts import LABELS, Check, Condition, VerdictStatus
from reconciler.domain.explain.coverage import reason_label
from reconciler.domain.explain.queued_text import QueuedText
from reconciler.domain.explain.wording import ASKED, CHECKED, COMMON, HEADLINE
from reconciler.domain.formatting import ago, sanitize
from reconciler.domain.intents import Intent
from reconciler.engine.explain import explanation, provider_records
from reconciler.engine.explain.explanation import Explanation, RuleExplanation
from reconciler.errors import Exit
from reconciler.ports import Mandate, Services
from reconciler.service.next_step import what_next, what_would_change
from reconciler.settings import Need, Settings
from reconciler.store.database import Database
from reconciler.store.ledger.check import revision
from reconciler.store.ledger.schema import REVISION
from reconciler.store.views.status import LastRun, status_snapshot
from reconciler.wiring import assembly

SHOWN = 5
"""How many items each list shows at most: ids with the same beginning, texts, intents."""
LONGEST_ID = 40
LONGEST_WORD = 24
"""The width in columns of a word from the application's tables: a status or a trigger."""
LONGEST_VALUE = 56
INDENT = " " * 10


def run(*, booking: str, ask: bool, config: str | None) -> Exit:
    """Show the verdicts on one booking and, with ``ask``, the providers' records of it."""
    settings = configuration.settings(config, Need.READ)
    if ask:
        configuration.note_unset(settings)
    with assembly.services(settings, Mandate(act=False)) as services:
        configuration.note_place(services)
        found = _meant(booking, services)
        explained = explanation.explain(found, services)
        if explained is None:
            raise click.UsageError(f"booking {sanitize(found, LONGEST_ID)} is gone, or no rule applies to it")
        records = list(provider_records.ask(explained.booking, services)) if ask else []
        page = ExplanationPrinter(settings, services.clock.now(), _last_runs(settings))
    out = console()
    for line in page.lines(explained):
        out.print(line, markup=False, soft_wrap=True)
    for record in records:
        out.print(sanitize(f"{record.provider:<10}{record.message}", NARROWEST), markup=False, soft_wrap=True)
    return Exit.AS_DESIRED


def _meant(written: str, services: Services) -> BookingId:
    """The one booking whose id begins with ``written``, which may include the # from a text or a title."""
    beginning = written.strip().removeprefix("#").strip()
    if not beginning:
        raise click.UsageError("BOOKING is an id, or the start of one, such as 1a2b3c4d")
    said = sanitize(beginning, LONGEST_ID)
    found = explanation.bookings_with_prefix(beginning, SHOWN + 1, services) if beginning.isprintable() else ()
    if not found:
        raise click.UsageError(f"no booking's id begins with {said}")
    if len(found) > 1:
        more = ", .." if len(found) > SHOWN else ""
        named = ", ".join(sanitize(one, LONGEST_ID) for one in found[:SHOWN])
        raise click.UsageError(f"several ids begin with {said}: {named}{more}")
    return found[0]


def _last_runs(settings: Settings) -> dict[str, LastRun]:
    with assembly.database(settings) as database:
        return {run.job: run for run in status_snapshot(database).runs} if _has_ledger(database) else {}


def _has_ledger(database: Database) -> bool:
    with database.transaction() as connection:
        return revision(connection) == REVISION


@dataclass(frozen=True, slots=True)
class ExplanationPrinter:
    """An explanation as lines of at most a hundred columns."""

    settings: Settings
    now: datetime
    runs: dict[str, LastRun]

    def lines(self, explained: Explanation) -> Iterator[str]:
        for line in self._lines(explained):
            yield sanitize(line, NARROWEST)

    def _lines(self, explained: Explanation) -> Iterator[str]:
        booking = explained.booking
        yield (
            f"booking   {sanitize(booking.reference, LONGEST_WORD)} · {_word(booking.status or 'no status')} · "
            f"made {moment(booking.created_at)} · starts {moment(booking.starts_at)} · "
            f"event {_shortened(booking.event_id)}"
        )
        common = {name: holds for rule in explained.rules for name, holds in rule.conditions.items() if name in COMMON}
        asked = [_condition(name, common[name]) for name in COMMON if name in common]
        yield from folded("applies   ", [*asked, *_covered(explained)])
        for rule in explained.rules:
            yield from self._rule(rule)
        for one in explained.unknown:
            yield f"{'UNKNOWN':<10}{one.kind}: the tables cannot be read as the rule needs"
            yield from folded(INDENT, [one.fault.seen])
            yield from folded(f"{INDENT}next: ", [one.fault.remedy])
        yield from folded(
            "texts     ",
            _most([_text(row) for row in explained.texts]) or [self._no_texts(explained)],
        )
        yield from folded("ledger    ", _most([_intent(one) for one in explained.history]) or ["no repair yet"])

    def _no_texts(self, explained: Explanation) -> str:
        if explained.unknown:
            return UNKNOWN
        return "none in the queue" if self.settings.file.rules.sms_missing.queue else "no queue is mapped"

    def _rule(self, rule: RuleExplanation) -> Iterator[str]:
        verdict = rule.verdict
        why = LABELS.get(verdict.reason, verdict.reason) or "no check prevents it"
        cause = f", cause {verdict.cause}" if verdict.cause else ""
        since = f", open for {ago(self.now - rule.gap.opened_at)}" if rule.gap else ""
        headline = f"{rule.kind}: {why}{cause}{since}"
        own = [_condition(name, holds) for name, holds in rule.conditions.items() if name not in COMMON]
        if rule.booking.due:
            own.insert(0, self._due(rule.booking.due))
        if verdict.status is VerdictStatus.OK and not rule.checks:
            yield from folded(f"{HEADLINE[verdict.status]:<10}", [headline, *own])
        else:
            yield f"{HEADLINE[verdict.status]:<10}{headline}"
            yield from self._asked(rule, own)

    def _due(self, due: Due) -> str:
        local = due.at.astimezone(self.settings.file.timezone)
        return f"{_word(due.occasion)} due {local:%Y-%m-%d %H:%M %Z} ({due.basis})"

    def _asked(self, rule: RuleExplanation, own: list[str]) -> Iterator[str]:
        verdict = rule.verdict
        if rule.checks or rule.booking.due or verdict.status is not VerdictStatus.NOT_APPLICABLE:
            yield from folded(INDENT, [*own, *map(_check, rule.checks)])
        if verdict.status not in (VerdictStatus.OK, VerdictStatus.NOT_APPLICABLE):
            says = what_next(rule, self.settings.file, self.runs, self.now)
            yield from folded(f"{INDENT}next: ", says.split("; "), between="; ")
        changes = what_would_change(rule, self.settings.file)
        if changes:
            yield from folded(f"{INDENT}change: ", changes, between="; ")


def _most(said: list[str]) -> list[str]:
    """The newest ``SHOWN``, and how many more there are."""
    more = len(said) - SHOWN
    return [*said[:SHOWN], f"and {more} older"] if more > 0 else said


def _text(row: QueuedText) -> str:
    status, whose = _word(row.status) if row.status else "no status", " (ours)" if row.ours else ""
    evidence = ": evidence" if row.is_evidence else ""
    return f"{status} {_word(row.trigger)} {_shortened(row.provider_id)}{whose}{evidence}"


def _intent(one: Intent) -> str:
    code = f" ({_word(one.code)})" if one.code else ""
    return (
        f"{one.effect.noun} generation {one.generation} {one.state}{code}, {counted(one.attempts, 'attempt')}, "
        + _shortened(one.provider_id)
    )


def _word(value: str) -> str:
    return sanitize(value, LONGEST_WORD)


def _condition(name: Condition, holds: bool) -> str:
    return f"{ASKED[name]}: {'yes' if holds else 'no'}"


def _covered(explained: Explanation) -> Iterator[str]:
    """How coverage counts the booking."""
    outs = {kind: reason_label(reason) for kind, reason in explained.covered.items() if reason is not None}
    for reason in dict.fromkeys(outs.values()):
        kinds = [kind for kind, said in outs.items() if said == reason]
        rules = "no rule" if len(kinds) == len(explained.covered) else f"not {' nor '.join(kinds)}"
        yield f"coverage: {rules}, {reason}"
    if explained.covered and not outs:
        yield "coverage: every rule applies"


def _check(check: Check) -> str:
    decisive = " (decisive)" if check.verdict else ""
    return f"{CHECKED.get(check.name, check.name)}: {sanitize(check.seen, LONGEST_VALUE)}{decisive}"


def _shortened(id_: str | None) -> str:
    return f"{sanitize(id_[:8], LONGEST_WORD)}.." if id_ else "none"
