"""Dead man's switches: somebody outside who expects a ping from each run, and says so when none comes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import requests
import structlog
from urllib3.exceptions import HTTPError

TIMEOUT = 3.0
"""Seconds for connecting, and for each wait on the answer: a run does not wait for them longer."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Heartbeats:
    """Pings as healthchecks.io has them: the URL itself is success, /start and /fail are added to it.

    A switch that does not answer is logged and disturbs nothing.
    """

    urls: Mapping[str, str] = field(repr=False)
    """By job; a job without one has none."""

    def start(self, job: str) -> None:
        self._ping(job, "/start")

    def end(self, job: str, *, failed: bool) -> None:
        self._ping(job, "/fail" if failed else "")

    def _ping(self, job: str, what: str) -> None:
        if job not in self.urls:
            return
        url, question, query = self.urls[job].partition("?")
        try:
            answer = requests.post(f"{url.rstrip('/')}{what}{question}{query}", timeout=TIMEOUT, allow_redirects=False)
        except (requests.RequestException, HTTPError, ValueError) as error:
            _log.warning("switch_unreachable", job=job, error=type(error).__name__)
            return
        if not answer.ok:
            _log.warning("switch_refused", job=job, status=answer.status_code)
