"""The clock, what a run may do, and what a repair, a pass and the alerting need."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from reconciler.domain.alerting.alerts import Alert
from reconciler.domain.alerting.incidents import Deadlines
from reconciler.domain.decide.plan import BookingRange
from reconciler.domain.decide.policies import CalendarPolicy, Limits, Policy, SmsPolicy
from reconciler.domain.drill import DrillResult
from reconciler.domain.gaps import Effect, GapKind, IntegrationFault
from reconciler.ports.ledger import Runner
from reconciler.ports.place import Beacons
from reconciler.ports.providers import Calendar, MessageWriter, PhoneNumbers, SmsGateway
from reconciler.ports.reporting import HeartbeatTrials, Notifier, Route
from reconciler.ports.store import Store


class Clock(Protocol):
    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...

    def pause(self, duration: timedelta) -> None:
        """Wait between two calls to one provider. Ends early when the process is asked to stop."""
        ...

    def sleep(self, duration: timedelta) -> None:
        """Wait in full, also while the process is asked to stop: before an answer is recorded again."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What a pass scans: usually ``scan_window``; in a full scan everything. It applies the rules since ``since``."""

    scan_window: timedelta
    full_scan: timedelta
    """How often a pass is a full scan."""
    grace: timedelta
    since: datetime | None
    """``None``: since the installation."""
    at_start: bool = False
    """The first pass of a process is a full scan, even if another process made one just now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate:
    """What this run may do: without ``act`` it writes nothing."""

    act: bool
    max_repairs: int | None = None
    """``--max``: replaces the breaker of new repairs."""
    max_removals: int | None = None
    """``--max-removals``: replaces the breaker of removals. Approving repairs never approves a removal."""


class RepairServices(Protocol):
    """What a repair of one booking needs."""

    @property
    def store(self) -> Store: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def phones(self) -> PhoneNumbers: ...

    @property
    def message_writer(self) -> MessageWriter: ...

    @property
    def sms(self) -> SmsGateway | None:
        """``None`` if nothing may be sent, or if there is no access (``access_faults``)."""
        ...

    @property
    def calendar(self) -> Calendar | None:
        """``None`` if nothing may be written to it, or if there is no access (``access_faults``)."""
        ...

    @property
    def access_faults(self) -> Mapping[Effect, IntegrationFault]:
        """The effects whose provider cannot be used, because its variables are missing or wrong."""
        ...

    @property
    def sms_policy(self) -> SmsPolicy: ...

    @property
    def calendar_policy(self) -> CalendarPolicy: ...

    @property
    def sms_limits(self) -> Limits: ...

    @property
    def calendar_limits(self) -> Limits: ...

    @property
    def stopping(self) -> Callable[[], bool]:
        """Whether the process is asked to stop: the call in hand is finished, and no other is begun."""
        ...


class PassServices(RepairServices, Protocol):
    """What a pass over the bookings of one rule needs."""

    @property
    def window(self) -> Window: ...

    @property
    def booking_range(self) -> BookingRange | None:
        """The bookings of a backfill, and no others; ``None``: a pass scans what ``window`` says."""
        ...

    @property
    def mandate(self) -> Mandate: ...

    @property
    def repairs(self) -> Policy:
        """The policy for all rules: anything but *repair* forbids every repair."""
        ...

    @property
    def report_only(self) -> frozenset[GapKind]:
        """The rules that only report and are not off."""
        ...

    @property
    def aggregates(self) -> frozenset[GapKind]:
        """The aggregate rules that are not off."""
        ...

    @property
    def suspended(self) -> frozenset[Effect]:
        """Effects that the operator's kill switch forbids."""
        ...

    @property
    def beacons(self) -> Beacons | None:
        """``None`` where no calendar may be written to, or the settings switch the beacon off."""
        ...

    @property
    def runner(self) -> Runner: ...

    @property
    def progress(self) -> Callable[[bool, int], None]:
        """Called after each attempt: whether it repaired its booking, and how many repairs the plan has."""
        ...


class AlertingServices(Protocol):
    """What incidents and the delivery of alerts need."""

    @property
    def store(self) -> Store: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def notifier(self) -> Notifier | None:
        """``None`` where no notifier is configured: alerts wait in the ledger."""
        ...

    @property
    def oncall(self) -> Sequence[Route]: ...

    @property
    def runner(self) -> Runner: ...

    @property
    def announce(self) -> Callable[[Alert], None]:
        """Called with each alert once it is in the outbox, whatever its routes."""
        ...

    @property
    def deadlines(self) -> Deadlines: ...

    @property
    def stopping(self) -> Callable[[], bool]:
        """Whether the process is asked to stop: the delivery in hand is finished, and no other is begun."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything that one run needs, assembled once.

    It satisfies ``PassServices``, ``RepairServices`` and ``AlertingServices``, which say what each field is for. Only
    the jobs, the backfill, the drill, the doctor and explain see all of it.
    """

    store: Store
    clock: Clock
    phones: PhoneNumbers
    message_writer: MessageWriter
    sms: SmsGateway | None
    calendar: Calendar | None
    beacons: Beacons | None
    sms_policy: SmsPolicy
    calendar_policy: CalendarPolicy
    sms_limits: Limits
    calendar_limits: Limits
    stopping: Callable[[], bool]
    window: Window
    booking_range: BookingRange | None
    mandate: Mandate
    repairs: Policy
    report_only: frozenset[GapKind]
    aggregates: frozenset[GapKind]
    suspended: frozenset[Effect]
    access_faults: Mapping[Effect, IntegrationFault]
    runner: Runner
    progress: Callable[[bool, int], None]
    notifier: Notifier | None
    oncall: Sequence[Route]
    heartbeats: HeartbeatTrials
    announce: Callable[[Alert], None]
    deadlines: Deadlines
    retention_period: timedelta
    """Finished rows of the ledger that are younger than this stay."""
    run_fire_drill: Callable[[], DrillResult]
    """A fire drill of the whole chain, on copies. It raises nothing that a broken chain could raise."""
