"""Token, host name and security headers: one gate in front of all routes."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reconciler.settings.env.reader import is_loopback
from reconciler.web.serving.connections import LET_IN
from reconciler.web.serving.refusals import Reason, Refusals

LONGEST_PATH = 512
LONGEST_QUERY = 512
"""Bytes: more than any reference or id of ours needs."""
OPEN = frozenset({"/healthz", "/readyz"})
"""Probes send no token and receive nothing that needs one."""
FAILED_LOGIN_DELAY = 1.0
"""Seconds before a wrong token is answered. The connection counts as silent meanwhile, and gives way."""
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
    refusals: Refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        answer: ASGIApp | None = self._refusal(scope)
        if answer is None and not self._may_ask(scope):
            answer = await self._login_refusal(scope)
        if answer is None:
            # A probe may be anybody's.
            scope["state"][LET_IN] = scope["path"] not in OPEN
        await (answer or self.app)(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        if len(scope["raw_path"]) > LONGEST_PATH or len(scope["query_string"]) > LONGEST_QUERY:
            return PlainTextResponse("414: longer than any reference or id\n", 414)
        if self.token is None and not is_loopback(_host(Headers(scope=scope))):
            return PlainTextResponse("421: without a token, ask for localhost or 127.0.0.1\n", 421)
        return None

    def _may_ask(self, scope: Scope) -> bool:
        return self.token is None or scope["path"] in OPEN or _same(given(scope["headers"]), self.token.encode())

    async def _login_refusal(self, scope: Scope) -> Response:
        if any(name == b"authorization" for name, _ in scope["headers"]):
            # Only who is wrong waits: a lock would shut out the operator, whom a proxy gives everybody's address.
            self.refusals.note(Reason.LOGIN_FAILED, scope["client"][0] if scope["client"] else None)
            await asyncio.sleep(FAILED_LOGIN_DELAY)
        challenge = {"WWW-Authenticate": 'Basic realm="reconciler", charset="UTF-8"'}
        return PlainTextResponse("401: any user, and RECONCILER_TOKEN as password; or Bearer\n", 401, headers=challenge)


def given(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The token in a request, as the bytes that were sent; empty without one."""
    written = next((value for name, value in headers if name == b"authorization"), b"")
    kind, _, value = written.partition(b" ")
    if kind.lower() == b"bearer":
        return value.strip()
    if kind.lower() != b"basic":
        return b""
    try:
        return base64.b64decode(value.strip(), validate=True).partition(b":")[2]
    except binascii.Error:
        return b""


def _same(one: bytes, other: bytes) -> bool:
    """Constant-time comparison; hashing hides the lengths too."""
    return hmac.compare_digest(hashlib.sha256(one).digest(), hashlib.sha256(other).digest())


def _host(headers: Headers) -> str:
    """The host name of the request, without its port."""
    found = re.fullmatch(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(:\d+)?", headers.get("host", "").lower())
    return found[1].strip("[]") if found else ""
