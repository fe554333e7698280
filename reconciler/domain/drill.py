"""The fire drill as plain data: the links of the chain, their results, and the alert that is marked as a drill."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from reconciler.domain.gaps import GapKind, IntegrationFault
from reconciler.domain.rules.rule import DrillGap


class Link(StrEnum):
    """The links that must hold so that a missing text or event is repaired and alerted, in this order."""

    SCHEDULER = "scheduler"
    """Every job of cron.yaml exists and starts when it is due."""
    SCAN = "scan"
    """The planted gaps are found, and no others."""
    REPAIR = "repair"
    """Gaps that may be repaired are repaired once; all others are recorded."""
    REPORT = "report"
    """Each kind of gap that was found is alerted."""
    SINK = "sink"
    """The real notifier accepts an event."""
    ONCALL = "oncall"
    """Every on-call route takes a message."""
    HEARTBEATS = "heartbeats"
    """The monitoring service of every heartbeat answers."""


class LinkStatus(StrEnum):
    """The result of a link."""

    OK = "ok"
    OFF = "off"
    """The settings turn the link off."""
    BROKEN = "BROKEN"
    NOT_REACHED = "not reached"
    """An earlier link is broken, so this link was not tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillFixture:
    """A booking to plant. It has a gap of this kind and no other gap."""

    gap: DrillGap
    number: str = field(repr=False)
    """The recipient of a text about the booking, in E.164."""
    event_id: str | None
    days: int
    """Days until the booking starts. Each planted booking has a day of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkResult:
    """The result of one link, and how long the attempt took."""

    link: Link
    status: LinkStatus
    took: timedelta
    fault: IntegrationFault | None = None
    """For a broken link: what was seen, and the remedy. ``None`` for every other status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillResult:
    """The result of a drill: every link, in order."""

    links: tuple[LinkResult, ...]
    planted: tuple[GapKind, ...]
    """The kinds of gap that were planted. For a rule that is off, none is planted."""

    @property
    def faults(self) -> tuple[IntegrationFault, ...]:
        return tuple(one.fault for one in self.links if one.fault)

    @property
    def took(self) -> timedelta:
        return sum((one.took for one in self.links), timedelta(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillAlert:
    """One alert for the real notifier. Its title says that nothing is wrong."""

    id: str
    """The Sentry event id: 32 hexadecimal digits."""
    planted: tuple[GapKind, ...]
    at: datetime

    @property
    def title(self) -> str:
        return "fire drill: reconciler tests its alerts; nothing is wrong, no action is needed"


NOT_PROVEN = (
    "row-level security, triggers and grants of the real tables",
    "Twilio and Google themselves: no text was sent, no calendar touched",
)
"""What a drill on copies cannot prove."""
