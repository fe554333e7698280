"""A stand-in for Sentry: the envelope endpoint, the issues that events create, and a record of everything received."""

import gzip
import importlib
import json
import secrets
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from reconciler.sandbox.fakes.server import Request, Response, StandIn

PROJECT = "42"
PUBLIC_KEY = "5a4d" * 8
_API = "/api/0/organizations/"


@dataclass(frozen=True, slots=True)
class Item:
    """One item of an envelope (Sentry developer docs, Envelopes): ``type`` is event, check_in, ..."""

    type: str
    payload: dict[str, Any] = field(repr=False)


@dataclass(slots=True)
class Issue:
    """The events of one fingerprint."""

    id: str
    status: str = "unresolved"
    events: list[str] = field(default_factory=list)


class SentryStandIn(StandIn):
    """Keeps the envelopes it receives: parsed in ``items``, verbatim in ``raw``."""

    organization = "venue"

    def __init__(self) -> None:
        super().__init__()
        self.items: list[Item] = []
        self.raw: list[str] = []
        self.issues: dict[tuple[str, ...], Issue] = {}
        """Fingerprint -> issue."""
        self.token = f"sntrys_{secrets.token_hex(16)}"

    @property
    def dsn(self) -> str:
        return f"http://{PUBLIC_KEY}@{urlsplit(self.url).netloc}/{PROJECT}"

    @property
    def events(self) -> list[dict[str, Any]]:
        return [item.payload for item in self.items if item.type == "event"]

    @property
    def check_ins(self) -> list[dict[str, Any]]:
        return [item.payload for item in self.items if item.type == "check_in"]

    def operation(self, request: Request) -> str:
        if request.path.startswith(_API):
            return "issue.find" if request.method == "GET" else "issue.update"
        return "envelope"

    def answer(self, request: Request) -> Response:
        return self._api(request) if request.path.startswith(_API) else self._envelope(request)

    def _api(self, request: Request) -> Response:
        """Answer the calls Resolve an Event ID and Update an Issue (Sentry's docs, API)."""
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return Response.of(401, {"detail": "Invalid token"})
        organization, _, rest = request.path.removeprefix(_API).partition("/")
        kind, _, name = rest.strip("/").partition("/")
        if organization == self.organization:
            for issue in self.issues.values():
                if (request.method, kind) == ("GET", "eventids") and name in issue.events:
                    return Response.of(200, {"organizationSlug": organization, "groupId": issue.id, "eventId": name})
                if (request.method, kind) == ("PUT", "issues") and name == issue.id:
                    issue.status = str(request.data().get("status", issue.status))
                    return Response.of(200, {"id": issue.id, "status": issue.status})
        return Response.of(404, {"detail": "The requested resource does not exist"})

    def _envelope(self, request: Request) -> Response:
        if request.method != "POST" or request.path != f"/api/{PROJECT}/envelope/":
            return Response.of(404, {"detail": "not found"})
        if f"sentry_key={PUBLIC_KEY}" not in request.headers.get("x-sentry-auth", ""):
            return Response.of(403, {"detail": "bad sentry DSN public key"})
        envelope = _decoded(request)
        header, _, rest = envelope.partition(b"\n")
        self.raw.append(envelope.decode(errors="replace"))
        for item in _items(rest):
            self.items.append(item)
            if item.type == "event":
                self._group(item.payload)
        self.writes += 1
        return Response.of(200, {"id": json.loads(header).get("event_id")})

    def _group(self, event: dict[str, Any]) -> None:
        """Create or reopen the event's issue. A repeated event changes nothing."""
        key = tuple(event.get("fingerprint", [event.get("message", "")]))
        issue = self.issues.setdefault(key, Issue(str(1000 + len(self.issues))))
        id_ = event.get("event_id", "")
        if id_ not in issue.events:
            issue.events.append(id_)
            issue.status = "unresolved"


def _decoded(request: Request) -> bytes:
    match request.headers.get("content-encoding"):
        case "gzip":
            return gzip.decompress(request.body)
        case "deflate":
            return zlib.decompress(request.body)
        case "br":
            # The SDK uses Brotli if the package is installed; we do not depend on it.
            decoded: bytes = importlib.import_module("brotli").decompress(request.body)
            return decoded
        case _:
            return request.body


def _items(rest: bytes) -> Iterator[Item]:
    """Each item is a line of JSON, then ``length`` bytes of payload; without ``length`` the payload is one line."""
    while rest.strip():
        line, _, rest = rest.lstrip(b"\n").partition(b"\n")
        header = json.loads(line)
        length = header.get("length", rest.find(b"\n") if b"\n" in rest else len(rest))
        payload, rest = rest[:length], rest[length:]
        parsed = json.loads(payload) if payload.startswith(b"{") else {}
        yield Item(header["type"], parsed)
