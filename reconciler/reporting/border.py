"""The border around every sink: Sentry, an on-call route, a heartbeat. Beyond it, no sink raises.

``call_sink`` makes one HTTP call. Whatever comes back is an ``Answer``: also a body without end, a broken encoding, or
nothing. ``guarded`` is the one place where what nobody thought of becomes *unknown*.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

import requests
import structlog
from urllib3.exceptions import HTTPError

from reconciler.timing.call_deadline import DeadlineOver, with_deadline

T = TypeVar("T")
LONGEST_BODY = 64 * 1024
"""Bytes of an answer that are read. The answers of sinks have a few hundred."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of one call."""

    status: int = 0
    """The HTTP status; 0 if no answer came."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By name, in any case."""
    body: bytes | None = field(default=None, repr=False)
    """``None``: it cannot be read. It is too long, cut off, or in a broken encoding."""
    problem: str = ""
    """Why no answer came: the type of an exception."""

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def data(self) -> object:
        """The body as JSON. ``None`` if it is not JSON, or nested more deeply than anybody means it."""
        try:
            return json.loads(self.body or b"")
        except (ValueError, RecursionError):
            return None


def call_sink(
    method: str, url: str, *, limit: timedelta, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """Make one call, which takes ``limit`` at most. No redirect is followed: the request carries a secret."""
    try:
        return with_deadline(limit, lambda: _call(method, url, limit, body, headers or {}))
    except (requests.RequestException, HTTPError, ValueError, OSError, DeadlineOver) as error:
        # HTTPError and ValueError: urllib3 and the IDNA codec raise their own errors for an impossible host name.
        return Answer(problem=type(error).__name__)


def guarded(sink: str, call: Callable[[], T], unknown: T) -> T:
    """What the call returns, or ``unknown`` if it raises anything. The log has the place, and never the message."""
    try:
        return call()
    except Exception:  # noqa: BLE001 - the border: a sink must not end the service, nor keep other alerts back
        _log.exception("sink_unknown", sink=sink)
        return unknown


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
