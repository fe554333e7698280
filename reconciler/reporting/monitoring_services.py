"""How each monitoring service wants to be pinged, and what shows that it has taken a ping.

Sources: healthchecks.io, Pinging API (https://healthchecks.io/docs/http_api/); Cronitor, Telemetry API
(https://cronitor.io/docs/telemetry-api); Uptime Kuma, Push (its route /api/push/:pushToken).
"""

import re
from enum import StrEnum
from urllib.parse import urlencode, urlsplit, urlunsplit

from reconciler.domain.alerting.heartbeats import Ping
from reconciler.reporting.border import Answer


class MonitoringService(StrEnum):
    HEALTHCHECKS = "healthchecks"
    """``/start`` and ``/fail`` after the URL; ``/log`` notes a ping that changes nothing."""
    CRONITOR = "cronitor"
    """``?state=run``, ``complete`` or ``fail``."""
    UPTIME_KUMA = "uptime_kuma"
    """GET with ``?status=up`` or ``down``. It knows no start."""
    PLAIN = "plain"
    """Any other: the URL itself, and only for success. Its silence is the alarm."""


_HEALTHCHECKS_PATH = re.compile(r"/ping/(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[\w-]{22}/[\w-]+)/?")
"""Of an installation of one's own: a UUID, or the project's ping key and the check's slug."""
_KUMA_PATH = re.compile(r".*/api/push/[^/]+/?")
_SUFFIX = {Ping.START: "/start", Ping.SUCCESS: "", Ping.FAILURE: "/fail", Ping.TRIAL: "/log"}
_STATE = {Ping.START: "run", Ping.SUCCESS: "complete", Ping.FAILURE: "fail"}
_UP, _DOWN = {"status": "up", "msg": "OK"}, {"status": "down", "msg": "the run failed"}


def recognised(url: str) -> MonitoringService:
    """The service that a URL is of, by its host or its path."""
    parts = urlsplit(url)
    if parts.hostname == "hc-ping.com" or _HEALTHCHECKS_PATH.fullmatch(parts.path):
        return MonitoringService.HEALTHCHECKS
    if parts.hostname in ("cronitor.link", "cronitor.io"):
        return MonitoringService.CRONITOR
    if _KUMA_PATH.fullmatch(parts.path):
        return MonitoringService.UPTIME_KUMA
    return MonitoringService.PLAIN


def request_of(service: MonitoringService, url: str, ping: Ping) -> tuple[str, str] | None:
    """Method and address of a ping; ``None`` where the service has none of this kind."""
    parts = urlsplit(url)
    match service:
        case MonitoringService.HEALTHCHECKS:
            return "POST", urlunsplit(parts._replace(path=parts.path.rstrip("/") + _SUFFIX[ping]))
        case MonitoringService.CRONITOR if ping in _STATE:
            return "GET", urlunsplit(parts._replace(query=_query(parts.query, {"state": _STATE[ping]})))
        case MonitoringService.UPTIME_KUMA if ping in (Ping.SUCCESS, Ping.FAILURE):
            said = _UP if ping is Ping.SUCCESS else _DOWN
            return "GET", urlunsplit(parts._replace(query=_query(parts.query, said)))
        case MonitoringService.PLAIN if ping is Ping.SUCCESS:
            return "POST", url
    return None


def is_accepted(service: MonitoringService, answer: Answer) -> bool:
    """Whether the service has taken the ping. It may say with 200 that it has not."""
    if not answer.is_success:
        return False
    match service:
        case MonitoringService.HEALTHCHECKS:
            # "OK (not found)" and "OK (rate limited)": there is no such check, or the ping is ignored.
            return not (answer.body or b"").startswith(b"OK (")
        case MonitoringService.UPTIME_KUMA:
            data = answer.data()
            return isinstance(data, dict) and data.get("ok") is True
    return True


def _query(given: str, said: dict[str, str]) -> str:
    """The given query without the parts that a ping says itself: Uptime Kuma shows its URL with ``status=up``."""
    kept = [part for part in given.split("&") if part and part.partition("=")[0] not in (*said, "ping")]
    return "&".join([*kept, urlencode(said)])
