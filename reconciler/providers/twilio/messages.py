"""Messages that the account has sent, as Twilio lists them (Message resource, Read multiple).

The list cannot be filtered by text, status or time of creation, and *DateSent* is empty while a message is queued. So
it is filtered by number alone, or read from the newest, and searched here.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from reconciler.domain.decide.sms_settlement import SentMessages, SentSms
from reconciler.domain.intents import Outcome, Result
from reconciler.ports import CredentialsRejected, ProviderFailure
from reconciler.providers.twilio.errors import UNREADABLE, outcome_of

if TYPE_CHECKING:
    from twilio.rest import Client

PAGE_SIZE = 200
MAX_MESSAGES = 1000
"""Messages read for one number. A number with more is probably a test phone, and its repair stays undecided."""
CONTROL_SAMPLE = 200
"""Newest messages, inbound ones included, among which a control message is searched."""
NOT_LEAVING = frozenset({"failed", "undelivered", "canceled"})
_FINAL = frozenset({"delivered", "read", "undelivered", "failed"})
_CHANNEL = ":"
"""Addresses of WhatsApp and other channels contain it; their messages are not texts."""
_NOT_AUTHENTICATED = frozenset({"twilio:20003", "http:401"})
_OUTBOUND = "outbound"
_BY_API = "outbound-api"


def sent_to(client: "Client", number: str, since: datetime | None, longest: timedelta) -> SentMessages:
    """Outbound messages to ``number``: all pages, or the pages back to ``since``; at most ``MAX_MESSAGES``.

    Back to ``since`` takes one page as a rule, and all pages together take no longer than ``longest``.

    Raises:
        ProviderFailure: a page could not be read, or the pages take too long.
    """
    ends_at = time.monotonic() + longest.total_seconds()

    def listed() -> Iterable[Any]:
        # Without a limit: the SDK would pass one on as the size of a page.
        every = islice(client.messages.stream(to=number, page_size=PAGE_SIZE), MAX_MESSAGES + 1)
        return _back_to(since, ends_at, every) if since else every

    texts = _read(listed)
    return SentMessages(texts=_outbound(texts), complete=len(texts) <= MAX_MESSAGES)


def _back_to(since: datetime, ends_at: float, listed: Iterable[Any]) -> Iterator[Any]:
    """The messages up to the first one that was sent before ``since``. No page after it is asked for.

    The list is sorted by *DateSent*, the newest first. What was sent before ``since`` was created before it too, and so
    was all that follows. A message without *DateSent* says nothing about those after it.
    """
    # Imported here: see ``outcome_of``.
    import requests

    for message in listed:
        if time.monotonic() > ends_at:
            raise requests.exceptions.Timeout
        if isinstance(message.date_sent, datetime) and message.date_sent < since:
            return
        yield message


def recent(client: "Client") -> Sequence[SentSms]:
    """The account's newest messages that are outbound.

    Raises:
        ProviderFailure: the page could not be read.
    """
    return _outbound(_read(lambda: islice(client.messages.stream(page_size=PAGE_SIZE), CONTROL_SAMPLE)))


def _read(query: Callable[[], Iterable[Any]]) -> list[Any]:
    found: list[Any] = []

    def read() -> Outcome:
        found.extend(query())
        if not all(map(_is_readable, found)):
            return UNREADABLE
        return Outcome(result=Result.DONE, code="read")

    seen = outcome_of(read)
    if seen.code in _NOT_AUTHENTICATED:
        raise CredentialsRejected(seen)
    if seen.result is not Result.DONE:
        raise ProviderFailure(seen)
    return found


def _is_readable(message: Any) -> bool:
    words = (message.to, message.body)
    return bool(message.sid and message.date_created and message.direction) and all(
        word is None or isinstance(word, str) for word in words
    )


def _outbound(messages: Iterable[Any]) -> list[SentSms]:
    return [
        SentSms(
            sid=message.sid,
            number=message.to or "",
            body=message.body or "",
            by_api=message.direction == _BY_API,
            made_at=message.date_created,
            status=str(message.status),
            leaves=message.status not in NOT_LEAVING,
            arrived=message.status in _FINAL,
        )
        for message in messages
        if str(message.direction).startswith(_OUTBOUND) and _CHANNEL not in (message.to or "")
    ]
