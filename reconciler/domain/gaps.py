"""Gaps: what kinds there are, and the closed list of their causes."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Effect(StrEnum):
    """What a repair leaves in the world."""

    SMS = "sms"
    CALENDAR = "calendar"

    @property
    def noun(self) -> str:
        """What a sentence calls one of them."""
        return "text" if self is Effect.SMS else "event"


class GapKind(StrEnum):
    """Stable names: tags in Sentry, labels in metrics, rules in cron.yaml."""

    SMS_MISSING = "sms.missing"
    SMS_STUCK = "sms.stuck"
    SMS_UNPROVEN = "sms.unproven"
    CALENDAR_MISSING = "calendar.missing"
    CALENDAR_DUPLICATE = "calendar.duplicate"
    INTEGRATION_SCHEMA = "integration.schema"
    INTEGRATION_DATABASE = "integration.database"
    INTEGRATION_TWILIO = "integration.twilio"
    INTEGRATION_GOOGLE = "integration.google"
    INTEGRATION_SENTRY = "integration.sentry"
    INTEGRATION_SCHEDULER = "integration.scheduler"

    @property
    def is_integration(self) -> bool:
        return self.startswith("integration.")


CLOSES_WITH: dict[GapKind, tuple[GapKind, ...]] = {
    GapKind.CALENDAR_MISSING: (GapKind.CALENDAR_MISSING, GapKind.CALENDAR_DUPLICATE)
}
"""Once a booking's event is in place (or no longer wanted), nothing is left of the several that kept it from that."""


class Cause(StrEnum):
    """Why a gap is there. An exception's or a provider's free text is never a cause."""

    NEVER_QUEUED = "never_queued"
    NEVER_CREATED = "never_created"
    APP_FAILED = "app_failed"
    BLOCKED = "blocked"
    GIVEN_UP = "given_up"
    BREAKER = "breaker"
    UNUSABLE_DATA = "unusable_data"
    REFUSED_RECIPIENT = "refused_recipient"
    TOO_LATE = "too_late"
    DELETED_BY_HAND = "deleted_by_hand"
    UNKNOWN_OUTCOME = "unknown_outcome"

    @property
    def is_systemic(self) -> bool:
        """Systemic causes may page somebody; individual ones never do."""
        return self in _SYSTEMIC


_SYSTEMIC = frozenset(
    {Cause.NEVER_QUEUED, Cause.NEVER_CREATED, Cause.APP_FAILED, Cause.BLOCKED, Cause.GIVEN_UP, Cause.BREAKER}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """An open gap as our ledger holds it.

    ``about`` is a booking's id; for ``integration.*`` the effect it blocks, or the job it blinds.
    """

    kind: GapKind
    about: str
    cause: Cause
    reason: str
    """The refusal or hold that keeps it open; '' if the next pass will mend it."""
    opened_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationFault:
    """A broken integration: what was seen (codes and names, nothing personal) and the exact remedy."""

    kind: GapKind
    code: str
    seen: str
    remedy: str
    sql: str = ""
    """Statements for the owner of the tables, where SQL is the remedy."""
    blinds: bool = False
    """The look itself cannot be done or trusted: something is not there, or rows are hidden from us."""
    transient: bool = False
    """The provider could not be asked; it may be well again at the next pass."""
