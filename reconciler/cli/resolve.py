"""``reconciler resolve``: a person settles a repair whose outcome is unknown."""

import re

import click

from reconciler.cli import configuration
from reconciler.cli.output import console, plain_reference
from reconciler.domain.decide.ledger_checks import refusal_needing_human
from reconciler.domain.decide.verdicts import LABELS, Refusal
from reconciler.domain.gaps import Effect
from reconciler.domain.intents import Intent, State
from reconciler.engine import resolve
from reconciler.engine.resolve import Word
from reconciler.errors import Exit
from reconciler.ports import Mandate, Services
from reconciler.settings import Need
from reconciler.wiring import assembly

_SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}")
FOLLOWS = {
    Word.SENT: "it counts as done; nothing is sent",
    Word.AGAIN: "the next pass repairs it, if the rule still applies to its booking",
    Word.DROP: "nothing is sent, and no repair is restarted for this booking",
}


def run(
    intent: str | None, word: str | None, provider_id: str | None, *, act: bool, config: str | None, defaults: bool
) -> Exit:
    """Resolve one repair; without ``intent``, list those that need a human."""
    if (intent is None) != (word is None):
        raise click.UsageError(
            "INTENT and one of --sent, --again, --drop go together; without both, the repairs that need you are listed"
        )
    if provider_id and word != Word.SENT:
        raise click.UsageError("--id requires --sent")
    settings = configuration.settings(config, Need.DATABASE, writes=act, defaults=defaults)
    with assembly.services(settings, Mandate(act=act), needs_ledger=True) as services:
        configuration.note_place(services)
        if intent is None or word is None:
            return _list(services)
        return _resolve(_one(intent, services), Word(word), provider_id, services, act=act)


def lift(*, act: bool, alone: bool, config: str | None, defaults: bool) -> Exit:
    """End every pause, so that the next pass calls the providers again."""
    if not alone:
        raise click.UsageError("--lift-pause is about no intent: give it alone, or with --do")
    settings = configuration.settings(config, Need.DATABASE, writes=act, defaults=defaults)
    with assembly.services(settings, Mandate(act=act), needs_ledger=True) as services:
        if not act:
            click.echo("would: the next pass calls the providers again. Nothing was written; use --do")
            return Exit.WORK_LEFT
        with services.store.writing() as tx:
            tx.clocks.lift_pauses()
    click.echo("no pause is left: the next pass calls the providers again")
    return Exit.AS_DESIRED


def _list(services: Services) -> Exit:
    unsettled = resolve.unsettled(services)
    out = console()
    for intent in unsettled:
        out.print(_line(intent), markup=False, soft_wrap=True)
    if not unsettled:
        out.print("no repair needs you")
        return Exit.AS_DESIRED
    out.print("check at the provider, then: reconciler resolve INTENT --sent|--again|--drop --do", markup=False)
    return Exit.WORK_LEFT if all(one.state is State.UNKNOWN for one in unsettled) else Exit.NEEDS_A_HUMAN


def _line(intent: Intent) -> str:
    match intent.state:
        case State.NEEDS_HUMAN:
            why = LABELS[refusal_needing_human(intent)]
        case State.REFUSED:
            why = LABELS[Refusal.REFUSED_BY_PROVIDER]
        case _:
            why = "still being settled"
    tried = f", first tried {intent.attempted_at:%Y-%m-%d %H:%M} UTC" if intent.attempted_at else ""
    return f"{intent.id}  {intent.effect.noun} for {plain_reference(intent.booking)}{tried}: {why} ({intent.code})"


def _one(prefix: str, services: Services) -> Intent:
    found = resolve.intents_with_prefix(prefix, services)
    if not found:
        raise click.UsageError(f"no intent's id begins with {prefix}; to list them: reconciler resolve")
    if len(found) > 1:
        raise click.UsageError(f"several intents' ids begin with {prefix}: give more characters")
    (intent,) = found
    if intent.state not in (State.NEEDS_HUMAN, State.UNKNOWN, State.REFUSED):
        raise click.UsageError(f"intent {intent.id} is {intent.state} ({intent.code}): it needs no resolving")
    return intent


def _resolve(intent: Intent, word: Word, provider_id: str | None, services: Services, *, act: bool) -> Exit:
    if word is Word.SENT and intent.effect is Effect.CALENDAR and not (provider_id or intent.provider_id):
        raise click.UsageError("for an event, --sent requires --id with the event's id")
    if provider_id and intent.effect is Effect.SMS and not _SID.fullmatch(provider_id):
        raise click.UsageError(f"{provider_id} is not a Twilio SID: SM or MM and 32 hexadecimal digits")
    if provider_id and resolve.is_taken(intent, provider_id, services):
        raise click.UsageError(f"{provider_id} already belongs to another text or event")
    if word is not Word.AGAIN and intent.state is State.REFUSED:
        raise click.UsageError(f"intent {intent.id} is refused: nothing was sent, and only --again is left for it")
    if not act:
        click.echo(f"{_line(intent)}\nwould: {FOLLOWS[word]}. Nothing was written; use --do")
        return Exit.WORK_LEFT
    resolved = resolve.resolve(intent, word, provider_id, services)
    if resolved is None:
        raise click.UsageError(f"intent {intent.id} has just been settled, or a process is settling it: run this again")
    click.echo(f"{resolved.effect.noun} for {plain_reference(resolved.booking)} is {resolved.state}: {FOLLOWS[word]}")
    return Exit.AS_DESIRED
