"""Heartbeats: pings to an external dead man's switch, which alerts by itself when a job stops pinging."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import requests
import structlog
from urllib3.exceptions import HTTPError

from reconciler.timing.call_deadline import DeadlineOver, with_deadline

TIMEOUT = timedelta(seconds=3)
"""For the whole call: a run waits no longer for a heartbeat."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Heartbeats:
    """Pings in the style of healthchecks.io: the URL itself means success; /start and /fail are appended to it.

    A failed ping is logged and never fails the run.
    """

    urls: Mapping[str, str] = field(repr=False)
    """Ping URL by job name; jobs without a heartbeat are absent."""

    def start(self, job: str) -> None:
        self._ping(job, "/start")

    def end(self, job: str, *, failed: bool) -> None:
        self._ping(job, "/fail" if failed else "")

    def _ping(self, job: str, suffix: str) -> None:
        if job not in self.urls:
            return
        url, question, query = self.urls[job].partition("?")
        try:
            answer = with_deadline(TIMEOUT, lambda: _post(f"{url.rstrip('/')}{suffix}{question}{query}"))
        except (requests.RequestException, HTTPError, ValueError, DeadlineOver) as error:
            _log.warning("heartbeat_unreachable", job=job, error=type(error).__name__)
            return
        if not answer.ok:
            _log.warning("heartbeat_refused", job=job, status=answer.status_code)


def _post(url: str) -> requests.Response:
    return requests.post(url, timeout=TIMEOUT.total_seconds(), allow_redirects=False)
