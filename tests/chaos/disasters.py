"""Scenarios drawn by name and seed: what happens to a database, to a table, or to a provider as a whole.

Each begins with a pass that may be killed, goes on with the disaster, and ends like every other scenario: with calm
passes, and the judge.
"""

import random
from collections.abc import Callable
from dataclasses import replace

from tests.chaos.drawing import Draw, point
from tests.chaos.scenarios import (
    GOOGLE_ODD,
    LEASE,
    LOST,
    MADE_DEAD,
    NONSENSE,
    SETTLE,
    TRICKLED,
    TRICKLING_BODY,
    TWILIO_NO,
    TWILIO_ODD,
    Act,
    Deed,
    Loss,
    Scenario,
    Start,
    Step,
    Weather,
)

_MANY = (Start.BARE, Start.BARE, Start.DRAFT, Start.TEXTED, Start.ENTERED)


def _starts(chance: random.Random) -> tuple[Start, ...]:
    return tuple(chance.choices(_MANY, k=chance.randint(2, 4)))


def _first(chance: random.Random) -> Step:
    """A pass that did something, whole or not."""
    return Step(order=f"kill {point(chance)}") if chance.random() < 0.5 else Step()


def _after_loss(loss: Loss) -> Draw:
    def draw(seed: int) -> Scenario:
        chance = random.Random(seed)
        wait = chance.choice((0.0, LEASE + SETTLE))
        steps = (_first(chance), Step(then_wait=wait), Step(loss=loss), _first(chance))
        return Scenario(seed=seed, starts=_starts(chance), steps=steps)

    return draw


def _beside(loss: Loss) -> Draw:
    """While there is something to do: the pass before it was killed."""

    def draw(seed: int) -> Scenario:
        chance = random.Random(seed)
        steps = (Step(order=f"kill {point(chance)}"), Step(loss=loss), _first(chance))
        return Scenario(seed=seed, starts=_starts(chance), steps=steps)

    return draw


def _trickling(seed: int) -> Scenario:
    """Answers of both providers that come byte by byte, with a call of ours in them, for two passes."""
    chance = random.Random(seed)
    slow = Weather(rate=chance.uniform(0.3, 0.9), faults=(TRICKLED, TRICKLING_BODY))
    steps = (_first(chance), Step(then_wait=LEASE), _first(chance))
    return Scenario(seed=seed, starts=_starts(chance), twilio=slow, google=slow, steps=steps)


def _mass_deletion(seed: int) -> Scenario:
    """Every booking but one is deleted at once, and the next pass may be killed."""
    chance = random.Random(seed)
    starts = tuple(chance.choices((Start.BARE, Start.ENTERED), k=4))
    return Scenario(seed=seed, starts=starts, steps=(_first(chance), Step(), Step(loss=Loss.DELETED), _first(chance)))


def _same_ids(seed: int) -> Scenario:
    """Nothing is under way when the table is emptied: an intent that is not final is finished first."""
    chance = random.Random(seed)
    starts = tuple(chance.choices((Start.BARE, Start.DRAFT), k=chance.randint(1, 3)))
    return Scenario(seed=seed, starts=starts, steps=(Step(), Step(loss=Loss.REPLACED), _first(chance)))


def _late_confirmation(seed: int) -> Scenario:
    """Drafts that have their text are confirmed days later, and the application texts them at any moment."""
    chance = random.Random(seed)
    starts = (*_starts(chance), *(Start.ANNOUNCED,) * chance.randint(1, 2))
    late = len(starts) - 1
    deeds = (Deed(act=Act.CONFIRM, booking=late), Deed(act=Act.TEXT, booking=late))
    together = Step(order=f"{chance.choice(('stop', 'kill'))} {point(chance)}", deeds=deeds)
    apart = tuple(replace(together, order=f"stop {point(chance)}", deeds=(deed,)) for deed in deeds)
    steps = (Step(), *(chance.choice(((together,), apart))), _first(chance))
    return Scenario(seed=seed, starts=starts, days_old=chance.choice((0.0, 2.0, 5.0)), steps=steps)


def _resent(seed: int) -> Scenario:
    """The application sends its failed rows again, at any moment, and the settings say so."""
    chance = random.Random(seed)
    resend = (Deed(act=Act.RESEND),)
    steps = tuple(
        Step(
            order=f"{chance.choice(('stop', 'kill'))} {point(chance)}",
            deeds=resend,
            then_wait=chance.choice((0, LEASE)),
        )
        for _ in range(2)
    )
    refusing = Weather(rate=0.3, faults=(TWILIO_NO, LOST), operations=frozenset({"messages.create"}))
    starts = (Start.BARE, *chance.choices((Start.BARE, Start.FAILED, Start.DRAFT), k=chance.randint(1, 3)))
    twilio = chance.choice((None, refusing))
    return Scenario(seed=seed, starts=starts, failed_resent=True, twilio=twilio, steps=(*steps, Step(deeds=resend)))


def _deleted_for_good(seed: int) -> Scenario:
    """A booking without a text is deleted, and nobody brings it back within a day."""
    chance = random.Random(seed)
    starts = (Start.NO_NUMBER, *chance.choices(_MANY, k=chance.randint(2, 4)))
    gone = Step(order=f"{chance.choice(('stop', 'kill'))} {point(chance)}", deeds=(Deed(act=Act.DELETE),))
    return Scenario(seed=seed, starts=starts, steps=(Step(), gone, Step(), Step(loss=Loss.A_DAY), _first(chance)))


def _rewriting(seed: int) -> Scenario:
    """A trigger rewrites our rows for a pass or two, and is gone."""
    chance = random.Random(seed)
    rewrites = chance.choice((Loss.REWRITES, Loss.NEW_IDS))
    during = (Step(loss=rewrites), *((Step(),) * chance.randint(0, 1)), _first(chance))
    return Scenario(seed=seed, starts=_starts(chance), steps=(*during, Step(loss=Loss.NO_TRIGGER), _first(chance)))


def _unlisted(seed: int) -> Scenario:
    """Codes that nobody has listed, from both providers, and a Sentry that answers nonsense."""
    chance = random.Random(seed)
    rate = chance.uniform(0.3, 1)
    twilio = Weather(rate=rate, faults=(TWILIO_ODD, TWILIO_ODD, MADE_DEAD), operations=frozenset({"messages.create"}))
    google = Weather(rate=rate, faults=(GOOGLE_ODD,), operations=frozenset({"events.insert"}))
    sentry = Weather(rate=chance.uniform(0.3, 1), faults=NONSENSE)
    steps = (_first(chance), Step(), _first(chance))
    return Scenario(seed=seed, starts=_starts(chance), twilio=twilio, google=google, sentry=sentry, steps=steps)


DISASTERS: dict[str, Callable[[int], Scenario]] = {
    "a backup is restored": _after_loss(Loss.RESTORED),
    "a lagging standby is promoted": _after_loss(Loss.PROMOTED),
    "a dump is restored in place": _after_loss(Loss.IN_PLACE),
    "a snapshot runs beside the original": _beside(Loss.SNAPSHOT),
    "a copy runs with the same keys": _beside(Loss.COPIED),
    "a host's clock is wrong": _beside(Loss.CLOCK),
    "the ledger is lost": _after_loss(Loss.LEDGER),
    "the providers trickle": _trickling,
    "all bookings but one are deleted": _mass_deletion,
    "ids come again": _same_ids,
    "a booking is deleted for good": _deleted_for_good,
    "the application texts after a late confirmation": _late_confirmation,
    "the application resends failed rows": _resent,
    "a trigger rewrites our rows": _rewriting,
    "codes that nobody has listed": _unlisted,
}
