"""Decides whether a text may be sent now: the refusals and holds of ``sms.missing``, and how long Twilio may keep it.

A text costs money, reaches a phone and needs consent. When in doubt, we refuse to send it and report the gap.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from reconciler.domain.bookings import MOST_AHEAD, AppFailure, Booking
from reconciler.domain.decide.identity import Known
from reconciler.domain.decide.ledger_checks import (
    LEDGER,
    date_checks,
    describe_latest,
    is_reviewed,
    judge_ledger,
    moment,
    reference_checks,
)
from reconciler.domain.decide.policies import Deliver, SmsPolicy, TextPattern
from reconciler.domain.decide.verdicts import (
    HOLDS_BY_THE_PROVIDER,
    Check,
    Condition,
    Hold,
    Refusal,
    Verdict,
    check,
    failed_condition,
    first_blocking,
    refused,
)
from reconciler.domain.gaps import Cause
from reconciler.domain.hashing import digest
from reconciler.domain.intents import SUBJECT_PARTS, Intent, State

LONGEST_VALIDITY = timedelta(hours=4)
SHORTEST_VALIDITY = timedelta(seconds=60)
"""The limits for how long the provider may keep a text.

After more than four hours a confirmation is late. With less than a minute it is likely to expire at the provider
(Twilio advises more than 5 s, and counts whole seconds: Message resource, ValidityPeriod).
"""

_NEVER_LEFT = re.compile(
    # Twilio refused to create the message: REST errors 21xxx, 20003, 20004. Other numbers, such as 21000 milliseconds,
    # do not count.
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
"""The application saw no end of the call, so its outcome is unclear, whatever else the message says."""
_STOPPED = re.compile(r"\b21610\b")
_CLAIMED = "dispatching:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A text as it would be sent: its recipient (E.164), its wording and its trigger."""

    number: str = field(repr=False)
    body: str = field(repr=False)
    trigger: str
    segments: int
    left_out: tuple[str, ...] = ()
    """What the booking has and the text does not say, with the reason: never a value."""

    def subject(self, installation: str) -> str:
        """Digests of the recipient and the text. A refusal holds while the refused recipient and text are unchanged."""
        return sms_subject(installation, self.number, self.body)


def sms_subject(installation: str, number: str, body: str) -> str:
    """What our ledger keeps of a text: two digests. Number and wording can be compared with them, but not read."""
    return f"{digest(installation, number)}{SUBJECT_PARTS}{digest(installation, body)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsFacts:
    """What is known about one gap besides its booking. It is collected before the verdict is decided."""

    number: str | None = field(repr=False)
    """The usable number in E.164, ``None`` if the booking's phone cannot be used."""
    country: str
    """The country of the number; '' without one."""
    refused_kind: str
    """The kind of the booking's phone, in words, if numbers of its kind are never texted; else ''."""
    opted_out: bool
    draft: Draft | None
    """``None`` if the text cannot be written for this booking."""
    recent: int
    """Texts to this number within the recipient limit's period."""
    known: Known
    recipient: str
    """Digest of the number; '' without one."""
    subject: str
    """The subject of the draft; '' without a draft."""
    review_before: datetime | None = None
    """A refusal by a code of the provider that is older is looked at again; ``None``: none is."""

    @property
    def last(self) -> Intent | None:
        """The newest intent of this booking."""
        return self.known.last


def judge_text(booking: Booking, facts: SmsFacts, policy: SmsPolicy, now: datetime) -> Verdict:
    """The verdict of a booking without a text: the first refusal, else the first hold, else repair."""
    return first_blocking(text_checks(booking, facts, policy, now), cause_of(booking, facts))


def cause_of(booking: Booking, facts: SmsFacts) -> Cause:
    """Why there is no text: the application tried and failed, or never queued one; or nobody knows whether there is."""
    last = facts.last
    if last and last.cause and is_reviewed(last, facts.review_before):
        return last.cause  # until the provider answers anew, or each look would be a new incident
    if last and last.state is State.PLANNED and last.code in HOLDS_BY_THE_PROVIDER:
        return Cause.UNKNOWN_OUTCOME  # also while it is asked for again, or each pass would see a new cause
    return Cause.APP_FAILED if booking.app_failures else Cause.NEVER_QUEUED


def text_checks(booking: Booking, facts: SmsFacts, policy: SmsPolicy, now: datetime) -> Iterator[Check]:
    """Every check that can block a text. The first one that blocks decides, so the order matters."""
    cause = cause_of(booking, facts)
    yield _ledger(booking, facts, policy, cause, now)
    yield from date_checks(booking, cause)
    yield from reference_checks(booking, cause)
    yield from _recipient(booking, facts, policy, cause)
    yield from _in_time(booking, policy, cause, now)
    yield from _text(facts.draft, policy, cause)
    quiet = policy.quiet_hours
    hours = f"{quiet.starts:%H:%M}-{quiet.ends:%H:%M}" if quiet else "none"
    yield check(Hold.QUIET_HOURS, hours, applies=bool(quiet and quiet.holds(now)), cause=cause)
    most = policy.per_recipient.count
    texted = f"{facts.recent} of {most} to this number"
    yield check(Hold.PER_RECIPIENT, texted, applies=facts.recent >= most, cause=cause)
    if policy.deliver is Deliver.RECONCILER:
        left = validity(booking, policy, now)
        seconds = f"Twilio may keep it {max(0, int(left.total_seconds()))} s"
        yield check(Hold.QUIET_HOURS, seconds, applies=left < SHORTEST_VALIDITY, cause=cause)


def _ledger(booking: Booking, facts: SmsFacts, policy: SmsPolicy, cause: Cause, now: datetime) -> Check:
    last = facts.last
    verdict = judge_ledger(last, facts.subject, cause, now, facts.review_before)
    counts = last is not None and _counts(last, booking, policy)
    if last and last.state is State.DROPPED and not counts:
        verdict = None  # a person decided against another text of this booking
    if last and last.state is State.DONE and counts:
        if not last.handed_over:
            # The provider accepted the text, whatever the queue says. We mark the row again and never resend the text.
            verdict = failed_condition(Condition.NO_TEXT)
        elif all(failure.row != last.provider_id for failure in booking.app_failures):
            # The text is not queued, sent or failed: a person removed it from the queue, and we respect that decision.
            verdict = refused(Refusal.TAKEN_BACK)
    return Check(name=LEDGER, seen=describe_latest(last), verdict=verdict)


def _counts(last: Intent, booking: Booking, policy: SmsPolicy) -> bool:
    """Whether the text of this intent is the one that the booking calls for now."""
    if policy.is_satisfied_by(booking.status, last.trigger):
        return True
    return last.any_occasion and booking.due_at <= last.updated_at


def _recipient(booking: Booking, facts: SmsFacts, policy: SmsPolicy, cause: Cause) -> Iterator[Check]:
    said_stop = any(map(has_stop, booking.app_failures))
    refuses = [
        name
        for name, holds in (
            ("the booking's customer", booking.customer_refuses),
            ("a customer with the number", facts.opted_out),
            ("STOP at Twilio", said_stop),
        )
        if holds
    ]
    yield check(Refusal.OPTED_OUT, ", ".join(refuses) or "nobody", applies=bool(refuses), cause=cause)
    if facts.refused_kind:
        yield check(Refusal.NUMBER_KIND, facts.refused_kind, applies=True, cause=cause)
    number = f"..{facts.number[-3:]}" if facts.number else "no usable number"
    yield check(Refusal.PHONE_UNUSABLE, number, applies=facts.number is None, cause=cause)
    if facts.number is not None:
        elsewhere = facts.country not in policy.countries
        yield check(Refusal.COUNTRY, facts.country or "not known", applies=elsewhere, cause=cause)
    unclear = sum(not certainly_not_sent(failure, policy.nothing_left_if) for failure in booking.app_failures)
    failed = f"{len(booking.app_failures)} failed attempts, {unclear} unclear"
    yield check(Refusal.MAY_HAVE_LEFT, failed, applies=unclear > 0, cause=cause)


def _in_time(booking: Booking, policy: SmsPolicy, cause: Cause, now: datetime) -> Iterator[Check]:
    # A text sent in the last minute would expire on its way, so it already counts as too late.
    latest = now + SHORTEST_VALIDITY
    stale = policy.stale_after is not None and booking.due_at + policy.stale_after < latest
    # A due moment that cannot be may hide an old booking.
    is_old = stale or booking.due_at > now + MOST_AHEAD
    yield check(Refusal.OLD, f"due {moment(booking.due_at)}", applies=is_old, cause=cause)
    if booking.starts_at is not None:
        too_soon = booking.starts_at - policy.min_notice < latest
        yield check(Refusal.TOO_SOON, f"starts {moment(booking.starts_at)}", applies=too_soon, cause=cause)
    if booking.not_after is not None:
        lapsed = booking.not_after < latest
        yield check(Refusal.LAPSED, f"until {moment(booking.not_after)}", applies=lapsed, cause=cause)


def _text(draft: Draft | None, policy: SmsPolicy, cause: Cause) -> Iterator[Check]:
    written = ", ".join(("written", *draft.left_out)) if draft else "cannot be written"
    yield check(Refusal.TEXT_UNWRITABLE, written, applies=draft is None, cause=cause)
    if draft:
        said = f"{draft.segments} of at most {policy.segments}"
        yield check(Refusal.TOO_LONG, said, applies=draft.segments > policy.segments, cause=cause)


def deadline(booking: Booking, policy: SmsPolicy) -> datetime:
    """The last moment at which the text may be sent: *old*, *too soon* and *lapsed* refuse it afterwards."""
    return min(_ends(booking, policy), default=datetime.max.replace(tzinfo=UTC)) - SHORTEST_VALIDITY


def _ends(booking: Booking, policy: SmsPolicy) -> list[datetime]:
    ends = [] if policy.stale_after is None else [booking.due_at + policy.stale_after]
    ends += [booking.not_after] if booking.not_after else []
    return ends if booking.starts_at is None else [*ends, booking.starts_at - policy.min_notice]


def validity(booking: Booking, policy: SmsPolicy, now: datetime) -> timedelta:
    """How long the provider may keep the text: until quiet hours begin or the text is too late, at most four hours.

    The result may be zero or negative. Below ``SHORTEST_VALIDITY`` the text must wait.
    """
    ends = [now + LONGEST_VALIDITY, *_ends(booking, policy)]
    quiet = policy.quiet_hours.next_start(now) if policy.quiet_hours else None
    if quiet:
        ends.append(quiet)
    return timedelta(seconds=int((min(ends) - now).total_seconds()))


def certainly_not_sent(failure: AppFailure, nothing_left_if: Iterable[TextPattern] = ()) -> bool:
    """Whether the application's failed attempt certainly sent no text: the schema, a validation or a 4xx refused it.

    ``nothing_left_if``: what else the application writes if it did not even try.
    """
    message = failure.message or ""
    if failure.provider_id or message.startswith(_CLAIMED):
        return False
    never_left = bool(_NEVER_LEFT.search(message)) or any(pattern.search(message) for pattern in nothing_left_if)
    return never_left and not _UNANSWERED.search(message)


def has_stop(failure: AppFailure) -> bool:
    """Whether the application's attempt failed because the recipient had replied STOP to Twilio (error 21610)."""
    return bool(_STOPPED.search(failure.message or ""))
