"""What the page turned away, as a few log lines: an attacker decides how often it happens, not how much is logged."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import structlog

INTERVAL = 60.0
"""Seconds between two log lines about one reason."""
MAX_ADDRESSES = 5
"""Addresses named in one line: those with the most refusals."""
MAX_COUNTED = 1000
"""Addresses counted one by one; a sender of IPv6 has more than any memory."""
_log = structlog.get_logger()


class Reason(StrEnum):
    """Why the page turned something away."""

    LOGIN_FAILED = "login_failed"
    MALFORMED = "malformed"
    """What arrived is not HTTP/1.1."""
    TOO_SLOW = "too_slow"
    """A request, or the reading of an answer, took longer than a connection may take."""
    TOO_MANY = "too_many"
    """A silent connection gave way to a newer one."""
    NO_DESCRIPTORS = "no_descriptors"
    """The system has no descriptor for another connection."""


@dataclass
class _Since:
    """Refusals of one reason since its last log line."""

    logged_at: float
    addresses: Counter[str] = field(default_factory=Counter)
    times: int = 0


class Refusals:
    """Counts refusals. The first of a reason is logged at once, the others of a minute together in one line.

    For the page's loop only: no other thread may call it.
    """

    def __init__(self) -> None:
        self._since: dict[Reason, _Since] = {}

    def note(self, reason: Reason, address: str | None = None) -> None:
        since = self._since.setdefault(reason, _Since(logged_at=time.monotonic() - INTERVAL))
        since.times += 1
        if address and (address in since.addresses or len(since.addresses) < MAX_COUNTED):
            since.addresses[address] += 1
        self.log_due()

    def log_due(self) -> None:
        """Log what has not been logged, of the reasons whose last line is a minute old."""
        now = time.monotonic()
        for reason, since in self._since.items():
            if since.times and now - since.logged_at >= INTERVAL:
                self._log(reason, since.times, since.addresses)
                self._since[reason] = _Since(logged_at=now)

    def log_rest(self) -> None:
        """Log what has not been logged, before the page ends."""
        for reason, since in self._since.items():
            if since.times:
                self._log(reason, since.times, since.addresses)
        self._since.clear()

    def _log(self, reason: Reason, times: int, addresses: Mapping[str, int]) -> None:
        most = [name for name, _ in Counter(addresses).most_common(MAX_ADDRESSES)]
        _log.warning("page_refused", reason=reason.value, times=times, **({"addresses": most} if most else {}))
