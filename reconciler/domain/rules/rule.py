"""What a rule declares: everything the rest of the program knows about it, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from reconciler.domain.decide.verdicts import CAUSE_OF_REFUSAL, Condition, Refusal, Verdict, VerdictStatus
from reconciler.domain.gaps import Cause, Effect, GapKind

SCOPE = (Condition.STATUS, Condition.ONLY, Condition.SINCE)
"""Whether a booking is one that the rule applies to."""
TO_REPAIR = (*SCOPE, Condition.GRACE, Condition.AHEAD, Condition.DATE_SET)
"""What every rule that repairs asks of a booking first."""
TO_REPORT = (*SCOPE, Condition.AHEAD)
"""What every report-only rule asks of a booking first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What makes a rule report-only, and how it reads the text queue."""

    refusal: Refusal
    """Why none of the rule's gaps is ours to repair."""
    statuses: tuple[str, ...]
    """The statuses of the queue rows that the rule judges."""
    times: tuple[str, ...]
    """Our names of the columns that say since when a row has its status: the first one that exists and is filled."""
    after: timedelta
    """The default of the setting ``after``: how long a row may keep its status."""
    after_means: str
    """The description of that setting in the documentation of cron.yaml."""
    covers_hand_over: bool = False
    """Whether the rule notices that the application does not send what we handed over: it is required then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedText:
    """A queue row that the fire drill plants with a booking."""

    statuses: tuple[str, ...]
    """The row gets the first of these statuses that the column accepts."""
    is_sent: bool
    """Whether the row says when it was sent."""
    has_proof: bool
    """Whether the row has a provider's id."""


PROVEN_TEXT = PlantedText(statuses=("sent",), is_sent=True, has_proof=True)
"""A text that satisfies every rule about texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillGap:
    """A booking that the fire drill plants: it has a gap of this kind and is in order under every other rule."""

    kind: GapKind
    text: PlantedText | None
    """Its row in the text queue; ``None``: it has none."""
    names_event: bool
    """Whether the booking holds its event's id."""
    events: int
    """How many events the calendar holds for it."""
    only_if_repaired: bool = False
    """Whether only a repair finds such a gap, so that a rule that may not repair has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. Its kind is the stable name: in cron.yaml, in the ledger, in metrics and in Sentry."""

    kind: GapKind
    order: int
    """Its place in lists; rules of equal order follow by name."""
    summary: str
    """One sentence for the documentation of cron.yaml: how a booking breaks the rule."""
    job: str
    """The job that checks the rule."""
    effect: Effect | None
    """What a repair makes, and the key of its repairer; ``None``: the rule only reports."""
    conditions: tuple[Condition, ...]
    """They must all hold for the rule to be broken. The first one that fails names the verdict."""
    refusals: tuple[Refusal, ...]
    """Why a gap of this rule may need a human."""
    report: Report | None = None
    """Set if the rule only reports."""
    remedies: Mapping[Cause, str] = field(default_factory=dict)
    """What a person can do, where this rule says it better than ``alerts.REMEDIES``."""
    also: tuple[GapKind, ...] = ()
    """Further kinds of gaps that only a repair of this rule finds. They close together with its own."""
    drill: tuple[DrillGap, ...]
    """What the fire drill plants to see whether the rule still finds its gaps."""

    def __post_init__(self) -> None:
        if (self.effect is None) == (self.report is None):
            raise ValueError(f"{self.kind}: a rule either has an effect or only reports")

    @property
    def key(self) -> str:
        """The rule's name where no dot may stand."""
        return self.kind.replace(".", "_")

    @property
    def kinds(self) -> tuple[GapKind, ...]:
        """Every kind of gap that the rule opens, its own first."""
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
