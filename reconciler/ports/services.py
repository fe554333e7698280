"""The clock, what a run may do, and everything a pass needs in one place."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from reconciler.domain.alerting.alerts import Alert
from reconciler.domain.alerting.incidents import Deadlines
from reconciler.domain.decide.plan import BookingRange
from reconciler.domain.decide.policies import CalendarPolicy, Limits, Policy, SmsPolicy
from reconciler.domain.drill import DrillResult
from reconciler.domain.gaps import Effect, GapKind
from reconciler.ports.ledger import Runner
from reconciler.ports.providers import Calendar, MessageWriter, PhoneNumbers, SmsGateway
from reconciler.ports.reporting import Notifier, Route
from reconciler.ports.store import Store


class Clock(Protocol):
    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...

    def pause(self, duration: timedelta) -> None:
        """Wait, or until somebody wants us to stop: pacing between two calls of one provider."""
        ...

    def sleep(self, duration: timedelta) -> None:
        """Wait, whatever anybody wants: before an answer is written down once more."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What a pass looks at: ``scan_window`` usually, back to ``since`` in a full look (``None``: the installation)."""

    scan_window: timedelta
    since: datetime | None
    at_start: bool = False
    """The first pass of a process goes back all the way, whatever others have looked at today."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate:
    """What this run may do: without ``act`` it writes nothing; ``max_repairs`` (``--max``) replaces the breaker."""

    act: bool
    max_repairs: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything a pass needs. A provider that nothing may be sent to is ``None``."""

    store: Store
    clock: Clock
    phones: PhoneNumbers
    wording: MessageWriter
    sms: SmsGateway | None
    calendar: Calendar | None
    sms_policy: SmsPolicy
    calendar_policy: CalendarPolicy
    sms_limits: Limits
    calendar_limits: Limits
    window: Window
    mandate: Mandate
    repairs: Policy
    report_only: frozenset[GapKind]
    """The rules that only report and are not off."""
    suspended: frozenset[Effect]
    """Effects that the operator's kill switch forbids."""
    runner: Runner
    notifier: Notifier | None
    """``None`` where nobody listens: what is to be told waits in the ledger."""
    oncall: Sequence[Route]
    announce: Callable[[Alert], None]
    """Told of each report once it is written down, wherever it goes."""
    deadlines: Deadlines
    keep: timedelta
    """What is finished and younger stays in the ledger."""
    stopping: Callable[[], bool]
    """Whether somebody waits for us to stop: the call in hand is finished, and no other begun."""
    span: BookingRange | None
    """A backfill's bookings, and no others; ``None``: a pass looks at what ``window`` says."""
    progress: Callable[[bool, int], None]
    """Told after each attempt: whether it mended its booking, and how many repairs the plan has."""
    drill: Callable[[], DrillResult]
    """A fire drill of the whole chain, on copies; it raises nothing that a broken chain could raise."""
