"""How an envelope reaches Sentry: at once, within a time limit, and with an answer that is looked at.

The SDK's own transport sends from a thread and keeps the answer to itself; an event id it returns proves nothing.
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

_log = structlog.get_logger()
_EVERYTHING = ""
_ABOUT_THIS_ONE = frozenset({400, 413})
"""Malformed or too large: another envelope may fare better."""
_CATEGORY = {"event": "error", "check_in": "monitor"}
_DEFAULT_LIMIT = 60
"""Seconds to keep quiet after a 429 that does not say how long (Sentry developer docs, Rate Limiting)."""


class SyncTransport(Transport):
    """Sends each envelope when it is given, and knows what delivery_status of the last one."""

    timeout: timedelta = timedelta(seconds=10)

    @classmethod
    def with_timeout(cls, timeout: timedelta) -> type["SyncTransport"]:
        """A transport class, as the SDK wants one, with this limit for connecting and for each wait on the answer."""
        return type("SyncTransport", (cls,), {"timeout": timeout})

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self._session = requests.Session()
        self._quiet_until: dict[str, float] = {}
        self._became = DeliveryStatus.UNREACHABLE
        self._answered = ""

    def delivery_status(self) -> DeliveryStatus:
        """What delivery_status of the last envelope."""
        return self._became

    def answered(self) -> str:
        """Why the last envelope was not accepted, as a code."""
        return self._answered

    def capture_envelope(self, envelope: Envelope) -> None:
        self._became = DeliveryStatus.UNREACHABLE
        categories = {_CATEGORY.get(item.type or "", "default") for item in envelope.items} | {_EVERYTHING}
        if any(time.monotonic() < self._quiet_until.get(category, 0) for category in categories):
            _log.warning("sentry_rate_limited")
            self._answered = "rate_limited"
            return
        self._became = self._post(envelope)

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
            answer = self._session.post(
                auth.get_api_url(),
                data=gzip.compress(envelope.serialize()),
                headers=headers,
                timeout=self.timeout.total_seconds(),
                allow_redirects=False,
            )
        except (requests.RequestException, HTTPError, ValueError) as error:
            # The last two: a host that cannot be one (urllib3, and the codec for names) is no RequestException.
            _log.warning("sentry_unreachable", error=type(error).__name__)
            self._answered = type(error).__name__
            return DeliveryStatus.UNREACHABLE
        self._heed(answer)
        if answer.ok and not answer.is_redirect and _is_sentrys(answer):
            return DeliveryStatus.ACCEPTED
        _log.warning("sentry_refused", status=answer.status_code)
        self._answered = f"http:{answer.status_code}"
        return DeliveryStatus.REFUSED if answer.status_code in _ABOUT_THIS_ONE else DeliveryStatus.UNREACHABLE

    def _heed(self, answer: requests.Response) -> None:
        """Rate limits: ``60:error;monitor:key, ..``, or a plain 429 with Retry-After."""
        header = answer.headers.get("X-Sentry-Rate-Limits", "")
        for limit in filter(None, (part.strip() for part in header.split(","))):
            seconds, _, rest = limit.partition(":")
            if seconds.isdecimal():
                for category in rest.partition(":")[0].split(";"):
                    self._quiet_until[category] = time.monotonic() + int(seconds)
        if answer.status_code == 429 and not header:
            after = answer.headers.get("Retry-After", "")
            self._quiet_until[_EVERYTHING] = time.monotonic() + (int(after) if after.isdecimal() else _DEFAULT_LIMIT)


def _is_sentrys(answer: requests.Response) -> bool:
    """Sentry answers an envelope with a JSON object; a login page on the way to it says 200 too."""
    try:
        return isinstance(answer.json(), dict)
    except ValueError:
        return False
