"""Conditions, refusals and holds by name, and the verdict that follows from them.

The first failing condition decides, else the first refusal, else the first hold; otherwise the gap is repairable.
Conditions are SQL (``store.app.conditions``). This module has their names, and the verdict if one fails. The rules in
``domain.rules`` list their conditions. ``domain.decide.sms`` and ``domain.decide.calendar_event`` decide which refusals
and holds apply.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from reconciler.domain.bookings import Booking
from reconciler.domain.gaps import Cause


class VerdictStatus(StrEnum):
    """The result of a rule for one booking. The operator's table has these columns in this order."""

    OK = "ok"
    NOT_APPLICABLE = "not applicable"
    HELD = "held"
    NEEDS_HUMAN = "needs human"
    REPAIRABLE = "repairable"


class Condition(StrEnum):
    """A named fact about a booking's rows at a given ``now``. A booking breaks a rule if all its conditions hold."""

    STATUS = "status"
    ONLY = "only"
    SINCE = "since"
    GRACE = "grace"
    AHEAD = "ahead"
    DATE_SET = "date_set"
    PHONE = "phone"
    NO_TEXT = "no_text"
    UNDECIDED = "undecided"
    NO_EVENT = "no_event"
    OVERDUE = "overdue"
    UNPROVEN = "unproven"

    @property
    def standing_if_failed(self) -> VerdictStatus:
        match self:
            case Condition.NO_TEXT | Condition.NO_EVENT | Condition.OVERDUE | Condition.UNPROVEN:
                return VerdictStatus.OK
            case Condition.GRACE:
                return VerdictStatus.HELD
            case _:
                return VerdictStatus.NOT_APPLICABLE


class Refusal(StrEnum):
    """Why we may not repair a gap. It stays open and is reported."""

    ID_AGAIN = "id_again"
    NO_DATE = "no_date"
    ENDS_BEFORE_START = "ends_before_start"
    REFERENCE = "reference"
    NUMBER_KIND = "number_kind"
    PHONE_UNUSABLE = "phone_unusable"
    COUNTRY = "country"
    OPTED_OUT = "opted_out"
    MAY_HAVE_LEFT = "may_have_left"
    OLD = "old"
    TOO_SOON = "too_soon"
    LAPSED = "lapsed"
    TEXT_UNWRITABLE = "text_unwritable"
    TOO_LONG = "too_long"
    DELETED_BY_HAND = "deleted_by_hand"
    SEVERAL_CANDIDATES = "several_candidates"
    UNKNOWN = "unknown"
    REFUSED_BY_PROVIDER = "refused_by_provider"
    GIVEN_UP = "given_up"
    NOT_PROVABLE = "not_provable"
    NOT_DELIVERED = "not_delivered"
    TAKEN_BACK = "taken_back"
    NOT_SENT = "not_sent"
    NO_PROOF = "no_proof"


class Contradiction(StrEnum):
    """Why an event of ours is neither left alone nor removed: booking and calendar disagree, and a person decides."""

    EDITED = "edited"
    NO_SUCH_EVENT = "no_such_event"


class Hold(StrEnum):
    """Why a gap is not repaired now. The intent stays planned; the gap is recorded."""

    POLICY = "policy"
    SUSPENDED = "suspended"
    INTEGRATION = "integration"
    BREAKER = "breaker"
    LOCKED = "locked"
    IN_FLIGHT = "in_flight"
    BACKOFF = "backoff"
    QUIET_HOURS = "quiet_hours"
    PER_RECIPIENT = "per_recipient"
    BUSY = "busy"
    PAUSED = "paused"
    ANOTHER_TEXT = "another_text"
    NOT_ANSWERED = "not_answered"
    CAUTION = "caution"
    CHANGED = "changed"


HOLDS_BY_THE_PROVIDER = frozenset({Hold.ANOTHER_TEXT, Hold.CAUTION})
"""Holds that only a repair meets, because it asks the provider. It asks again once the pause is over."""
HOLDS_BY_THE_HOUR = frozenset({Hold.QUIET_HOURS, Hold.PER_RECIPIENT})
"""Holds that the settings want and that end by themselves. While nothing else holds a text, it is not late."""
HOLDS_BY_A_PERSON = frozenset({Hold.POLICY, Hold.SUSPENDED})
"""Holds that last until a person changes a setting."""
BY_APPROVAL = frozenset({Hold.BREAKER, Hold.LOCKED})
"""Holds that a person ends by ``--max``."""


CAUSE_OF_REFUSAL: dict[Refusal, Cause] = {
    Refusal.ID_AGAIN: Cause.UNUSABLE_DATA,
    Refusal.NO_DATE: Cause.UNUSABLE_DATA,
    Refusal.ENDS_BEFORE_START: Cause.UNUSABLE_DATA,
    Refusal.REFERENCE: Cause.UNUSABLE_DATA,
    Refusal.NUMBER_KIND: Cause.UNUSABLE_DATA,
    Refusal.PHONE_UNUSABLE: Cause.UNUSABLE_DATA,
    Refusal.COUNTRY: Cause.REFUSED_RECIPIENT,
    Refusal.OPTED_OUT: Cause.REFUSED_RECIPIENT,
    Refusal.MAY_HAVE_LEFT: Cause.UNKNOWN_OUTCOME,
    Refusal.OLD: Cause.TOO_LATE,
    Refusal.TOO_SOON: Cause.TOO_LATE,
    Refusal.LAPSED: Cause.TOO_LATE,
    Refusal.TEXT_UNWRITABLE: Cause.UNUSABLE_DATA,
    Refusal.TOO_LONG: Cause.UNUSABLE_DATA,
    Refusal.DELETED_BY_HAND: Cause.DELETED_BY_HAND,
    Refusal.SEVERAL_CANDIDATES: Cause.UNUSABLE_DATA,
    Refusal.UNKNOWN: Cause.UNKNOWN_OUTCOME,
    Refusal.REFUSED_BY_PROVIDER: Cause.UNUSABLE_DATA,
    Refusal.GIVEN_UP: Cause.GIVEN_UP,
    Refusal.NOT_PROVABLE: Cause.UNKNOWN_OUTCOME,
    Refusal.NOT_DELIVERED: Cause.UNUSABLE_DATA,
    Refusal.TAKEN_BACK: Cause.DELETED_BY_HAND,
    Refusal.NOT_SENT: Cause.APP_FAILED,
    Refusal.NO_PROOF: Cause.UNKNOWN_OUTCOME,
}

LABELS: dict[str, str] = {
    Condition.STATUS: "status not covered",
    Condition.ONLY: "excluded by only",
    Condition.SINCE: "before since",
    Condition.GRACE: "within the grace period",
    Condition.AHEAD: "past",
    Condition.DATE_SET: "date to be confirmed",
    Condition.PHONE: "no phone",
    Condition.NO_TEXT: "text queued or sent",
    Condition.UNDECIDED: "rejected by a person",
    Condition.NO_EVENT: "event in place",
    Condition.OVERDUE: "no text overdue",
    Condition.UNPROVEN: "no text sent without proof",
    Refusal.ID_AGAIN: "perhaps another booking's id again",
    Refusal.NO_DATE: "no usable date",
    Refusal.ENDS_BEFORE_START: "ends before start",
    Refusal.REFERENCE: "no usable reference",
    Refusal.NUMBER_KIND: "kind of number that is not texted",
    Refusal.PHONE_UNUSABLE: "phone unusable",
    Refusal.COUNTRY: "country not listed in countries",
    Refusal.OPTED_OUT: "opted out",
    Refusal.MAY_HAVE_LEFT: "outcome of the application's send unknown",
    Refusal.OLD: "due too long ago",
    Refusal.TOO_SOON: "booking starts too soon",
    Refusal.LAPSED: "what the text confirms has lapsed",
    Refusal.TEXT_UNWRITABLE: "text cannot be written",
    Refusal.TOO_LONG: "text has too many segments",
    Refusal.DELETED_BY_HAND: "a person deleted it",
    Refusal.SEVERAL_CANDIDATES: "several events carry its reference",
    Refusal.UNKNOWN: "outcome unknown",
    Refusal.REFUSED_BY_PROVIDER: "the provider refused it",
    Refusal.GIVEN_UP: "attempts used up",
    Refusal.NOT_DELIVERED: "sent, but not delivered",
    Refusal.NOT_PROVABLE: "outcome could not be determined",
    Refusal.TAKEN_BACK: "handed over, then removed from the queue",
    Refusal.NOT_SENT: "queued, but not sent by the application",
    Refusal.NO_PROOF: "marked as sent without the provider's id",
    Contradiction.EDITED: "booking moved, and a person had moved its event elsewhere",
    Contradiction.NO_SUCH_EVENT: "booking moved, and names an event that does not exist",
    Hold.POLICY: "policy: report",
    Hold.SUSPENDED: "suspended by SUSPEND_ALL_*",
    Hold.INTEGRATION: "integration broken",
    Hold.BREAKER: "breaker",
    Hold.LOCKED: "locked: the provider has texts that the queue does not show",
    Hold.IN_FLIGHT: "being repaired",
    Hold.BACKOFF: "waiting before the next attempt",
    Hold.QUIET_HOURS: "quiet hours",
    Hold.PER_RECIPIENT: "recipient limit reached",
    Hold.BUSY: "locked by the application",
    Hold.PAUSED: "the provider asked for a pause",
    Hold.ANOTHER_TEXT: "another text went to the number",
    Hold.NOT_ANSWERED: "the provider does not say what it has sent",
    Hold.CAUTION: "the ledger may have forgotten this text",
    Hold.CHANGED: "not as the plan has it",
}
"""The wording of each name for operators. The terminal, the alerts and the page all use it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The result for one booking. ``reason`` names the condition, refusal or hold that decided it; '' for a repair."""

    status: VerdictStatus
    reason: str = ""
    cause: Cause | None = None
    """Set for every gap (needs a human, held, repairable); ``None`` where nothing is missing."""

    @property
    def is_gap(self) -> bool:
        return self.cause is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a scan found for one booking under one rule. ``failed`` is the first failing condition, or ``None``."""

    booking: Booking
    failed: Condition | None
    otherwise: Condition | None = None
    """The first failing condition that no setting can make fail (``gap_end.BY_SETTINGS``)."""
    in_scope: bool = True
    """Whether ``bookings.only`` selects it. A pass repairs no other booking."""
    in_window: bool = True
    """Whether the scan selects it by its age, without knowing its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check that can block a repair. ``seen`` is the value that decided it, without personal data."""

    name: str
    seen: str
    verdict: Verdict | None = None
    """The verdict that follows; ``None`` if the check does not block the repair."""


def first_blocking(checks: Iterable[Check], cause: Cause) -> Verdict:
    """The verdict of the first check that blocks the repair, else *repairable*.

    Every gap of a rule that repairs is decided here.

    The checks after the first blocking one are not evaluated.
    """
    for check in checks:
        if check.verdict:
            return check.verdict
    return Verdict(status=VerdictStatus.REPAIRABLE, cause=cause)


def check(name: Refusal | Hold, seen: str, *, applies: bool, cause: Cause) -> Check:
    """The check of a refusal or a hold. ``cause`` becomes the gap's cause if a hold applies."""
    if not applies:
        return Check(name=name, seen=seen)
    verdict = refused(name) if isinstance(name, Refusal) else held(name, cause)
    return Check(name=name, seen=seen, verdict=verdict)


def failed_condition(condition: Condition) -> Verdict:
    """The verdict of a booking whose first failing condition is ``condition``: it has no gap."""
    return Verdict(status=condition.standing_if_failed, reason=condition)


@cache
def refused(refusal: Refusal, cause: Cause | None = None) -> Verdict:
    """The verdict of a gap that we may not repair. Pass ``cause`` where the refusal alone does not determine it."""
    return Verdict(status=VerdictStatus.NEEDS_HUMAN, reason=refusal, cause=cause or CAUSE_OF_REFUSAL[refusal])


@cache
def held(hold: Hold, cause: Cause) -> Verdict:
    """The verdict of a gap that is not repaired now. A hundred thousand gaps that one hold has share it."""
    return Verdict(status=VerdictStatus.HELD, reason=hold, cause=cause)
