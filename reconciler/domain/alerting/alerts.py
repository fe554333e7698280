"""The messages we send: alerts about incidents (``incidents`` decides which are due), and check-ins of the service."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from reconciler.domain.decide.verdicts import Hold
from reconciler.domain.gaps import Cause, GapKind
from reconciler.domain.rules.registry import find_aggregate, find_rule, rule_of

MOST_REFERENCES = 10
SHORTEST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
"""An alert that may have arrived is sent again after as long as it has waited already, within these bounds."""
MONITOR = "reconciler"
"""Slug of the one monitor in Sentry; with ``monitors: each`` the jobs' names follow it."""


class AlertType(StrEnum):
    """The step in an incident's life that an alert announces."""

    OPENED = "opened"
    ESCALATED = "escalated"
    DEADLINE = "deadline"
    REMINDER = "reminder"
    PAGED = "paged"
    RESOLVED = "resolved"


class Severity(StrEnum):
    INFO = "info"
    """The incident is resolved."""
    WARNING = "warning"
    """Everything was repaired. The alert reports that repairs were necessary."""
    ERROR = "error"
    FATAL = "fatal"
    """Pages the person on call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentKey:
    """What identifies an incident: gaps with the same key belong to the same one."""

    kind: GapKind
    cause: Cause
    key: str = ""
    """Distinguishes the faults of one integration; '' for bookings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GapGroup:
    """The gaps of one incident key: either all that are open, or all that no incident has counted yet."""

    key: IncidentKey
    found: int
    open: int
    since: datetime
    """When the oldest gap of the group was opened."""
    late_since: datetime | None
    """When the oldest open gap was opened that is not held by the hour; ``None`` without one."""
    references: tuple[str, ...]
    """Short booking references of some of the gaps, oldest first; for an integration, the effects it blocks."""
    code: str
    """Why the oldest gap is open: a refusal, a hold, a provider's or the database's code; '' if it has no reason."""
    seen: str = ""
    remedy: str = ""
    sql: str = ""
    """``seen``, ``remedy`` and ``sql`` come from the faults of an integration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One event for Sentry: codes, counts and references; no personal data."""

    id: str
    """32 hexadecimal digits: the Sentry event id, so that sending the alert again creates no second event."""
    kind: GapKind
    cause: Cause
    severity: Severity
    found: int
    """Gaps of the incident so far."""
    repaired: int
    """How many of these we repaired."""
    oldest_at: datetime
    alert_type: AlertType = AlertType.OPENED
    incident: str = ""
    """The incident's id; '' if the alert belongs to none."""
    open: int = 0
    references: tuple[str, ...] = ()
    code: str = ""
    seen: str = ""
    remedy: str = ""
    sql: str = field(default="", repr=False)
    events: tuple[str, ...] = ()
    """Set only when the incident is resolved: ids of Sentry events, by which the incident's issues are found."""

    @property
    def title(self) -> str:
        """One line; identical alerts have identical titles."""
        suffix = _TITLE_SUFFIX[self.alert_type]
        if self.kind.is_integration or find_aggregate(self.kind):
            return f"{self.kind}{suffix}: {self.seen or self.code}"
        return f"{self.kind} / {self.cause}{suffix}: {self.found} found, {self.repaired} repaired"

    @property
    def command(self) -> str:
        """The command that shows details; '' where the remedy already says what to do."""
        return "" if self.alert_type is AlertType.RESOLVED else command_of(self.kind, next(iter(self.references), ""))

    @property
    def needs_human(self) -> bool:
        """Whether the alert goes to the on-call routes when Sentry does not take it."""
        return self.severity in (Severity.ERROR, Severity.FATAL)


_TITLE_SUFFIX = {
    AlertType.OPENED: "",
    AlertType.ESCALATED: ", ten times as many",
    AlertType.DEADLINE: ", past its deadline",
    AlertType.REMINDER: ", still open",
    AlertType.PAGED: ", open for hours",
    AlertType.RESOLVED: ", resolved",
}


def monitor_of(scope: str, job: str = "") -> str:
    """The slug of a monitor: letters, digits and hyphens (Sentry docs, Crons)."""
    parts = re.sub("[^a-z0-9]+", "-", f"{MONITOR} {scope} {job}".lower())
    return parts.strip("-")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckIn:
    """A check-in with a Sentry monitor. ``ok`` is the health of the service; gaps do not affect it."""

    monitor: str
    ok: bool
    every: timedelta | None = None
    cron: str | None = None
    """When the next check-in is due: exactly one of ``every`` and ``cron``."""
    zone: str = "UTC"
    longest: timedelta = timedelta(minutes=30)
    """The longest run that still counts as healthy."""


REMEDIES: dict[Cause, str] = {
    Cause.NEVER_QUEUED: "the application queued no text for these bookings: check its errors at the time of booking",
    Cause.NEVER_CREATED: "the application made no calendar event for these bookings: check its errors, its calendar "
    "variables and permissions",
    Cause.APP_FAILED: "the application tried and failed: its queue rows say why",
    Cause.BLOCKED: "something blocks the repairs; the code names it",
    Cause.GIVEN_UP: "all attempts are used up: check these bookings one by one",
    Cause.BREAKER: "suspiciously many at once: check some of them, then run {command}",
    Cause.REFUSED_ALIKE: "many bookings are refused for one reason at once: something that they share is wrong, such "
    "as an import, a column or a setting",
    Cause.UNUSABLE_DATA: "correct what is wrong with these bookings; the next pass repairs them",
    Cause.REFUSED_RECIPIENT: "these customers opted out of texts: confirm another way",
    Cause.TOO_LATE: "a text would come too late: confirm another way",
    Cause.DELETED_BY_HAND: "a person deleted the event of a live booking: restore it, or set deleted_by_hand: restore",
    Cause.UNKNOWN_OUTCOME: "whether the text was sent is unknown, so it is not sent again: ask the customer, or check "
    "the provider's log",
    Cause.BEFORE_INSTALLATION: "repair them with `reconciler backfill`, or write them off",
    Cause.UNUSUAL: "find out what has changed",
}
"""What an operator can do, by cause. The fault of an integration has a more precise remedy of its own."""


_COMMAND = "{command}"
ORPHAN_REMEDIES: dict[Cause, str] = {
    Cause.APP_FAILED: "no booking calls for these events any more, and the application left them: check how it removes "
    "the event of a booking that was cancelled, moved or deleted",
    Cause.BLOCKED: "these events could not be removed; the code says why",
    Cause.UNUSABLE_DATA: "calendar and booking disagree about these events: put the event where the booking is, or "
    "delete it and empty the id in the booking; a new one is made",
    Cause.BREAKER: "suspiciously many events would be removed at once: check that these bookings were not deleted or "
    "cancelled by mistake, then run {command}",
}
"""The same for ``calendar.orphan``, whose repair is a removal."""


LOCKED_REMEDY = (
    "the provider has texts that the queue does not show: find out what emptied or changed the queue, and compare some "
    "of these bookings with the provider's log; if the rest may be sent, run {command}"
)
"""The same for what is locked."""


def remedy_of(kind: GapKind, cause: Cause, number: int = 0, reason: str = "") -> str:
    """What an operator can do about ``number`` gaps of this kind, cause and reason."""
    remedy = LOCKED_REMEDY if reason == Hold.LOCKED else _remedy_of(kind, cause)
    if _COMMAND not in remedy:
        return remedy
    return remedy.replace(_COMMAND, f"`{continue_command(kind, number)}`")


def continue_command(kind: GapKind, number: int) -> str:
    """The command by which a person lets the breaker's repairs or removals go on."""
    rule = rule_of(kind)
    return f"reconciler once {rule.job} --do {'--max-removals' if kind == rule.removal else '--max'} {number}"


def _remedy_of(kind: GapKind, cause: Cause) -> str:
    if kind == GapKind.CALENDAR_ORPHAN and cause in ORPHAN_REMEDIES:
        return ORPHAN_REMEDIES[cause]
    aggregate, rule = find_aggregate(kind), find_rule(kind)
    if aggregate:
        return aggregate.remedy
    if rule and kind in rule.also_remedies:
        return rule.also_remedies[kind]
    return rule.remedies.get(cause, REMEDIES[cause]) if rule else REMEDIES[cause]


def command_of(kind: GapKind, reference: str) -> str:
    """The command that explains a gap of this kind with this reference: why it is open, and what happens next."""
    if kind.is_integration:
        return "reconciler doctor"
    if find_aggregate(kind):
        return "reconciler open" if kind == GapKind.BACKLOG else ""
    # Whoever makes ids may put anything into them, and a person will paste the line into a shell. Within quotes a
    # backslash is itself in bash and zsh, and none in fish: then there is no line.
    if not reference or not reference.isprintable() or "\\" in reference:
        return ""
    # zsh replaces a bare =word, older fish a bare %word.
    word = reference if _BARE_WORD.fullmatch(reference) else f"""'{reference.replace("'", _QUOTE)}'"""
    return f"reconciler explain {'-- ' if reference.startswith('-') else ''}{word}"


_BARE_WORD = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9_.:@+/-]*")
"""The same in every shell."""
_QUOTE = """'"'"'"""
"""A quote among quoted letters."""


class DeliveryStatus(StrEnum):
    """How a notifier or route answered."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """This alert was rejected and would be rejected again. Another alert may be accepted."""
    UNREADABLE = "unreadable"
    """An answer came that is not one of this sink's. The alert may have arrived, and others may arrive."""
    UNKNOWN = "unknown"
    """Something unexpected happened. The alert may have arrived, and others may arrive."""
    UNREACHABLE = "unreachable"
    """The sink is not available now."""

    @property
    def may_have_arrived(self) -> bool:
        """Whether to wait before the alert is sent again. It holds up no other alert meanwhile."""
        return self in (DeliveryStatus.UNREADABLE, DeliveryStatus.UNKNOWN)
