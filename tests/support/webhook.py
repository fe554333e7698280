"""Somebody on call: a webhook as apprise's ``json://`` calls it; and a dead man's switch."""

import json
from typing import Any

from reconciler.sandbox.fakes.server import Request, Response, StandIn


class Webhook(StandIn):
    """Keeps what it is told: parsed in ``told``, as received in ``raw``; the path of each call in ``paths``."""

    def __init__(self) -> None:
        super().__init__()
        self.alerted: list[dict[str, Any]] = []
        self.raw: list[str] = []
        self.paths: list[str] = []

    @property
    def route(self) -> str:
        """As an apprise URL, with a token in its path."""
        return self.url.replace("http://", "json://") + "/hooks/t0ken"

    def operation(self, request: Request) -> str:
        return "hook"

    def answer(self, request: Request) -> Response:
        self.paths.append(request.path)
        self.raw.append(request.body.decode())
        if request.body:
            self.alerted.append(json.loads(request.body))
        self.writes += 1
        return Response.of(200, {"status": "queued for the person on call"})
