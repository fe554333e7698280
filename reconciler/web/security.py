"""Token, host name and security headers: one gate in front of all routes."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reconciler.settings.env.reader import is_loopback

LONGEST_PATH = 512
LONGEST_QUERY = 512
"""Bytes: more than any reference or id of ours needs."""
OPEN = frozenset({"/healthz", "/readyz"})
"""Probes send no token and receive nothing that needs one."""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Gate:
    """ASGI middleware.

    With a token, every path but ``OPEN`` requires it, as a bearer token or as the password of any user (which browsers
    prompt for). Without one, only loopback host names are answered: a foreign web page that resolves its own name to
    this machine (DNS rebinding) must not read it.
    """

    app: ASGIApp
    token: str | None = field(repr=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        answer = self._refusal(scope) or self.app
        await answer(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if len(scope["raw_path"]) > LONGEST_PATH or len(scope["query_string"]) > LONGEST_QUERY:
            return PlainTextResponse("414: longer than any reference or id\n", 414)
        if self.token is None:
            known = is_loopback(_host(headers))
            return None if known else PlainTextResponse("421: without a token, ask for localhost or 127.0.0.1\n", 421)
        if scope["path"] in OPEN or _same(given(headers), self.token):
            return None
        challenge = {"WWW-Authenticate": 'Basic realm="reconciler", charset="UTF-8"'}
        return PlainTextResponse("401: any user, and RECONCILER_TOKEN as password; or Bearer\n", 401, headers=challenge)


def given(headers: Mapping[str, str]) -> str:
    """The token in a request, '' without one."""
    kind, _, value = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _same(one: str, other: str) -> bool:
    """Constant-time comparison; hashing hides the lengths too."""
    digests = (hashlib.sha256(text.encode()).digest() for text in (one, other))
    return hmac.compare_digest(*digests)


def _host(headers: Headers) -> str:
    """The host name of the request, without its port."""
    found = re.fullmatch(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(:\d+)?", headers.get("host", "").lower())
    return found[1].strip("[]") if found else ""
