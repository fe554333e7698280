"""A stand-in for the services behind heartbeats: healthchecks.io, Cronitor, Uptime Kuma, and one of no known kind.

Each takes what its documentation describes and nothing else: its Pinging API, Telemetry API, or push route.
"""

import re
import secrets
import uuid

from reconciler.sandbox.fakes.server import Request, Response, StandIn

_HEALTHCHECKS = re.compile(r"/ping/([^/]+)(|/start|/fail|/log)")
_CRONITOR = re.compile(r"/p/([^/]+)/[^/]+")
_KUMA = re.compile(r"/api/push/([^/]+)")
_OK_PLAIN = "/beat"


class MonitoringStandIn(StandIn):
    """Keeps what it is told in ``heard``: the service, and its own word for the ping."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, str]] = []
        self.check, self.key, self.token = str(uuid.uuid4()), secrets.token_hex(16), secrets.token_urlsafe(24)

    @property
    def healthchecks(self) -> str:
        return f"{self.url}/ping/{self.check}"

    @property
    def cronitor(self) -> str:
        return f"{self.url}/p/{self.key}/reconciler"

    @property
    def uptime_kuma(self) -> str:
        """As Uptime Kuma shows it, with a query to copy."""
        return f"{self.url}/api/push/{self.token}?status=up&msg=OK&ping="

    @property
    def plain(self) -> str:
        return f"{self.url}{_OK_PLAIN}"

    def operation(self, request: Request) -> str:
        return "ping"

    def answer(self, request: Request) -> Response:
        if found := _HEALTHCHECKS.fullmatch(request.path):
            return self._healthchecks(*found.groups())
        if found := _CRONITOR.fullmatch(request.path):
            return self._cronitor(found[1], request)
        if found := _KUMA.fullmatch(request.path):
            return self._kuma(found[1], request)
        if request.path == _OK_PLAIN:
            return self._hear("plain", "alive", Response(200))
        return Response(404)

    def _healthchecks(self, check: str, action: str) -> Response:
        """A check that does not exist has 200 as well, and says so in the body."""
        if check != self.check:
            return Response(200, b"OK (not found)")
        return self._hear("healthchecks", action.strip("/") or "success", Response(200, b"OK"))

    def _cronitor(self, key: str, request: Request) -> Response:
        if key != self.key:
            return Response(403)
        return self._hear("cronitor", request.query.get("state", ""), Response(200))

    def _kuma(self, token: str, request: Request) -> Response:
        if request.method != "GET":
            return Response(404)
        if token != self.token:
            return Response.of(404, {"ok": False, "msg": "Monitor not found or not active."})
        return self._hear("uptime_kuma", request.query.get("status", "up"), Response.of(200, {"ok": True}))

    def _hear(self, service: str, said: str, response: Response) -> Response:
        self.heard.append((service, said))
        self.writes += 1
        return response
