"""Heartbeats: pings to an external dead man's switch, which alerts by itself when a job stops pinging."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

from reconciler.domain.alerting.heartbeats import REFUSED, UNEXPECTED, Ping
from reconciler.reporting.border import Answer, guarded
from reconciler.reporting.logs import Log
from reconciler.reporting.monitoring_services import MonitoringService, is_accepted, recognised, request_of

TIMEOUT = timedelta(seconds=3)
"""For the whole call: a run waits no longer for a heartbeat."""
_log = Log()


@dataclass(frozen=True, slots=True)
class Heartbeats:
    """The pings of each job, as its monitoring service wants them.

    A failed ping is logged and never fails the run. Every method returns why it was not accepted, as a code; '' if it
    was, or if there is nothing to ping.
    """

    urls: Mapping[str, str] = field(repr=False)
    """Ping URL by job name; jobs without a heartbeat are absent."""
    service: MonitoringService | None = None
    """``None``: each URL shows which service it is of."""

    @property
    def jobs(self) -> Sequence[str]:
        return sorted(self.urls)

    def start(self, job: str) -> str:
        return self._ping(job, Ping.START)

    def end(self, job: str, *, failed: bool) -> str:
        return self._ping(job, Ping.FAILURE if failed else Ping.SUCCESS)

    def try_out(self, job: str) -> str:
        """Find out whether a ping would be accepted, without telling the service that the job is well or broken.

        Only healthchecks.io has a ping that says neither. Of the others only the host is asked, without the secret.
        """
        return guarded("heartbeat", lambda: self._tried_out(job), UNEXPECTED)

    def is_proven_by_trial(self, job: str) -> bool:
        """Whether ``try_out`` shows that the service knows this URL."""
        return self._service_of(self.urls[job]) is MonitoringService.HEALTHCHECKS

    def _tried_out(self, job: str) -> str:
        if self.is_proven_by_trial(job):
            return self._ping(job, Ping.TRIAL)
        parts = urlsplit(self.urls[job])
        host = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/"
        return _call("GET", host).problem

    def _service_of(self, url: str) -> MonitoringService:
        return self.service or recognised(url)

    def _ping(self, job: str, ping: Ping) -> str:
        if job not in self.urls:
            return ""
        code = guarded("heartbeat", lambda: self._sent(self.urls[job], ping), UNEXPECTED)
        if code:
            event = "heartbeat_refused" if code.startswith(REFUSED) else "heartbeat_unreachable"
            _log.warning(event, job=job, error=code)
        return code

    def _sent(self, url: str, ping: Ping) -> str:
        service = self._service_of(url)
        request = request_of(service, url, ping)
        if request is None:
            return ""
        method, address = request
        answer = _call(method, address)
        if not answer.status:
            return answer.problem
        return "" if is_accepted(service, answer) else f"{REFUSED}{answer.status}"


def _call(method: str, address: str) -> Answer:
    # Imported here: the import of requests is slow, and a run by hand pings nobody.
    from reconciler.reporting.sink_call import call_sink

    return call_sink(method, address, limit=TIMEOUT)
