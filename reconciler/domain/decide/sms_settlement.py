"""Decides whether a text of unknown outcome exists, from the messages that the provider lists.

A missing message alone proves nothing. A text counts as absent only if the same query finds another text that is known
to exist (the *control*). Every other case is undecided, and nothing is sent.
"""

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

SKEW = timedelta(minutes=5)
"""The largest accepted difference between the provider's clock and ours."""
A_DAY = timedelta(days=1)
SEVERAL_CANDIDATES = "several_candidates"
ANOTHER_TEXT = "another_text"
TOO_MANY_TO_READ = "too_many_to_read"
_LINK = re.compile(r"https?://\S+|\b[\w.-]+\.[a-z]{2,}/\S*", re.IGNORECASE)
_WORD = re.compile(r"[a-z0-9]+")
_DASHES = re.compile("[\u2010-\u2015\u2212]")
_SHOWN_IN_FULL = re.compile(r"\+\d{7,15}")
"""A number with all its digits. Redaction removes the last ones (Twilio: Message Redaction)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentSms:
    """An outbound message as the provider lists it."""

    sid: str
    number: str = field(repr=False)
    body: str = field(repr=False)
    by_api: bool
    """Whether an API request such as ours created it; ``False`` for a reply or a message of a voice call."""
    made_at: datetime
    status: str
    leaves: bool
    """Whether the provider sent it or may still send it."""
    arrived: bool
    """Whether it has reached its final status. Redaction removes its parts by then, and not earlier."""

    @property
    def found_code(self) -> str:
        """Our name for an effect that was found like this, and does not arrive."""
        return f"found_{self.status}"

    @property
    def is_shown_in_full(self) -> bool:
        return bool(self.body.strip()) and _SHOWN_IN_FULL.fullmatch(self.number) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessages:
    """The messages to one number. ``complete``: every page of the list was read to its end."""

    texts: Sequence[SentSms]
    complete: bool


class SettlementStatus(StrEnum):
    """What is known about an effect of unknown outcome."""

    FOUND = "found"
    ABSENT = "absent"
    UNDECIDED = "undecided"
    TAKEN_BACK = "taken_back"
    """It existed, and a person removed it."""
    NOT_LEAVING = "not_leaving"
    """The provider accepted it and could not send it. A second attempt needs a human."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    found: SettlementStatus
    code: str
    """Our name for the reason."""
    provider_id: str | None = None


def control_of(recent: Sequence[SentSms], now: datetime) -> SentSms | None:
    """The newest message that has arrived. It serves to check that the provider's lists find an existing message.

    ``None`` if no message of the last day has arrived, or if one of them is not shown in full. In that case our text
    may exist and still not be found.
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
    """The settlement of a text that contains ``reference`` as a whole word and was first tried at ``attempted_at``.

    ``body`` is its wording, ``None`` if the wording is not known any more. ``taken`` are message ids that belong to
    other intents or to rows of the application's queue.
    """
    free = [text for text in trail.texts if text.by_api and text.sid not in taken]
    same = [text for text in free if body is not None and is_this_text(text, reference, body)]
    if len(same) > 1:
        return Settlement(found=SettlementStatus.UNDECIDED, code=SEVERAL_CANDIDATES)
    if not same and any(names(text, reference) for text in free):
        # Another sender's text about the booking, or a text in which the short reference means something else.
        return Settlement(found=SettlementStatus.UNDECIDED, code=ANOTHER_TEXT)
    if same:
        (one,) = same
        if one.made_at < attempted_at - SKEW:
            # No intent and no queue row has this message, and its wording is ours: one of the two clocks is wrong.
            return Settlement(found=SettlementStatus.UNDECIDED, code="older_than_the_attempt")
        if not one.leaves:
            return Settlement(found=SettlementStatus.NOT_LEAVING, code=one.found_code, provider_id=one.sid)
        return Settlement(found=SettlementStatus.FOUND, code="found", provider_id=one.sid)
    if not trail.complete:
        return Settlement(found=SettlementStatus.UNDECIDED, code=TOO_MANY_TO_READ)
    if any(not text.body.strip() and text.made_at >= attempted_at - A_DAY for text in free):
        return Settlement(found=SettlementStatus.UNDECIDED, code="body_not_shown")
    if not controlled:
        return Settlement(found=SettlementStatus.UNDECIDED, code="no_control")
    return Settlement(found=SettlementStatus.ABSENT, code="absent")


def is_this_text(sent: SentSms, reference: str, body: str) -> bool:
    """Whether the message is the text with this reference and wording: made by the API, named, and saying the same."""
    return (
        sent.by_api
        and names(sent, reference)
        and says_the_same(sent.body, body)
        and _names_as_written(sent.body, reference, body)
    )


def names(sent: SentSms, reference: str) -> bool:
    """Whether the message contains the reference, in any case."""
    return contains_reference(sent.body.lower(), reference.lower())


def _names_as_written(shown: str, reference: str, body: str) -> bool:
    """Whether the reference stands in the shown text as it does in ours, and in no longer one.

    B-2026-0042 has 2026-0042 in it as a word of its own. Small and large letters may only differ altogether.
    """
    ours, seen = _words_with(reference, body), _words_with(reference, shown)
    return any({word, word.lower(), word.upper()} & seen for word in ours)


def _words_with(reference: str, text: str) -> set[str]:
    """The words with hyphens that have the reference in them."""
    around = re.compile(rf"[\w-]*{re.escape(reference)}[\w-]*", re.IGNORECASE)
    return {found.strip("-") for found in around.findall(_DASHES.sub("-", text))}


def says_the_same(shown: str, body: str) -> bool:
    """Whether the text that Twilio shows is ours.

    Three differences are ignored: Twilio's smart encoding (Messaging Services, smart encoding), shortened links
    (Messaging, link shortening), and the words that a trial account puts before the text.
    """
    ours = _essence(body)
    return bool(ours) and _essence(shown).endswith(ours)


def _essence(text: str) -> str:
    """Only the letters and digits, so that a straight quote in place of a curly one makes no difference."""
    folded = unicodedata.normalize("NFKD", _LINK.sub(" ", text)).encode("ascii", "ignore").decode()
    return "".join(_WORD.findall(folded.lower()))


def contains_reference(body: str, reference: str) -> bool:
    """Whether the text contains the reference as a whole word: this is the only way to find it at the provider."""
    start = body.find(reference)
    while start >= 0:
        end = start + len(reference)
        if not (_is_of_a_word(body[start - 1 : start]) or _is_of_a_word(body[end : end + 1])):
            return True
        start = body.find(reference, start + 1)
    return False


def _is_of_a_word(character: str) -> bool:
    return character.isalnum() or character == "_"
