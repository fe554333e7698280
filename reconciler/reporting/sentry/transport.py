"""Sends envelopes to Sentry synchronously, with a deadline, and keeps the answer.

The SDK's own transport sends from a thread and hides the answer; the event id it returns proves nothing.
"""

import gzip
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sentry_sdk.envelope import Envelope, Item, PayloadRef
from sentry_sdk.transport import Transport

from reconciler.domain.alerting.alerts import DeliveryStatus
from reconciler.reporting.border import Answer
from reconciler.reporting.logs import Log
from reconciler.reporting.sink_call import call_sink
from reconciler.timing.retry_after import retry_after

NOT_SENTRY, DROPPED = "not_sentry", "dropped"
_log = Log()
_ALL_CATEGORIES = ""
_REJECTS_THIS_ENVELOPE = frozenset({400, 413})
"""Malformed or too large: another envelope may be accepted."""
_REJECTS_A_KEY = frozenset({401, 403, 404})
_CATEGORY = {"event": "error", "check_in": "monitor"}
_CATEGORIES = frozenset({*_CATEGORY.values(), "default", _ALL_CATEGORIES})
"""What we send. Limits of other categories are not kept."""
_DEFAULT_LIMIT = timedelta(seconds=60)
"""Without requests after a 429 that does not say how long (Sentry developer docs, Rate Limiting)."""
_TOO_MANY = 429


class SyncTransport(Transport):
    """Sends each envelope at once, and keeps how Sentry answered the last one."""

    timeout: timedelta = timedelta(seconds=10)

    @classmethod
    def with_timeout(cls, timeout: timedelta) -> type["SyncTransport"]:
        """A transport class, as the SDK expects one, with this deadline for each whole call."""
        return type("SyncTransport", (cls,), {"timeout": timeout})

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self._quiet_until: dict[str, float] = {}
        self._knows_keys: bool | None = None
        self.forget()

    def forget(self) -> None:
        """Before an envelope is built: the SDK may drop it, and then the last answer was to another one."""
        self._delivery_status, self._error_code = DeliveryStatus.UNKNOWN, DROPPED

    def delivery_status(self) -> DeliveryStatus:
        """How Sentry answered the last envelope."""
        return self._delivery_status

    def error_code(self) -> str:
        """Why the last envelope was not accepted, as a code: an exception's type, ``http:STATUS``, ``rate_limited``."""
        return self._error_code

    def capture_envelope(self, envelope: Envelope) -> None:
        categories = {_CATEGORY.get(item.type or "", "default") for item in envelope.items} | {_ALL_CATEGORIES}
        if any(time.monotonic() < self._quiet_until.get(category, 0) for category in categories):
            _log.warning("sentry_rate_limited")
            self._delivery_status, self._error_code = DeliveryStatus.UNREACHABLE, "rate_limited"
            return
        answer = self._post(envelope)
        self._apply_rate_limits(answer)
        self._delivery_status, self._error_code = self._judge(answer, envelope)

    def _judge(self, answer: Answer, envelope: Envelope) -> tuple[DeliveryStatus, str]:
        if answer.is_success:
            if _is_sentrys(answer, envelope) or self._refuses_a_wrong_key():
                return DeliveryStatus.ACCEPTED, ""
            _log.warning("sentry_unreadable", status=answer.status)
            return DeliveryStatus.UNREADABLE, NOT_SENTRY
        if not answer.status:
            _log.warning("sentry_unreachable", error=answer.problem)
            return DeliveryStatus.UNREACHABLE, answer.problem
        _log.warning("sentry_refused", status=answer.status)
        rejected = answer.status in _REJECTS_THIS_ENVELOPE
        return DeliveryStatus.REFUSED if rejected else DeliveryStatus.UNREACHABLE, f"http:{answer.status}"

    def _refuses_a_wrong_key(self) -> bool:
        """Whether the server refuses a wrong key, in an envelope that has nothing to report.

        Servers of Sentry's kind may answer an accepted event with an empty 200. So does a proxy, to anything. Only
        what reads our key refuses another one.
        """
        if self._knows_keys is None:
            answer = self._post(empty_report(), key=uuid.uuid4().hex)
            if not answer.is_success and answer.status not in _REJECTS_A_KEY:
                return False  # the control itself has failed: the next envelope asks again
            self._knows_keys = answer.status in _REJECTS_A_KEY
        return self._knows_keys

    def _post(self, envelope: Envelope, key: str | None = None) -> Answer:
        """``key``: another one than the DSN's."""
        if self.parsed_dsn is None:
            return Answer(problem="no_dsn")
        auth = self.parsed_dsn.to_auth("reconciler")
        auth.public_key = key or auth.public_key
        headers = {
            "X-Sentry-Auth": auth.to_header(),
            "Content-Type": "application/x-sentry-envelope",
            "Content-Encoding": "gzip",
        }
        body = gzip.compress(envelope.serialize())
        return call_sink("POST", auth.get_api_url(), limit=self.timeout, body=body, headers=headers)

    def _apply_rate_limits(self, answer: Answer) -> None:
        """Read ``X-Sentry-Rate-Limits`` (``60:error;monitor:key, ..``), or a plain 429 with Retry-After."""
        limits = list(_limits(answer.headers.get("X-Sentry-Rate-Limits", "")))
        if answer.status == _TOO_MANY and not limits:
            limits = [(retry_after(answer.headers.get("Retry-After")) or _DEFAULT_LIMIT, [_ALL_CATEGORIES])]
        for pause, categories in limits:
            for category in _CATEGORIES.intersection(categories):
                self._quiet_until[category] = time.monotonic() + pause.total_seconds()


def _limits(header: str) -> Iterator[tuple[timedelta, list[str]]]:
    """Each limit's time and categories. What cannot be read is left out."""
    for limit in header.split(","):
        seconds, _, rest = limit.strip().partition(":")
        pause = retry_after(seconds) if seconds.isdecimal() else None
        if pause is not None:
            yield pause, rest.partition(":")[0].split(";")


def empty_report() -> Envelope:
    """A client report that has nothing to report, and appears nowhere in Sentry (developer docs, Client Reports)."""
    payload = {"timestamp": datetime.now(UTC).timestamp(), "discarded_events": []}
    return Envelope(items=[Item(PayloadRef(json=payload), type="client_report")])


def _is_sentrys(answer: Answer, envelope: Envelope) -> bool:
    """Sentry answers an event with its id in a JSON object, and any other envelope with a JSON object."""
    data = answer.data()
    if not isinstance(data, dict):
        return False
    if not any(item.type == "event" for item in envelope.items):
        return True
    return str(data.get("id")).replace("-", "") == envelope.headers.get("event_id")
