"""The border around every sink: Sentry, an on-call route, a heartbeat. Beyond it, no sink raises.

``guarded`` is the one place where what nobody thought of becomes *unknown*. ``sink_call`` makes the HTTP calls; it is
apart because it loads requests, and most passes call no sink.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from reconciler.reporting.logs import Log

T = TypeVar("T")
_log = Log()


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


def guarded(sink: str, call: Callable[[], T], unknown: T) -> T:
    """What the call returns, or ``unknown`` if it raises anything. The log has the place, and never the message."""
    try:
        return call()
    except Exception:  # noqa: BLE001 - the border: a sink must not end the service, nor keep other alerts back
        _log.exception("sink_unknown", sink=sink)
        return unknown
