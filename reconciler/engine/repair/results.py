"""How one attempt at a repair ended."""

from dataclasses import dataclass
from enum import StrEnum

from reconciler.domain.intents import Outcome


class AttemptStatus(StrEnum):
    """The status of one attempt."""

    SENT = "sent"
    HANDED_OVER = "handed over"
    CREATED = "created"
    ADOPTED = "adopted"
    WRITTEN_BACK = "written back"
    DROPPED = "dropped"
    REFUSED = "refused"
    HELD = "held"
    UNKNOWN = "unknown"
    BROKEN = "broken"
    BLOCKED = "blocked"
    """The application's table rejects our row. A person has to find out why; every pass tries again."""
    CRASHED = "crashed"
    """A bug stopped this repair. The others went on, and the pass raises the error at its end."""

    @property
    def is_accepted(self) -> bool:
        """Whether the provider accepted a call that writes."""
        return self in (AttemptStatus.SENT, AttemptStatus.CREATED)

    @property
    def is_repaired(self) -> bool:
        return self in (
            AttemptStatus.SENT,
            AttemptStatus.HANDED_OVER,
            AttemptStatus.CREATED,
            AttemptStatus.ADOPTED,
            AttemptStatus.WRITTEN_BACK,
        )


class RemovalStatus(StrEnum):
    """How one planned removal ended."""

    REMOVED = "removed"
    KEPT = "left as it is"
    """The booking or the calendar says otherwise by now."""
    NEEDS_HUMAN = "for a person to decide"
    HELD = "not removed"
    """It could not be removed now; every pass tries again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalResult:
    """The result of one planned removal. ``outcome`` is set if the calendar was asked to delete, or is away."""

    status: RemovalStatus
    reason: str
    outcome: Outcome | None = None

    @property
    def stops_pass(self) -> bool:
        return self.status is RemovalStatus.HELD and self.outcome is not None and self.outcome.stops_pass


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptResult:
    """The result of one attempt. ``outcome`` is set if the provider gave an answer."""

    status: AttemptStatus
    reason: str = ""
    outcome: Outcome | None = None
    crash: Exception | None = None

    @property
    def stops_pass(self) -> bool:
        return self.outcome is not None and (self.outcome.stops_pass or self.status is AttemptStatus.BROKEN)


CLAIMED_ELSEWHERE = AttemptResult(status=AttemptStatus.HELD, reason="claimed_elsewhere")
"""Our lease ran out, and another process has the intent."""
