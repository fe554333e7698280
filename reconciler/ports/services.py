"""The clock, what a run may do, and everything a pass needs in one place."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from reconciler.domain.gaps import Effect
from reconciler.domain.policies import EventPolicy, Limits, Policy, TextPolicy
from reconciler.ports.providers import Calendar, PhoneNumbers, SmsGateway, Wording
from reconciler.ports.store import Store


class Clock(Protocol):
    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...

    def pause(self, duration: timedelta) -> None:
        """Wait; pacing between two calls of one provider."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What a pass looks at: ``lookback`` usually, back to ``since`` in a full look (``None``: the installation)."""

    lookback: timedelta
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate:
    """What this run may do: without ``act`` it writes nothing; ``ceiling`` (``--max``) replaces the breaker."""

    act: bool
    ceiling: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything a pass needs. A provider that nothing may be sent to is ``None``."""

    store: Store
    clock: Clock
    phones: PhoneNumbers
    wording: Wording
    sms: SmsGateway | None
    calendar: Calendar | None
    texts: TextPolicy
    events: EventPolicy
    text_limits: Limits
    event_limits: Limits
    window: Window
    mandate: Mandate
    repairs: Policy
    suspended: frozenset[Effect] = frozenset()
    """Effects that the operator's kill switch forbids."""
