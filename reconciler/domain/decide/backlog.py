"""The backlog as data: how many old bookings break which rule, and who wrote some of them off."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from reconciler.domain.gaps import GapKind
from reconciler.domain.rules.registry import RULES


@dataclass(frozen=True, slots=True, kw_only=True)
class BacklogCount:
    """One count of the backlog."""

    counts: Mapping[GapKind, int]
    """Rule -> bookings that break it. A booking may break several."""
    since: datetime
    """Bookings made before this are the backlog."""
    at: datetime | None
    """When it was counted, by the database's clock; ``None``: just now."""

    @property
    def is_open(self) -> bool:
        return any(self.counts.values())

    def says(self, zone: ZoneInfo) -> str:
        """One line, such as *before 26 Nov 2026: 328 without text, 328 without event*."""
        parts = [f"{self.counts[rule.kind]:,} {rule.backlog_label}" for rule in RULES if self.counts.get(rule.kind)]
        return f"before {day_of(self.since, zone)}: {', '.join(parts) or 'none'}"


def day_of(moment: datetime, zone: ZoneInfo) -> str:
    """The day in the venue's time, such as *26 Nov 2026*."""
    local = moment.astimezone(zone)
    return f"{local.day} {local:%b %Y}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenOff:
    """Bookings that one person wrote off at one time, for one reason."""

    kind: GapKind
    number: int
    by: str
    reason: str
    at: datetime
