"""``reconciler resolve``: a person's word about a repair whose outcome nobody could find out."""

import re

import click

from reconciler.cli.options import config_option
from reconciler.cli.output import console
from reconciler.domain.bookings import reference
from reconciler.domain.decide.ledger_checks import refusal_needing_human
from reconciler.domain.decide.verdicts import LABELS
from reconciler.domain.gaps import Effect
from reconciler.domain.intents import Intent, State
from reconciler.engine import resolve
from reconciler.engine.resolve import Word
from reconciler.errors import Exit
from reconciler.ports import Mandate, Services
from reconciler.wiring import assembly

_SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}")
FOLLOWS = {
    Word.SENT: "it counts as done; nothing is sent",
    Word.AGAIN: "the next pass repairs it, if its booking still asks for it",
    Word.DROP: "nothing is sent, and nothing is begun anew for this booking",
}


@click.command("resolve")
@click.argument("intent", required=False)
@click.option("--sent", "word", flag_value=Word.SENT, type=Word, help="The effect is there.")
@click.option("--again", "word", flag_value=Word.AGAIN, type=Word, help="It is not there: try again.")
@click.option("--drop", "word", flag_value=Word.DROP, type=Word, help="Leave it as it is.")
@click.option("--id", "provider_id", metavar="ID", help="With --sent: Twilio's SID, or the id of the event.")
@click.option("--do", "act", is_flag=True, help="Write it down. Without it, only say what would follow.")
@config_option
def command(intent: str | None, word: Word | None, provider_id: str | None, act: bool, config: str | None) -> Exit:
    """Say what became of a repair that nobody could find out; without INTENT, list those that wait for your word.

    INTENT is its id, or the first characters of it. First look at the provider: Twilio's log by the number, the
    calendar by the date.
    """
    if (intent is None) != (word is None):
        raise click.UsageError(
            "INTENT and one of --sent, --again, --drop go together; without both, those that wait are listed"
        )
    if provider_id and word is not Word.SENT:
        raise click.UsageError("--id goes with --sent")
    with assembly.services(assembly.settings(config), Mandate(act=True)) as services:
        if intent is None or word is None:
            return _list(services)
        return _resolve(_one(intent, services), word, provider_id, services, act=act)


def _list(services: Services) -> Exit:
    unsettled = resolve.unsettled(services)
    out = console()
    for intent in unsettled:
        out.print(_line(intent), markup=False, soft_wrap=True)
    if not unsettled:
        out.print("nothing waits for your word")
        return Exit.AS_DESIRED
    out.print("look at the provider, then: reconciler resolve INTENT --sent|--again|--drop --do", markup=False)
    return Exit.NEEDS_A_HUMAN if any(one.state is State.NEEDS_HUMAN for one in unsettled) else Exit.WORK_LEFT


def _line(intent: Intent) -> str:
    why = LABELS[refusal_needing_human(intent)] if intent.state is State.NEEDS_HUMAN else "still asked for"
    tried = f", first tried {intent.attempted_at:%Y-%m-%d %H:%M} UTC" if intent.attempted_at else ""
    return f"{intent.id}  {intent.effect.noun} for {reference(intent.booking)}{tried}: {why} ({intent.code})"


def _one(prefix: str, services: Services) -> Intent:
    found = resolve.beginning_with(prefix, services)
    if not found:
        raise click.UsageError(f"no intent's id begins with {prefix}; those that wait: reconciler resolve")
    if len(found) > 1:
        raise click.UsageError(f"several intents' ids begin with {prefix}: give more of it")
    (intent,) = found
    if intent.state not in (State.NEEDS_HUMAN, State.UNKNOWN):
        raise click.UsageError(f"intent {intent.id} is {intent.state} ({intent.code}): it does not wait for your word")
    return intent


def _resolve(intent: Intent, word: Word, provider_id: str | None, services: Services, *, act: bool) -> Exit:
    if word is Word.SENT and intent.effect is Effect.CALENDAR and not (provider_id or intent.provider_id):
        raise click.UsageError("for an event, --sent needs --id with the event's id")
    if provider_id and intent.effect is Effect.SMS and not _SID.fullmatch(provider_id):
        raise click.UsageError(f"{provider_id} is no SID of Twilio's: SM or MM and 32 hexadecimal digits")
    if provider_id and resolve.is_taken(intent, provider_id, services):
        raise click.UsageError(f"{provider_id} belongs to another text or event already")
    if not act:
        click.echo(f"{_line(intent)}\nwould: {FOLLOWS[word]}. Nothing was written; add --do")
        return Exit.WORK_LEFT
    resolved = resolve.resolve(intent, word, provider_id, services)
    if resolved is None:
        raise click.UsageError(f"intent {intent.id} is settled by now, or somebody is asking for it: look again")
    click.echo(f"{resolved.effect.noun} for {reference(resolved.booking)} is {resolved.state}: {FOLLOWS[word]}")
    return Exit.AS_DESIRED
