"""Scenarios drawn by a seed: the same seed draws the same again."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from reconciler.sandbox.fakes.faults import Fault
from tests.chaos.scenarios import (
    DROPPED,
    EMPTY,
    FAILED,
    GOOGLE_BUSY,
    LEASE,
    LOST,
    PAGE,
    SETTLE,
    SILENT,
    SLOW,
    TIMEOUT,
    TOO_SLOW,
    TRICKLED,
    TWILIO_BUSY,
    TWILIO_NO,
    UNWELL,
    Act,
    Deed,
    Scenario,
    Start,
    Step,
    Weather,
)

_EITHER = (LOST, LOST, FAILED, FAILED, EMPTY, SLOW, TOO_SLOW, DROPPED, SILENT, TRICKLED, UNWELL, PAGE)
_TWILIO = (*_EITHER, TWILIO_BUSY, TWILIO_NO, TWILIO_NO)
_GOOGLE = (*_EITHER, GOOGLE_BUSY)
_HEART: tuple[str, ...] = ("sms.row", "sms.sending", "twilio.create", "twilio.create", "sms.done", "sms.row_sent")
_HEART += ("calendar.sending", "google.insert", "google.insert", "calendar.done", "calendar.written")
_REST: tuple[str, ...] = (
    "sms.abandoned",
    "sms.planned",
    "sms.claimed",
    "twilio.account",
    "twilio.list",
    "rate.began",
    "gap.changed",
)
_REST += ("calendar.abandoned", "calendar.planned", "calendar.claimed", "google.list", "google.get", "google.token")
_REST += ("run.began", "run.changed", "incident.changed", "outbox.began", "outbox.changed", "sentry.envelope")
_BEFORE_A_CALL = ("before twilio.create", "before google.insert")
"""Where a pause is bounded: after the last look at the lease."""
_LOSABLE = ("twilio.create", "google.insert")
_STARTS = (Start.BARE,) * 5 + tuple(Start)
_ACTS = tuple(act for act in Act if act is not Act.RESEND)
"""The settings say that nothing sends failed rows again."""
_STEPS: tuple[str, ...] = ("kill",) * 6 + ("lose",) * 3 + ("at random",) * 2 + ("deeds",) * 3
_STEPS += ("end", "pair", "frozen", "frozen", "restart", "calm")

Draw = Callable[[int], Scenario]


def drawn(seed: int) -> Scenario:
    """A scenario within the bounds: lists lag less than the settle time, pauses are shorter than the lease."""
    chance = random.Random(seed)
    return Scenario(
        seed=seed,
        starts=tuple(chance.choices(_STARTS, k=chance.randint(1, 3))),
        one_phone=chance.random() < 0.25,
        control=chance.random() < 0.8,
        lag=chance.choice((0, 0, SETTLE * 0.3, SETTLE * 0.7)),
        redacted=chance.random() < 0.15,
        trial=chance.random() < 0.1,
        twilio=_weather(chance, _TWILIO, ("messages.create",)),
        google=_weather(chance, _GOOGLE, ("events.insert", "events.list", "events.get", "events.delete")),
        sentry=Weather(rate=0.3, faults=(DROPPED, UNWELL)) if chance.random() < 0.2 else None,
        steps=tuple(_step(chance) for _ in range(chance.randint(2, 3))),
    )


def _weather(chance: random.Random, faults: Sequence[Fault], writes: Sequence[str]) -> Weather | None:
    """None, some faults everywhere, or many where it matters."""
    match chance.choice(("fair", "fair", "everywhere", "writes", "writes")):
        case "fair":
            return None
        case "everywhere":
            return Weather(rate=chance.uniform(0.02, 0.15), faults=tuple(faults))
        case _:
            return Weather(rate=chance.uniform(0.1, 0.5), faults=tuple(faults), operations=frozenset(writes))


def _step(chance: random.Random) -> Step:
    """What always goes on, and one thing besides."""
    step = Step(
        arrivals=tuple(chance.choices(_STARTS, k=chance.randint(0, 2))),
        deeds=_deeds(chance, 0.3),
        then_wait=chance.choice((0, 0, LEASE * 1.2, LEASE + SETTLE)),
    )
    beside = _beside(chance)
    match chance.choice(_STEPS):
        case "kill" | "end" as word:
            return replace(step, order=f"{word} {point(chance)}", beside=beside, beside_as=_command(chance))
        case "lose":
            order = f"lose {chance.choice(_LOSABLE)}#{chance.choice((1, 1, 2))}"
            return replace(step, order=order, beside=beside, beside_as=_command(chance))
        case "at random":
            return replace(step, kill_after=chance.uniform(0.03, 0.5))
        case "pair":
            return replace(step, beside=1, beside_as=_command(chance), beside_order=f"kill {point(chance)}")
        case "deeds":
            return replace(step, order=f"stop {point(chance)}", deeds=_deeds(chance, 1))
        case "frozen":
            where = point(chance)
            longest = LEASE - TIMEOUT if where.startswith(_BEFORE_A_CALL) else LEASE + SETTLE
            beside = chance.randint(0, 3)
            return replace(step, order=f"stop {where}", frozen=chance.uniform(0.1, longest), beside=beside)
        case "restart":
            return replace(step, order=f"stop {point(chance)}", restart=True)
        case _:
            return step


def _command(chance: random.Random) -> str:
    return chance.choice(("once", "once", "backfill", "settling"))


def point(chance: random.Random) -> str:
    name = chance.choice(_HEART if chance.random() < 0.7 else _REST)
    return f"{chance.choice(('before', 'after'))} {name}#{chance.choice((1, 1, 1, 1, 2, 3))}"


def _beside(chance: random.Random) -> int:
    return int(chance.random() < 0.15)


def _deeds(chance: random.Random, likely: float) -> tuple[Deed, ...]:
    if chance.random() > likely:
        return ()
    return tuple(Deed(act=chance.choice(_ACTS), booking=chance.randint(0, 2)) for _ in range(chance.choice((1, 1, 2))))


def alone(seed: int) -> Scenario:
    """The same as ``drawn``, where the ledger alone records what we do."""
    return replace(drawn(seed), ledger_alone=True)


def lagging(seed: int) -> Scenario:
    """Beyond the bounds: Twilio's list lags longer than the settle time, and the answer to a text was lost."""
    chance = random.Random(seed)
    return Scenario(
        seed=seed,
        starts=(Start.BARE,) * chance.randint(1, 3),
        lag=SETTLE * chance.uniform(2, 5),
        next_twilio=(("messages.create", chance.choice((LOST, FAILED, EMPTY, TOO_SLOW))),),
        steps=(Step(),),
    )


def frozen(seed: int) -> Scenario:
    """Beyond the bounds: a process stands still between its last look at the lease and its call, for too long."""
    chance = random.Random(seed)
    stop = f"stop before twilio.create#{chance.randint(1, 2)}"
    return Scenario(
        seed=seed,
        starts=(Start.BARE,) * chance.randint(2, 3),
        steps=(Step(order=stop, frozen=LEASE * chance.uniform(1.05, 1.5), beside=12),),
    )
