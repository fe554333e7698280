"""A person's decision about an unsettled intent: the effect exists, try again, or leave it."""

from collections.abc import Sequence
from enum import StrEnum

from reconciler.domain.decide.policies import Policy
from reconciler.domain.gaps import Effect
from reconciler.domain.intents import BY_A_PERSON, Intent, State
from reconciler.engine.repair.repairer import Scope
from reconciler.engine.repair.repairers import repairer_of
from reconciler.engine.repair.sms.evidence import row_id
from reconciler.ports import Services


class Word(StrEnum):
    SENT = "sent"
    """The effect exists."""
    AGAIN = "again"
    """The effect does not exist. Try again, with all attempts."""
    DROP = "drop"
    """Leave it as it is."""


NEXT_STATE = {Word.SENT: State.DONE, Word.AGAIN: State.PLANNED, Word.DROP: State.DROPPED}


def unsettled(services: Services) -> Sequence[Intent]:
    """Return the intents that need a human and those that are still being settled, in every scope of the database."""
    with services.store.reading() as tx:
        return tx.intents.unsettled()


def intents_with_prefix(prefix: str, services: Services) -> Sequence[Intent]:
    """Return at most two intents whose id begins with ``prefix``."""
    with services.store.reading() as tx:
        return tx.intents.beginning_with(prefix, 2)


def is_taken(intent: Intent, provider_id: str, services: Services) -> bool:
    """Whether another intent or a row of the application already has this provider id."""
    if provider_id == intent.provider_id:
        return False
    with services.store.reading() as tx:
        scope = Scope(since=services.clock.now(), installation=tx.ledger.installation().id)
        named = intent.effect is Effect.SMS and services.sms_policy.policy is not Policy.OFF
        rows = tx.texts.bookings_naming([provider_id], row_id(scope, intent)) if named else ()
        return bool(tx.intents.used_provider_ids(intent.effect, [provider_id]) or rows)


def resolve(intent: Intent, word: Word, provider_id: str | None, services: Services) -> Intent | None:
    """Record the decision. ``provider_id`` (a SID or an event's id) may come with *sent*.

    ``None``: the intent is settled by now, or another process is settling it at this moment.
    """
    now = services.clock.now()
    repairer = repairer_of(intent.effect, services)
    with services.store.writing() as tx:
        scope = Scope(since=now, installation=tx.ledger.installation().id)
        resolved = tx.intents.resolve(intent, NEXT_STATE[word], now, provider_id)
        if resolved and word is Word.DROP:
            repairer.cancel_in_application(tx, resolved, scope, BY_A_PERSON)
        if resolved and word is not Word.AGAIN:
            tx.gaps.close(repairer.kind, intent.booking, BY_A_PERSON, now)
    if resolved and word is Word.SENT:
        repairer.record_in_application(resolved, scope)
    return resolved
