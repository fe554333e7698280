"""Decides whether a text may be sent for the first time, from what the provider has already sent to its number.

Our ledger and the application's queue may both be older than the world: a backup was restored, a schema was lost, or
the application texts outside its queue. The provider's own list shows what they cannot show.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from reconciler.domain.alerting.public_codes import possible_codes
from reconciler.domain.bookings import REFERENCE_LENGTH
from reconciler.domain.decide.policies import TextPattern
from reconciler.domain.decide.sms_settlement import (
    ANOTHER_TEXT,
    SEVERAL_CANDIDATES,
    SKEW,
    TOO_MANY_TO_READ,
    SentMessages,
    SentSms,
    is_this_text,
    names,
)

_REFERENCE = re.compile(rf"(?<!\w)(?=([\w-]{{{REFERENCE_LENGTH}}})(?!\w))")
"""A word that may be a reference. The lookahead also finds one that begins inside another candidate."""
MOST_REFERENCES = 100
"""References looked up for one number. Beyond, the texts count as another text: in doubt, none is sent."""


class EarlierText(StrEnum):
    """What the provider has sent to the number since the booking was made."""

    NONE = "none"
    """Nothing that stands against sending."""
    OURS = "ours"
    """The text itself: it was sent, and our ledger does not know it any more."""
    OURS_FAILED = "ours_failed"
    """The text itself, and it did not arrive. A second attempt needs a human."""
    ANOTHER = "another"
    """A text that nobody of us knows: the customer may have been told already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierTexts:
    """The answer, our name for its reason, and the message's id if it is the text itself."""

    found: EarlierText
    code: str = ""
    provider_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextToSend:
    """The text that is about to be sent for the first time, as far as the provider's list can show it."""

    reference: str
    provable: bool
    """Whether no other booking has the same reference. Otherwise a text with it may be about the other booking."""
    body: str = field(repr=False)
    since: datetime
    """When its booking was made. It never comes from our ledger, which may have been lost or restored."""
    not_due_at: datetime
    """When the booking did not call for the text yet. What was sent before is about something else, unless it is the
    text itself."""
    ignored: tuple[TextPattern, ...] = field(default=(), repr=False)
    """``rules.sms.missing.ignore``: texts that say nothing about a booking, such as one-time codes."""
    queue_is_believed: bool = True
    """Whether the booking's own queue rows explain a text about it. Not if the queue itself is in question."""


def asked_since(made_at: datetime) -> datetime:
    """How far back the provider's list is read for a booking made then."""
    return made_at - SKEW


def unclaimed(trail: SentMessages, text: TextToSend, claimed: Collection[str]) -> list[SentSms]:
    """The messages since the booking was made that no intent and no queue row has."""
    since = asked_since(text.since)
    return [sent for sent in trail.texts if sent.made_at >= since and sent.sid not in claimed]


def possible_references(texts: Collection[SentSms], *, codes: bool) -> frozenset[str]:
    """Words of these texts that may be a booking's reference; none if there are too many to look up.

    ``codes``: references are codes, and not the beginnings of ids.
    """
    found = possible_codes if codes else _REFERENCE.findall
    words = frozenset(word for text in texts for word in found(text.body))
    return words if len(words) <= MOST_REFERENCES else frozenset()


def judge_earlier_texts(
    trail: SentMessages,
    text: TextToSend,
    *,
    claimed: Collection[str],
    filed: Mapping[str, Collection[str]],
    other_references: Collection[str],
) -> EarlierTexts:
    """What stands against sending ``text``.

    ``claimed`` are message ids that belong to an intent, ``filed`` those that rows of the application's queue contain,
    with the references of the rows' bookings. ``other_references`` are those of other bookings with the same number.
    """
    free = unclaimed(trail, text, {*claimed, *filed})
    if any(sent.leaves and _is_misfiled(sent, text, filed[sent.sid]) for sent in trail.texts if sent.sid in filed):
        return EarlierTexts(found=EarlierText.ANOTHER, code=ANOTHER_TEXT)
    ours = [sent for sent in free if text.provable and is_this_text(sent, text.reference, text.body)]
    left = [sent for sent in ours if sent.leaves]
    if len(left) > 1:
        # It was doubled already. Whoever looks at the booking has to see that, so none of them is taken over.
        return EarlierTexts(found=EarlierText.ANOTHER, code=SEVERAL_CANDIDATES)
    if left:
        return EarlierTexts(found=EarlierText.OURS, code="adopted", provider_id=left[0].sid)
    if ours:
        return EarlierTexts(found=EarlierText.OURS_FAILED, code=ours[0].found_code, provider_id=ours[0].sid)
    since = asked_since(text.not_due_at)
    if any(_holds([sent for sent in free if sent.made_at >= since], text, other_references)):
        return EarlierTexts(found=EarlierText.ANOTHER, code=ANOTHER_TEXT)
    if not trail.complete:
        return EarlierTexts(found=EarlierText.ANOTHER, code=TOO_MANY_TO_READ)
    return EarlierTexts(found=EarlierText.NONE)


def _is_misfiled(sent: SentSms, text: TextToSend, references: Collection[str]) -> bool:
    """Whether the message is about our booking, and the queue rows that contain it do not explain that.

    An UPDATE that named too many rows gives the texts of all bookings to one; a renamed trigger makes them texts that
    satisfy no rule. A message that names its row's booking as well is that booking's.
    """
    if not names(sent, text.reference):
        return False
    if text.reference.lower() in {reference.lower() for reference in references}:
        return not text.queue_is_believed
    return not any(names(sent, reference) for reference in references)


def _holds(free: Collection[SentSms], text: TextToSend, other_references: Collection[str]) -> Iterator[bool]:
    """Of each message, whether the customer may have been told by it."""
    for sent in free:
        if not sent.leaves:
            yield False  # it failed, was not delivered or was cancelled: the customer got nothing
        elif not sent.body.strip():
            yield True  # redacted: it may be the text itself
        elif any(pattern.search(sent.body) for pattern in text.ignored):
            yield False
        else:
            yield names(sent, text.reference) or not any(names(sent, other) for other in other_references)
