"""The HTTP sessions beneath both SDKs: proxies and CAs by the environment, no redirect followed, answers bounded.

``requests`` reads HTTPS_PROXY, NO_PROXY and REQUESTS_CA_BUNDLE. httplib2, which Google's SDK uses by itself, needs
another package for a proxy, another variable for a CA, follows redirects with the secret, and sends a POST again.
"""

from ssl import SSLCertVerificationError
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import MaxRetryError, NewConnectionError
from urllib3.exceptions import ProxyError as ProxyNotReached
from urllib3.exceptions import SSLError as TlsError
from urllib3.util import Retry

LONGEST_ANSWER = 8 * 1024 * 1024
"""Bytes of an answer, decompressed. The longest page of either provider is far below it."""
_PART = 64 * 1024


class AnswerTooLong(requests.exceptions.RequestException):
    """The answer has no end in sight."""


class BoundedAdapter(HTTPAdapter):
    """Reads an answer to its end, but no further than ``LONGEST_ANSWER``."""

    def send(self, request: Any, stream: bool = False, *arguments: Any, **options: Any) -> Any:
        """Raises:
        AnswerTooLong: the answer is longer. The connection is closed.
        """
        response = super().send(request, True, *arguments, **options)
        parts, length = [], 0
        try:
            for part in response.iter_content(_PART):
                parts.append(part)
                length += len(part)
                _check(length)
        except BaseException:
            response.close()  # what is left of the answer must not be taken for the next one
            raise
        response._content = b"".join(parts)  # noqa: SLF001 - where requests keeps what it has read
        return response


def _check(length: int) -> None:
    if length > LONGEST_ANSWER:
        raise AnswerTooLong


def new_session(session: requests.Session | None = None, *, retries: Retry | None = None) -> requests.Session:
    """The session, or a new one, that reads bounded answers. ``retries``: for calls that leave nothing behind."""
    bounded = session or _Session()
    for scheme in ("http://", "https://"):
        bounded.mount(scheme, BoundedAdapter(max_retries=retries or 0))
    return bounded


class _Session(requests.Session):
    """Follows no redirect: a secret would go with it, perhaps in plain text or to another host."""

    def request(self, *arguments: Any, **options: Any) -> requests.Response:
        return super().request(*arguments, **{**options, "allow_redirects": False})


def never_connected(error: requests.exceptions.ConnectionError) -> bool:
    """Whether no connection was established, so that certainly nothing was sent.

    That is: no socket (or the name does not resolve), no route through the proxy, or an untrusted certificate. Any
    other TLS failure may have come after the request.
    """
    failure = error.args[0] if error.args else None
    reason = failure.reason if isinstance(failure, MaxRetryError) else None
    if isinstance(reason, TlsError):
        return bool(reason.args) and isinstance(reason.args[0], SSLCertVerificationError)
    return isinstance(reason, NewConnectionError | ProxyNotReached)
