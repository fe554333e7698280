"""One HTTP call to a sink.

Whatever comes back is an ``Answer``: also a body without end, a broken encoding, or nothing.
"""

from collections.abc import Mapping
from datetime import timedelta

import requests
from urllib3.exceptions import HTTPError

from reconciler.reporting.border import Answer
from reconciler.timing.call_deadline import DeadlineOver, with_deadline

LONGEST_BODY = 64 * 1024
"""Bytes of an answer that are read. The answers of sinks have a few hundred."""


def call_sink(
    method: str, url: str, *, limit: timedelta, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """Make one call, which takes ``limit`` at most. No redirect is followed: the request carries a secret."""
    try:
        return with_deadline(limit, lambda: _call(method, url, limit, body, headers or {}))
    except (requests.RequestException, HTTPError, ValueError, OSError, DeadlineOver) as error:
        # HTTPError and ValueError: urllib3 and the IDNA codec raise their own errors for an impossible host name.
        return Answer(problem=type(error).__name__)


class _Session(requests.Session):
    """Without redirects. requests reads the target of one even where it does not follow it, and with it the body."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


def _call(method: str, url: str, limit: timedelta, body: bytes | None, headers: Mapping[str, str]) -> Answer:
    with (
        _Session() as session,
        session.request(
            method,
            url,
            data=body,
            headers={"Accept-Encoding": "identity", **headers},
            auth=_as_it_is,
            timeout=limit.total_seconds(),
            allow_redirects=False,
            stream=True,
        ) as answer,
    ):
        return Answer(status=answer.status_code, headers=answer.headers, body=_read(answer))


def _read(answer: requests.Response) -> bytes | None:
    try:
        body: bytes = answer.raw.read(LONGEST_BODY + 1, decode_content=True)
    except (HTTPError, ValueError, OSError):
        return None
    return body if len(body) <= LONGEST_BODY else None


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Without this, requests puts what ``.netrc`` has for the host in place of our own credentials."""
    return request
