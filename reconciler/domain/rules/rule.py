"""What a rule declares, as plain data. The rest of the program knows nothing else about a rule."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from reconciler.domain.decide.verdicts import CAUSE_OF_REFUSAL, Condition, Refusal, Verdict, VerdictStatus
from reconciler.domain.gaps import Cause, Effect, GapKind

TO_REPORT = (Condition.STATUS, Condition.ONLY, Condition.AHEAD, Condition.SINCE)
"""The first conditions of every report-only rule: whether it applies to a booking. Cheap ones that most bookings of a
full scan fail come first."""
TO_REPAIR = (*TO_REPORT, Condition.GRACE, Condition.DATE_SET)
"""The first conditions of every rule that repairs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What makes a rule report-only, and how it reads the text queue."""

    refusal: Refusal
    """Why we may not repair any gap of the rule."""
    statuses: tuple[str, ...]
    """The statuses of the queue rows that the rule judges."""
    times: tuple[str, ...]
    """Our names of the columns that say since when a row has its status. The first existing one with a value counts."""
    after: timedelta
    """The default of the setting ``after``: how long a row may keep its status."""
    after_means: str
    """The description of that setting in the documentation of cron.yaml."""
    covers_hand_over: bool = False
    """Whether the rule notices an unsent text that we handed to the application. Handing over requires such a rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedText:
    """A queue row that the fire drill plants with a booking."""

    statuses: tuple[str, ...]
    """The row gets the first of these statuses that the column accepts."""
    is_sent: bool
    """Whether the row has a time at which the text was sent."""
    has_proof: bool
    """Whether the row has a provider's id."""


PROVEN_TEXT = PlantedText(statuses=("sent",), is_sent=True, has_proof=True)
"""A text that satisfies every rule about texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillGap:
    """A booking that the fire drill plants. It has a gap of this kind and satisfies every other rule."""

    kind: GapKind
    text: PlantedText | None
    """The booking's row in the text queue; ``None``: it has no row."""
    names_event: bool
    """Whether the booking holds an event id."""
    events: int
    """How many events the calendar has for the booking."""
    only_if_repaired: bool = False
    """Whether only a repair finds such a gap. If the rule may not repair, none is planted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. Its kind is its stable name in cron.yaml, in the ledger, in metrics and in Sentry."""

    kind: GapKind
    order: int
    """Its place in lists. Rules of equal order are sorted by kind."""
    summary: str
    """One sentence for the documentation of cron.yaml: how a booking breaks the rule."""
    job: str
    """The job that checks the rule."""
    effect: Effect | None
    """What a repair produces, and the key of its repairer; ``None``: the rule only reports."""
    conditions: tuple[Condition, ...]
    """A booking breaks the rule if they all hold. Otherwise the first one that fails decides the verdict."""
    refusals: tuple[Refusal, ...]
    """Why a gap of this rule may need a human."""
    report: Report | None = None
    """Set if the rule only reports."""
    remedies: Mapping[Cause, str] = field(default_factory=dict)
    """What a person can do, by cause, where ``alerts.REMEDIES`` is less precise for this rule."""
    also: tuple[GapKind, ...] = ()
    """Further kinds of gaps that only a repair of this rule finds. They close together with its own."""
    also_remedies: Mapping[GapKind, str] = field(default_factory=dict)
    """What a person can do about these further kinds, whatever the cause."""
    removal: GapKind | None = None
    """The kind of gap for an effect that no booking needs. It opens and closes on its own."""
    drill: tuple[DrillGap, ...]
    """What the fire drill plants to check that the rule still finds its gaps."""
    backlog_label: str
    """What bookings of the backlog lack under this rule, after their number: *without text*."""

    def __post_init__(self) -> None:
        if (self.effect is None) == (self.report is None):
            raise ValueError(f"{self.kind}: a rule either has an effect or only reports")

    @property
    def key(self) -> str:
        """The rule's kind with an underscore for each dot, for names that allow no dot."""
        return self.kind.replace(".", "_")

    @property
    def kinds(self) -> tuple[GapKind, ...]:
        """Every kind of gap that the rule opens, starting with its own."""
        return (*self.closed_together, *([self.removal] if self.removal else []))

    @property
    def closed_together(self) -> tuple[GapKind, ...]:
        """The kinds that close with the rule's own."""
        return (self.kind, *self.also)

    @property
    def verdict(self) -> Verdict:
        """The verdict of every booking that breaks a report-only rule.

        Raises:
            ValueError: the rule repairs, so its verdict depends on the booking.
        """
        if self.report is None:
            raise ValueError(f"{self.kind} does not only report")
        refusal = self.report.refusal
        return Verdict(status=VerdictStatus.NEEDS_HUMAN, reason=refusal, cause=CAUSE_OF_REFUSAL[refusal])


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregateRule:
    """A report-only rule about many bookings together. It has at most one gap, and no booking breaks it alone."""

    kind: GapKind
    order: int
    """Its place in lists, among all rules."""
    summary: str
    """One sentence for the documentation of cron.yaml: when the rule is broken."""
    job: str
    """The job that checks the rule."""
    cause: Cause
    """The cause of its gap."""
    remedy: str
    """What a person can do about it."""

    @property
    def key(self) -> str:
        """The rule's kind with an underscore for each dot, for names that allow no dot."""
        return self.kind.replace(".", "_")

    @property
    def kinds(self) -> tuple[GapKind, ...]:
        """Every kind of gap that the rule opens."""
        return (self.kind,)
