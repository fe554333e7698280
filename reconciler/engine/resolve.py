"""A person's word about an intent that waits for it: the effect is there, try again, or leave it."""

from collections.abc import Sequence
from enum import StrEnum

from reconciler.domain.decide.policies import Policy
from reconciler.domain.gaps import Effect
from reconciler.domain.intents import BY_A_PERSON, Intent, State, word_of_a_person
from reconciler.engine.repair.repairer import Scope
from reconciler.engine.repair.repairers import repairer_of
from reconciler.engine.repair.sms_evidence import row_id
from reconciler.ports import Services


class Word(StrEnum):
    SENT = "sent"
    """The effect is there."""
    AGAIN = "again"
    """It is not there, and is to be tried again, with all its attempts."""
    DROP = "drop"
    """It is to be left as it is."""


BECOMES = {Word.SENT: State.DONE, Word.AGAIN: State.PLANNED, Word.DROP: State.DROPPED}


def unsettled(services: Services) -> Sequence[Intent]:
    """Those that wait for a person's word, and those that are still asked for; of every scope of the database."""
    with services.store.reading() as tx:
        return tx.intents.unsettled()


def beginning_with(prefix: str, services: Services) -> Sequence[Intent]:
    """At most two intents whose id begins so."""
    with services.store.reading() as tx:
        return tx.intents.beginning_with(prefix, 2)


def is_taken(intent: Intent, provider_id: str, services: Services) -> bool:
    """Whether another intent, or a row of the application's, has this provider's id."""
    if provider_id == intent.provider_id:
        return False
    with services.store.reading() as tx:
        scope = Scope(since=services.clock.now(), installation=tx.ledger.installation().id)
        named = intent.effect is Effect.SMS and services.sms_policy.policy is not Policy.OFF
        rows = tx.bookings.queue_names([provider_id], row_id(scope, intent)) if named else ()
        return bool(tx.intents.taken(intent.effect, [provider_id]) or rows)


def resolve(intent: Intent, word: Word, provider_id: str | None, services: Services) -> Intent | None:
    """Write the word down; ``provider_id`` (a SID, an event's id) is the proof that comes with *sent*.

    ``None``: it is settled by now, or somebody is asking for it at this moment.
    """
    now = services.clock.now()
    repairer = repairer_of(intent.effect, services)
    if word is Word.SENT and provider_id is None:
        provider_id = intent.provider_id or word_of_a_person(intent.id)
    with services.store.writing() as tx:
        scope = Scope(since=now, installation=tx.ledger.installation().id)
        resolved = tx.intents.resolve(intent, BECOMES[word], now, provider_id)
        if resolved and word is Word.DROP:
            repairer.withdraw(tx, resolved, scope, BY_A_PERSON)
        if resolved and word is not Word.AGAIN:
            tx.gaps.close(repairer.kind, intent.booking, BY_A_PERSON, now)
    if resolved and word is Word.SENT:
        repairer.finish(resolved, scope)
    return resolved
