"""What people are told: reports of an incident (what is said when: ``incidents``), and that the service is alive."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from reconciler.domain.gaps import Cause, GapKind
from reconciler.domain.rules.registry import find_rule

MOST_REFERENCES = 10
MONITOR = "reconciler"
"""Slug of the one monitor in Sentry; with ``monitors: each`` the jobs' names follow it."""


class AlertType(StrEnum):
    """What a report says about its incident."""

    OPENED = "opened"
    ESCALATED = "escalated"
    DEADLINE = "deadline"
    REMINDER = "reminder"
    PAGED = "paged"
    RESOLVED = "resolved"


class Severity(StrEnum):
    INFO = "info"
    """It is over."""
    WARNING = "warning"
    """Everything was mended; that it had to be is the news."""
    ERROR = "error"
    FATAL = "fatal"
    """Somebody is woken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentKey:
    """What an incident is of."""

    kind: GapKind
    cause: Cause
    key: str = ""
    """What tells the faults of one integration apart; '' for bookings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GapGroup:
    """Gaps of one subject: those that are open, or those that nobody had noted yet."""

    subject: IncidentKey
    found: int
    open: int
    since: datetime
    """When the oldest of them was opened."""
    references: tuple[str, ...]
    """Short booking references of some of them, oldest first; of an integration, which effects it blocks."""
    code: str
    """The reason of the oldest: a refusal, a hold, a provider's or the database's code; '' if none kept it open."""
    seen: str = ""
    remedy: str = ""
    sql: str = ""
    """Of an integration: what its faults say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One event for Sentry: codes, counts and references, nothing personal."""

    id: str
    """32 hexadecimal digits: the event's id, so that a repeat is the same event."""
    kind: GapKind
    cause: Cause
    level: Severity
    found: int
    """In the incident so far."""
    repaired: int
    """Of these, by us."""
    oldest_at: datetime
    what: AlertType = AlertType.OPENED
    incident: str = ""
    """The incident's id; '' where there is none."""
    open: int = 0
    references: tuple[str, ...] = ()
    code: str = ""
    seen: str = ""
    remedy: str = ""
    sql: str = field(default="", repr=False)
    events: tuple[str, ...] = ()
    """At its end: the ids of events by which its issues are found."""

    @property
    def title(self) -> str:
        """One line; identical reports have identical titles."""
        news = _NEWS[self.what]
        if self.kind.is_integration:
            return f"{self.kind}{news}: {self.seen or self.code}"
        return f"{self.kind} / {self.cause}{news}: {self.found} found, {self.repaired} repaired"

    @property
    def command(self) -> str:
        """What a person runs to see more of it; '' where the remedy says what to do."""
        return "" if self.what is AlertType.RESOLVED else command_of(self.kind, next(iter(self.references), ""))

    @property
    def needs_somebody(self) -> bool:
        """Whether it may not wait for a sink that is away."""
        return self.level in (Severity.ERROR, Severity.FATAL)


_NEWS = {
    AlertType.OPENED: "",
    AlertType.ESCALATED: ", ten times as many",
    AlertType.DEADLINE: ", past its deadline",
    AlertType.REMINDER: ", still there",
    AlertType.PAGED: ", for hours",
    AlertType.RESOLVED: ", over",
}


def monitor_of(scope: str, job: str = "") -> str:
    """The slug of a monitor: letters, digits and hyphens (Sentry docs, Crons)."""
    parts = re.sub("[^a-z0-9]+", "-", f"{MONITOR} {scope} {job}".lower())
    return parts.strip("-")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckIn:
    """A sign of life. ``ok`` says how the service is, never how many gaps there are."""

    monitor: str
    ok: bool
    every: timedelta | None = None
    cron: str | None = None
    """When the next one is due: one of the two."""
    zone: str = "UTC"
    longest: timedelta = timedelta(minutes=30)
    """How long what it watches may take."""


REMEDIES: dict[Cause, str] = {
    Cause.NEVER_QUEUED: "the application queued no text for them: look for its errors at the time they were made",
    Cause.NEVER_CREATED: "the application made no calendar event for them: look for its errors, its calendar variables "
    "and permissions",
    Cause.APP_FAILED: "the application tried and failed: its queue rows say why",
    Cause.BLOCKED: "something keeps us from mending them; the code names it",
    Cause.GIVEN_UP: "we tried as often as we may: look at them one by one",
    Cause.BREAKER: "suspiciously many at once: look at some, then run `reconciler once --do --max N`",
    Cause.UNUSABLE_DATA: "correct what is wrong with these bookings; the next pass mends them",
    Cause.REFUSED_RECIPIENT: "these people do not want texts: confirm another way",
    Cause.TOO_LATE: "a text would come too late: confirm another way",
    Cause.DELETED_BY_HAND: "a person deleted the event of a live booking: restore it, or set deleted_by_hand: restore",
    Cause.UNKNOWN_OUTCOME: "whether a text left is not known, and it is not sent again: ask the customer, or look in "
    "the provider's log",
}
"""What a person can do, by cause; an integration's own fault says it better."""


def remedy_of(kind: GapKind, cause: Cause) -> str:
    """What a person can do about gaps of such a kind and cause."""
    rule = find_rule(kind)
    return rule.remedies.get(cause, REMEDIES[cause]) if rule else REMEDIES[cause]


def command_of(kind: GapKind, reference: str) -> str:
    """What a person runs about gaps of this kind, one of which has this reference: it says why, and what comes next."""
    if kind.is_integration:
        return "reconciler doctor"
    return f"reconciler explain {reference}" if reference else ""


class DeliveryStatus(StrEnum):
    """What the sink said to a report."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """This one, and it will be again; another may fare better."""
    UNREACHABLE = "unreachable"
    """It cannot be asked now."""
