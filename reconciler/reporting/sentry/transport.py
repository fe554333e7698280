"""Sends envelopes to Sentry synchronously, with a deadline, and keeps the answer.

The SDK's own transport sends from a thread and hides the answer; the event id it returns proves nothing.
"""

import gzip
import time
from datetime import timedelta
from typing import Any

import requests
import structlog
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport
from urllib3.exceptions import HTTPError

from reconciler.domain.alerting.alerts import DeliveryStatus
from reconciler.timing.call_deadline import DeadlineOver, with_deadline

_log = structlog.get_logger()
_ALL_CATEGORIES = ""
_REJECTS_THIS_ENVELOPE = frozenset({400, 413})
"""Malformed or too large: another envelope may be accepted."""
_CATEGORY = {"event": "error", "check_in": "monitor"}
_DEFAULT_LIMIT = 60
"""Seconds without requests after a 429 that does not say how long (Sentry developer docs, Rate Limiting)."""


class SyncTransport(Transport):
    """Sends each envelope at once, and keeps how Sentry answered the last one."""

    timeout: timedelta = timedelta(seconds=10)

    @classmethod
    def with_timeout(cls, timeout: timedelta) -> type["SyncTransport"]:
        """A transport class, as the SDK expects one, with this deadline for each whole call."""
        return type("SyncTransport", (cls,), {"timeout": timeout})

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self._session = requests.Session()
        self._quiet_until: dict[str, float] = {}
        self._delivery_status = DeliveryStatus.UNREACHABLE
        self._error_code = ""

    def delivery_status(self) -> DeliveryStatus:
        """How Sentry answered the last envelope."""
        return self._delivery_status

    def error_code(self) -> str:
        """Why the last envelope was not accepted, as a code: an exception's type, ``http:STATUS``, ``rate_limited``."""
        return self._error_code

    def capture_envelope(self, envelope: Envelope) -> None:
        self._delivery_status = DeliveryStatus.UNREACHABLE
        categories = {_CATEGORY.get(item.type or "", "default") for item in envelope.items} | {_ALL_CATEGORIES}
        if any(time.monotonic() < self._quiet_until.get(category, 0) for category in categories):
            _log.warning("sentry_rate_limited")
            self._error_code = "rate_limited"
            return
        self._delivery_status = self._post(envelope)

    def kill(self) -> None:
        self._session.close()

    def _post(self, envelope: Envelope) -> DeliveryStatus:
        if self.parsed_dsn is None:
            return DeliveryStatus.UNREACHABLE
        auth = self.parsed_dsn.to_auth("reconciler")
        headers = {
            "X-Sentry-Auth": auth.to_header(),
            "Content-Type": "application/x-sentry-envelope",
            "Content-Encoding": "gzip",
        }
        try:
            answer = with_deadline(
                self.timeout,
                lambda: self._session.post(
                    auth.get_api_url(),
                    data=gzip.compress(envelope.serialize()),
                    headers=headers,
                    timeout=self.timeout.total_seconds(),
                    allow_redirects=False,
                ),
            )
        except (requests.RequestException, HTTPError, ValueError, DeadlineOver) as error:
            # HTTPError and ValueError: urllib3 and the IDNA codec raise their own errors for an impossible host name.
            _log.warning("sentry_unreachable", error=type(error).__name__)
            self._error_code = type(error).__name__
            return DeliveryStatus.UNREACHABLE
        self._apply_rate_limits(answer)
        if answer.ok and not answer.is_redirect and _is_from_sentry(answer):
            return DeliveryStatus.ACCEPTED
        _log.warning("sentry_refused", status=answer.status_code)
        self._error_code = f"http:{answer.status_code}"
        return DeliveryStatus.REFUSED if answer.status_code in _REJECTS_THIS_ENVELOPE else DeliveryStatus.UNREACHABLE

    def _apply_rate_limits(self, answer: requests.Response) -> None:
        """Read ``X-Sentry-Rate-Limits`` (``60:error;monitor:key, ..``), or a plain 429 with Retry-After."""
        header = answer.headers.get("X-Sentry-Rate-Limits", "")
        for limit in filter(None, (part.strip() for part in header.split(","))):
            seconds, _, rest = limit.partition(":")
            if seconds.isdecimal():
                for category in rest.partition(":")[0].split(";"):
                    self._quiet_until[category] = time.monotonic() + int(seconds)
        if answer.status_code == 429 and not header:
            after = answer.headers.get("Retry-After", "")
            self._quiet_until[_ALL_CATEGORIES] = time.monotonic() + (
                int(after) if after.isdecimal() else _DEFAULT_LIMIT
            )


def _is_from_sentry(answer: requests.Response) -> bool:
    """Sentry answers an envelope with a JSON object; the login page of a proxy also answers 200."""
    try:
        return isinstance(answer.json(), dict)
    except ValueError:
        return False
