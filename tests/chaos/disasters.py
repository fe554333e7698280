"""Scenarios drawn by name and seed: what happens to a database, to a table, or to a provider as a whole.

Each begins with a pass that may be killed, goes on with the disaster, and ends like every other scenario: with calm
passes, and the judge.
"""

import random
from collections.abc import Callable

from tests.chaos.drawing import Draw, point
from tests.chaos.scenarios import (
    LEASE,
    SETTLE,
    TRICKLED,
    TRICKLING_BODY,
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
}
