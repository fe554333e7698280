"""A stand-in for Sentry: its envelope endpoint, and what came through it."""

import gzip
import importlib
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from reconciler.sandbox.server import Request, Response, StandIn

PROJECT = "42"
PUBLIC_KEY = "5a4d" * 8


@dataclass(frozen=True, slots=True)
class Item:
    """One item of an envelope (Sentry developer docs, Envelopes): ``type`` is event, check_in, ..."""

    type: str
    payload: dict[str, Any] = field(repr=False)


class SentryStandIn(StandIn):
    """Takes envelopes and keeps them: parsed in ``items``, as received in ``raw``."""

    def __init__(self) -> None:
        super().__init__()
        self.items: list[Item] = []
        self.raw: list[str] = []

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
        return "envelope"

    def answer(self, request: Request) -> Response:
        if request.method != "POST" or request.path != f"/api/{PROJECT}/envelope/":
            return Response.of(404, {"detail": "not found"})
        if f"sentry_key={PUBLIC_KEY}" not in request.headers.get("x-sentry-auth", ""):
            return Response.of(403, {"detail": "bad sentry DSN public key"})
        envelope = _decoded(request)
        header, _, rest = envelope.partition(b"\n")
        self.raw.append(envelope.decode(errors="replace"))
        self.items += _items(rest)
        self.writes += 1
        return Response.of(200, {"id": json.loads(header).get("event_id")})


def _decoded(request: Request) -> bytes:
    match request.headers.get("content-encoding"):
        case "gzip":
            return gzip.decompress(request.body)
        case "deflate":
            return zlib.decompress(request.body)
        case "br":
            # The SDK chooses Brotli wherever the package can be imported; it is no dependency of ours.
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
