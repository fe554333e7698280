"""The providers' part of the environment, each by itself: what is wrong with one does not stop the other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from reconciler.domain.gaps import Effect, GapKind, IntegrationFault
from reconciler.settings.env.google import NAMES as GOOGLE_NAMES
from reconciler.settings.env.google import Google, read_google
from reconciler.settings.env.reader import Reader
from reconciler.settings.env.twilio import NAMES as TWILIO_NAMES
from reconciler.settings.env.twilio import Twilio, read_twilio

UNUSABLE = "unusable_variables"
"""The code of the fault."""
REMEDY = (
    "correct them where reconciler gets its variables, and start it again: a running process keeps what it started with"
)
SWITCHES = {Effect.SMS: "SUSPEND_ALL_SMS", Effect.CALENDAR: "SUSPEND_ALL_EVENTS"}
"""The kill switch of each effect."""
_NAMES = {Effect.SMS: TWILIO_NAMES, Effect.CALENDAR: GOOGLE_NAMES}
_INTEGRATION = {Effect.SMS: GapKind.INTEGRATION_TWILIO, Effect.CALENDAR: GapKind.INTEGRATION_GOOGLE}
_YES, _NO = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off"})
_Access = TypeVar("_Access", Twilio, Google)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Providers:
    """Access to the providers, and the kill switches."""

    twilio: Twilio | None
    google: Google | None
    suspended: frozenset[Effect]
    """The effects that a kill switch forbids. A switch that is neither on nor off forbids its effect."""
    mistakes: Mapping[Effect, tuple[str, ...]]
    """What is wrong with the variables of an effect; an effect without a mistake is absent."""
    unset: frozenset[Effect]
    """Effects that need a provider none of whose variables is set, in a look, which does not need them."""


def read_providers(environ: Mapping[str, str], *, texts: bool, events: bool, may_be_unset: bool) -> Providers:
    """``texts``, ``events``: whether Twilio and Google are needed. A provider that is not needed is not read."""
    switches = {effect: Reader(environ) for effect in Effect}
    suspended = frozenset(effect for effect, reader in switches.items() if _is_suspended(reader, SWITCHES[effect]))
    twilio, of_texts = _read(environ, read_twilio) if texts else (None, [])
    google, of_events = _read(environ, read_google) if events else (None, [])
    wanted, found = {Effect.SMS: texts, Effect.CALENDAR: events}, {Effect.SMS: of_texts, Effect.CALENDAR: of_events}
    unset = frozenset(
        effect for effect in Effect if may_be_unset and wanted[effect] and not Reader(environ).named(*_NAMES[effect])
    )
    mistakes = {effect: (*switches[effect].mistakes, *(() if effect in unset else found[effect])) for effect in Effect}
    return Providers(
        twilio=twilio,
        google=google,
        suspended=suspended,
        mistakes={effect: found for effect, found in mistakes.items() if found},
        unset=unset,
    )


def access_fault(effect: Effect, mistakes: tuple[str, ...]) -> IntegrationFault:
    """The fault of an effect whose variables are missing or wrong: names and what was seen, never a value."""
    return IntegrationFault(kind=_INTEGRATION[effect], code=UNUSABLE, seen="; ".join(mistakes), remedy=REMEDY)


def _read(environ: Mapping[str, str], read: Callable[[Reader], _Access | None]) -> tuple[_Access | None, list[str]]:
    reader = Reader(environ)
    access = read(reader)
    # Access that is only partly right is not used: a call could reach the wrong account or calendar.
    return (None if reader.mistakes else access), reader.mistakes


def _is_suspended(reader: Reader, name: str) -> bool:
    word = reader.take(name, _switch_problem, wanted=False)
    return bool(reader.mistakes) or (word or "").lower() in _YES


def _switch_problem(value: str) -> str:
    return "" if value.lower() in _YES | _NO else "must be true or false; until then it counts as true"
