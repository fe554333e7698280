"""A person's word about an intent that waits for it: the effect is there, try again, or leave it."""

from collections.abc import Sequence
from enum import StrEnum

from reconciler.domain.gaps import Effect
from reconciler.domain.intents import BY_A_PERSON, Intent, State, word_of_a_person
from reconciler.engine.events import Events
from reconciler.engine.mender import Mender, Scope
from reconciler.engine.texts import Texts
from reconciler.ports import Services


class Word(StrEnum):
    SENT = "sent"
    """The effect is there."""
    AGAIN = "again"
    """It is not there, and is to be tried again, with all its attempts."""
    DROP = "drop"
    """It is to be left as it is."""


BECOMES = {Word.SENT: State.DONE, Word.AGAIN: State.PLANNED, Word.DROP: State.DROPPED}


def waiting(services: Services) -> Sequence[Intent]:
    """The intents that wait for a person's word, oldest first."""
    with services.store.reading() as tx:
        return tx.ledger.needing_a_human()


def beginning_with(prefix: str, services: Services) -> Sequence[Intent]:
    """At most two intents whose id begins so."""
    with services.store.reading() as tx:
        return tx.ledger.beginning_with(prefix, 2)


def is_taken(effect: Effect, provider_id: str, services: Services) -> bool:
    """Whether another intent has this provider's id."""
    with services.store.reading() as tx:
        return bool(tx.ledger.taken(effect, [provider_id]))


def resolve(intent: Intent, word: Word, provider_id: str | None, services: Services) -> Intent | None:
    """Write the word down; ``provider_id`` (a SID, an event's id) is the proof that comes with *sent*.

    ``None``: it does not wait for a person's word any more.
    """
    now = services.clock.now()
    mender: Mender = Texts(services) if intent.effect is Effect.TEXT else Events(services)
    if word is Word.SENT and provider_id is None:
        provider_id = intent.provider_id or word_of_a_person(intent.id)
    with services.store.writing() as tx:
        scope = Scope(since=now, installation=tx.ledger.installation().id)
        resolved = tx.ledger.resolve(intent, BECOMES[word], now, provider_id)
        if resolved and word is Word.DROP:
            mender.withdraw(tx, resolved, scope, BY_A_PERSON)
        if resolved and word is not Word.AGAIN:
            tx.ledger.close_gap(mender.kind, intent.booking, BY_A_PERSON, now)
    if resolved and word is Word.SENT:
        mender.finish(resolved, scope)
    return resolved
