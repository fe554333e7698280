"""May this text be sent, and now? Refusals and holds of ``sms.missing``, and how long Twilio may keep the text.

Money, phones and consent: when in doubt, refuse and tell.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.domain.bookings import AppFailure, Booking
from reconciler.domain.digests import digest
from reconciler.domain.gaps import Cause
from reconciler.domain.intents import HANDED_OVER, SUBJECT_PARTS, Intent, State
from reconciler.domain.judging import judge_ledger
from reconciler.domain.policies import Deliver, TextPolicy
from reconciler.domain.verdicts import Condition, Hold, Refusal, Standing, Verdict, failed_condition, held, refused

LONGEST_VALIDITY = timedelta(hours=4)
SHORTEST_VALIDITY = timedelta(seconds=60)
"""A confirmation that sits at the provider for more than four hours is late; one that may sit less than a minute is
likely to expire there (Twilio advises more than 5 s, and counts whole seconds: Message resource, ValidityPeriod)."""

_NEVER_LEFT = re.compile(
    # Twilio refused at create: REST errors 21xxx, 20003, 20004; not some other number, such as 21000 milliseconds
    r"(?:^|[\[(]|\b(?:twilio|error|code)\b\D{0,12})\b(?:21\d{3}|2000[34])\b(?! *(?:m?s|milli|sec))"
    r"|\b(?:HTTP|status)(?: code)?[ :=]*4(?!08|09|29|99)\d\d\b"
    r"|\b(?:22|23|42)[0-9A-Z]{3}\b(?=.*\bSQLSTATE\b)|\bSQLSTATE\b.{0,3}\b(?:22|23|42)[0-9A-Z]{3}\b"
    r"|violates (?:check|not-null|foreign key|unique) constraint|column .* does not exist"
    r"|invalid (?:phone|number)|missing (?:phone|number)|validation failed",
    re.IGNORECASE,
)
_UNANSWERED = re.compile(
    r"time[ -]?d?[ -]?out|ECONN|socket|\breset\b|abort|\b(?:HTTP|status)(?: code)?[ :=]*5\d\d\b", re.IGNORECASE
)
"""A call whose end nobody saw, whatever else the message says."""
_STOPPED = re.compile(r"\b21610\b")
_CLAIMED = "dispatching:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A text as it would be sent: to whom (E.164), what, and as which trigger."""

    number: str = field(repr=False)
    body: str = field(repr=False)
    trigger: str
    segments: int

    def subject(self, installation: str) -> str:
        """Digests of recipient and text: a refusal holds as long as what was refused is the same."""
        return subject_of(installation, self.number, self.body)


def subject_of(installation: str, number: str, body: str) -> str:
    """What our ledger keeps of a text: two digests, so that number and wording can be compared and not read."""
    return f"{digest(installation, number)}{SUBJECT_PARTS}{digest(installation, body)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFacts:
    """What is known about one gap besides the booking, gathered before judging."""

    number: str | None = field(repr=False)
    """The usable number in E.164, ``None`` if the booking's phone cannot be used."""
    opted_out: bool
    draft: Draft | None
    """``None`` if the text cannot be written for this booking."""
    recent: int
    """Texts to this number within the recipient limit's period."""
    last: Intent | None
    subject: str
    """Of the draft; '' without one."""


def judge_text(booking: Booking, facts: TextFacts, policy: TextPolicy, now: datetime) -> Verdict:
    """The verdict of a booking without a text: the first refusal, else the first hold, else repair."""
    cause = Cause.APP_FAILED if booking.app_failures else Cause.NEVER_QUEUED
    if facts.last and facts.last.state is State.DONE and policy.is_satisfied_by(facts.last.trigger):
        if facts.last.code != HANDED_OVER:
            # The provider has it, whatever the queue says: the row is marked again, the text is never sent again.
            return failed_condition(Condition.NO_TEXT)
        if all(failure.row != facts.last.provider_id for failure in booking.app_failures):
            # Neither queued nor sent nor failed: somebody took it out of the queue, which is a decision.
            return refused(Refusal.TAKEN_BACK)
    from_ledger = judge_ledger(facts.last, facts.subject, cause, now)
    if from_ledger:
        return from_ledger
    refusal = _refusal(booking, facts, policy, now)
    if refusal:
        return refusal
    if policy.quiet_hours and policy.quiet_hours.holds(now):
        return held(Hold.QUIET_HOURS, cause)
    if facts.recent >= policy.per_recipient.count:
        return held(Hold.PER_RECIPIENT, cause)
    if policy.deliver is Deliver.RECONCILER and validity(booking, policy, now) < SHORTEST_VALIDITY:
        return held(Hold.QUIET_HOURS, cause)
    return Verdict(standing=Standing.REPAIR, cause=cause)


def _refusal(booking: Booking, facts: TextFacts, policy: TextPolicy, now: datetime) -> Verdict | None:
    if booking.starts_at is None:
        return refused(Refusal.NO_DATE)
    if booking.ends_at is not None and booking.ends_at <= booking.starts_at:
        return refused(Refusal.ENDS_BEFORE_START)
    if booking.customer_refuses or facts.opted_out or any(map(_stopped, booking.app_failures)):
        return refused(Refusal.OPTED_OUT)
    if facts.number is None:
        return refused(Refusal.PHONE_UNUSABLE)
    if not all(map(nothing_left, booking.app_failures)):
        return refused(Refusal.MAY_HAVE_LEFT)
    # In its last minute a text would expire on its way: it is too late already.
    latest = now + SHORTEST_VALIDITY
    if booking.created_at + policy.stale_after < latest:
        return refused(Refusal.OLD)
    if booking.starts_at - policy.min_notice < latest:
        return refused(Refusal.TOO_SOON)
    if facts.draft is None:
        return refused(Refusal.TEXT_UNWRITABLE)
    return None


def validity(booking: Booking, policy: TextPolicy, now: datetime) -> timedelta:
    """How long the provider may keep the text: until quiet hours or until it is too late, at most four hours.

    May be zero or negative; below ``SHORTEST_VALIDITY`` the text must wait.
    """
    ends = [now + LONGEST_VALIDITY, booking.created_at + policy.stale_after]
    if booking.starts_at is not None:
        ends.append(booking.starts_at - policy.min_notice)
    quiet = policy.quiet_hours.next_start(now) if policy.quiet_hours else None
    if quiet:
        ends.append(quiet)
    return timedelta(seconds=int((min(ends) - now).total_seconds()))


def nothing_left(failure: AppFailure) -> bool:
    """Whether the application's failed attempt certainly reached nobody: refused by schema, validation or a 4xx."""
    message = failure.message or ""
    if failure.provider_id or message.startswith(_CLAIMED):
        return False
    return bool(_NEVER_LEFT.search(message)) and not _UNANSWERED.search(message)


def _stopped(failure: AppFailure) -> bool:
    return bool(_STOPPED.search(failure.message or ""))
