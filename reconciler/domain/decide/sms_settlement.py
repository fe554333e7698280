"""What became of a text whose outcome is unknown: by what the provider shows, never by what it does not show.

Absence is a claim like any other: it counts only where the same question would have found a text that is there (the
*control*). Everything else is undecided, and nothing is sent.
"""

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

SKEW = timedelta(minutes=5)
"""How far the provider's clock may be from ours."""
A_DAY = timedelta(days=1)
_LINK = re.compile(r"https?://\S+|\b[\w.-]+\.[a-z]{2,}/\S*", re.IGNORECASE)
_WORD = re.compile(r"[a-z0-9]+")
_SHOWN_IN_FULL = re.compile(r"\+\d{7,15}")
"""Redaction leaves the last digits out (Twilio: Message Redaction)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentSms:
    """An outbound message as the provider shows it."""

    sid: str
    number: str = field(repr=False)
    body: str = field(repr=False)
    by_api: bool
    """Made by a request such as ours; not a reply, not a call's."""
    made_at: datetime
    status: str
    leaves: bool
    """Whether it left or may still leave."""
    arrived: bool
    """Whether it has reached its end: what redaction takes away is gone by then, and not before."""

    @property
    def is_shown_in_full(self) -> bool:
        return bool(self.body.strip()) and _SHOWN_IN_FULL.fullmatch(self.number) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessages:
    """The messages to one number; ``complete``: every page was read to its end."""

    texts: Sequence[SentSms]
    complete: bool


class SettlementStatus(StrEnum):
    """What is known about an effect of unknown outcome."""

    FOUND = "found"
    ABSENT = "absent"
    UNDECIDED = "undecided"
    TAKEN_BACK = "taken_back"
    """It was there, and somebody has removed it."""
    NOT_LEAVING = "not_leaving"
    """The provider took it and could not send it: no second try without a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    found: SettlementStatus
    code: str
    """Why, in our words."""
    provider_id: str | None = None


def control_of(recent: Sequence[SentSms], now: datetime) -> SentSms | None:
    """The newest message that has arrived, to show whether lists find what is there.

    ``None`` if none of the last day has, or if one of that day is not shown in full: then ours may be there and not be
    found.
    """
    lately = [text for text in recent if text.made_at >= now - A_DAY]
    arrived = [text for text in lately if text.arrived]
    if not arrived or not all(text.is_shown_in_full for text in lately):
        return None
    return max(arrived, key=lambda text: text.made_at)


def settle_text(
    trail: SentMessages,
    *,
    reference: str,
    body: str | None,
    attempted_at: datetime,
    taken: Collection[str],
    controlled: bool,
) -> Settlement:
    """What became of a text that carries ``reference`` as a whole word and was first tried at ``attempted_at``.

    ``body`` is what it said, ``None`` if nobody knows any more; ``taken`` are message ids that belong to other intents
    and to rows of the application's queue.
    """
    free = [text for text in trail.texts if text.by_api and text.sid not in taken]
    named = [text for text in free if contains_reference(text.body.lower(), reference.lower())]
    same = [text for text in named if body is not None and says_the_same(text.body, body)]
    if len(same) > 1:
        return Settlement(found=SettlementStatus.UNDECIDED, code="several_candidates")
    if named and not same:
        # Somebody else's text about the booking, or a short reference that stands for something else in it.
        return Settlement(found=SettlementStatus.UNDECIDED, code="another_text")
    if same:
        (one,) = same
        if one.made_at < attempted_at - SKEW:
            # Nobody knows of it, and it says what ours says: one of the two clocks is wrong.
            return Settlement(found=SettlementStatus.UNDECIDED, code="older_than_the_attempt")
        if not one.leaves:
            return Settlement(found=SettlementStatus.NOT_LEAVING, code=f"found_{one.status}", provider_id=one.sid)
        return Settlement(found=SettlementStatus.FOUND, code="found", provider_id=one.sid)
    if not trail.complete:
        return Settlement(found=SettlementStatus.UNDECIDED, code="too_many_to_read")
    if any(not text.body.strip() and text.made_at >= attempted_at - A_DAY for text in free):
        return Settlement(found=SettlementStatus.UNDECIDED, code="body_not_shown")
    if not controlled:
        return Settlement(found=SettlementStatus.UNDECIDED, code="no_control")
    return Settlement(found=SettlementStatus.ABSENT, code="absent")


def says_the_same(shown: str, body: str) -> bool:
    """Whether Twilio shows our text: after its smart encoding, with its links shortened, behind a trial's first words.

    (Smart encoding: Messaging Services, smart encoding; shortened links: Messaging, link shortening.)
    """
    ours = _essence(body)
    return bool(ours) and _essence(shown).endswith(ours)


def _essence(text: str) -> str:
    """Letters and digits alone: a straight quote for a curly one makes no difference."""
    folded = unicodedata.normalize("NFKD", _LINK.sub(" ", text)).encode("ascii", "ignore").decode()
    return "".join(_WORD.findall(folded.lower()))


def contains_reference(body: str, reference: str) -> bool:
    """Whether the reference stands in the text as a whole word: the only way to find the text at the provider."""
    return re.search(rf"(?<!\w){re.escape(reference)}(?!\w)", body) is not None
