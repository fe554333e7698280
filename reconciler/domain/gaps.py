"""Gaps: the names of their kinds, and the closed list of their causes."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar


class Effect(StrEnum):
    """What a repair produces."""

    SMS = "sms"
    CALENDAR = "calendar"

    @property
    def noun(self) -> str:
        """The word for one such effect in a sentence."""
        return "text" if self is Effect.SMS else "event"


class GapKind(str):
    """The stable name of a kind of gap.

    It is a tag in Sentry and a label in metrics. The kind of a rule is also its key in cron.yaml.
    The list is open: each rule declares its kind in its own file, and the ledger may hold kinds of rules that no longer
    exist. Compare kinds with ``==``.
    """

    __slots__ = ()
    SMS_MISSING: ClassVar["GapKind"]
    SMS_STUCK: ClassVar["GapKind"]
    SMS_UNPROVEN: ClassVar["GapKind"]
    SMS_DUPLICATE: ClassVar["GapKind"]
    CALENDAR_MISSING: ClassVar["GapKind"]
    CALENDAR_DUPLICATE: ClassVar["GapKind"]
    CALENDAR_ORPHAN: ClassVar["GapKind"]
    BACKLOG: ClassVar["GapKind"]
    COVERAGE_DROPPED: ClassVar["GapKind"]
    COVERAGE_NO_BOOKINGS: ClassVar["GapKind"]
    INTEGRATION_SCHEMA: ClassVar["GapKind"]
    INTEGRATION_DATABASE: ClassVar["GapKind"]
    INTEGRATION_TWILIO: ClassVar["GapKind"]
    INTEGRATION_GOOGLE: ClassVar["GapKind"]
    INTEGRATION_SENTRY: ClassVar["GapKind"]
    INTEGRATION_ONCALL: ClassVar["GapKind"]
    INTEGRATION_HEARTBEAT: ClassVar["GapKind"]
    INTEGRATION_SCHEDULER: ClassVar["GapKind"]
    INTEGRATION_PLACE: ClassVar["GapKind"]

    @property
    def value(self) -> str:
        """The name as a plain ``str``, for encoders that do not accept subclasses."""
        return str(self)

    @property
    def is_integration(self) -> bool:
        return self.startswith("integration.")


GapKind.SMS_MISSING = GapKind("sms.missing")
GapKind.SMS_STUCK = GapKind("sms.stuck")
GapKind.SMS_UNPROVEN = GapKind("sms.unproven")
GapKind.SMS_DUPLICATE = GapKind("sms.duplicate")
GapKind.CALENDAR_MISSING = GapKind("calendar.missing")
GapKind.CALENDAR_DUPLICATE = GapKind("calendar.duplicate")
GapKind.CALENDAR_ORPHAN = GapKind("calendar.orphan")
GapKind.BACKLOG = GapKind("backlog")
GapKind.COVERAGE_DROPPED = GapKind("coverage.dropped")
GapKind.COVERAGE_NO_BOOKINGS = GapKind("coverage.no_bookings")
GapKind.INTEGRATION_SCHEMA = GapKind("integration.schema")
GapKind.INTEGRATION_DATABASE = GapKind("integration.database")
GapKind.INTEGRATION_TWILIO = GapKind("integration.twilio")
GapKind.INTEGRATION_GOOGLE = GapKind("integration.google")
GapKind.INTEGRATION_SENTRY = GapKind("integration.sentry")
GapKind.INTEGRATION_ONCALL = GapKind("integration.oncall")
GapKind.INTEGRATION_HEARTBEAT = GapKind("integration.heartbeat")
GapKind.INTEGRATION_SCHEDULER = GapKind("integration.scheduler")
GapKind.INTEGRATION_PLACE = GapKind("integration.place")
INTEGRATIONS = (
    GapKind.INTEGRATION_SCHEMA,
    GapKind.INTEGRATION_DATABASE,
    GapKind.INTEGRATION_TWILIO,
    GapKind.INTEGRATION_GOOGLE,
    GapKind.INTEGRATION_SENTRY,
    GapKind.INTEGRATION_ONCALL,
    GapKind.INTEGRATION_HEARTBEAT,
    GapKind.INTEGRATION_SCHEDULER,
    GapKind.INTEGRATION_PLACE,
)
"""The kinds for a broken integration that repairs or alerts depend on. They are not about a booking."""


UNSCANNED = "unscanned_"
"""In the counts of a run: this and a kind, for each rule that the run could not scan."""


class Cause(StrEnum):
    """Why a gap exists. A cause is never the free text of an exception or a provider."""

    NEVER_QUEUED = "never_queued"
    NEVER_CREATED = "never_created"
    APP_FAILED = "app_failed"
    BLOCKED = "blocked"
    GIVEN_UP = "given_up"
    BREAKER = "breaker"
    REFUSED_ALIKE = "refused_alike"
    UNUSABLE_DATA = "unusable_data"
    REFUSED_RECIPIENT = "refused_recipient"
    TOO_LATE = "too_late"
    DELETED_BY_HAND = "deleted_by_hand"
    UNKNOWN_OUTCOME = "unknown_outcome"
    BEFORE_INSTALLATION = "before_installation"
    UNUSUAL = "unusual"

    @property
    def only_informs(self) -> bool:
        """Whether its incident is alerted once, as a warning: no deadline, no reminder, no page."""
        return self in _ONLY_INFORM

    @property
    def is_systemic(self) -> bool:
        """Whether the cause may page the person on call. Causes that concern a single booking never page."""
        return self in _SYSTEMIC


_ONLY_INFORM = frozenset({Cause.BEFORE_INSTALLATION, Cause.UNUSUAL})
_SYSTEMIC = frozenset(
    {
        Cause.NEVER_QUEUED,
        Cause.NEVER_CREATED,
        Cause.APP_FAILED,
        Cause.BLOCKED,
        Cause.GIVEN_UP,
        Cause.BREAKER,
        Cause.REFUSED_ALIKE,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """An open gap in our ledger.

    ``about`` is a booking's id. For ``integration.*`` it is the effect that is blocked, or the job that cannot scan.
    """

    kind: GapKind
    about: str
    cause: Cause
    reason: str
    """The refusal or hold that keeps the gap open; '' if the next pass will repair it."""
    opened_at: datetime
    settings: str = ""
    """Digest of the settings of the scan that last found it; '' in gaps of older ledgers."""
    booking_status: str | None = None
    """The booking's status when it was last found; ``None`` if not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationFault:
    """A broken integration: what was seen (codes and names, no personal data) and the exact remedy."""

    kind: GapKind
    code: str
    seen: str
    remedy: str
    sql: str = ""
    """Statements for the owner of the tables, where SQL is the remedy."""
    sql_owner: str = ""
    """The role that owns what ``sql`` changes."""
    blinds: bool = False
    """Whether a scan is impossible or unreliable, because something does not exist or rows are hidden from us."""
    transient: bool = False
    """Whether the provider could not be reached; it may work again in the next pass."""
