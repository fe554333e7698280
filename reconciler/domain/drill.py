"""The fire drill as plain data: the links of the chain, what came of each, and the event that says *drill*."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from reconciler.domain.gaps import GapKind, IntegrationFault
from reconciler.domain.rules.rule import DrillGap


class Link(StrEnum):
    """What has to hold so that a missing text or event is mended and somebody hears of it, in this order."""

    SCHEDULER = "scheduler"
    """Every job of cron.yaml is there, and is started when its time has come."""
    SCAN = "scan"
    """What is planted is found, and nothing else."""
    REPAIR = "repair"
    """What may be mended is mended once; what may not is written down."""
    REPORT = "report"
    """What was found is told, each kind."""
    SINK = "sink"
    """Whoever is to hear of it takes an event."""


class LinkStatus(StrEnum):
    """What came of a link."""

    OK = "ok"
    OFF = "off"
    """The settings do not ask for it."""
    BROKEN = "BROKEN"
    NOT_REACHED = "not reached"
    """A link before it is broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillFixture:
    """A booking to be planted: of its kind it has a gap, of every other it has none."""

    gap: DrillGap
    number: str = field(repr=False)
    """Where a text about it would go, in E.164."""
    event_id: str | None
    days: int
    """Each party has a day of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkResult:
    """One link, and how long trying it took."""

    link: Link
    status: LinkStatus
    took: timedelta
    fault: IntegrationFault | None = None
    """Of a broken one: what was seen, and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillResult:
    """What came of a drill: every link, in order."""

    links: tuple[LinkResult, ...]
    planted: tuple[GapKind, ...]
    """The kinds of gap that were planted; a rule that is off has none."""

    @property
    def faults(self) -> tuple[IntegrationFault, ...]:
        return tuple(links.fault for links in self.links if links.fault)

    @property
    def took(self) -> timedelta:
        return sum((links.took for links in self.links), timedelta(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillAlert:
    """One event for the real sink; its title says that nothing is wrong."""

    id: str
    """32 hexadecimal digits: the event's id."""
    planted: tuple[GapKind, ...]
    at: datetime

    @property
    def title(self) -> str:
        return "fire drill: reconciler tries whether it is heard; nothing is wrong, nothing is to be done"


NOT_PROVEN = (
    "row-level security, triggers and grants of the real tables",
    "Twilio and Google themselves: no text was sent, no calendar touched",
)
"""What a drill on copies says nothing about."""
