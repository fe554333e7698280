"""What reaches a page, drawn by seed: requests that are right but for something, other protocols, and any bytes."""

import base64
import random
from collections.abc import Callable

from reconciler.web.app import ROUTES

TOKEN = "only-for-the-fuzzer-0001"
BOOKING = "1a2b3c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d"
_METHODS = [
    "POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PATCH", "PROPFIND", "PRI", "get", "G" * 300, "G\x00T",
    "GÉT", "", " ", "GET GET",
]  # fmt: skip
_WELL_KNOWN = [*(path.replace("{booking:path}", BOOKING) for path in ROUTES), "/bookings?ref=1a2b3c4d"]
_PATHS = [
    "/bookings?ref=____",
    "/bookings?ref=%00%00%00%00", "/bookings?ref=%ff%fe%fd%fc", "/bookings?ref=" + "a" * 300, "/bookings?ref&ref=&&==",
    "/bookings?ref=%F0%9F%98%80%F0%9F%98%80", "/bookings/%ED%A0%80", "/bookings/..%2f..%2fetc%2fpasswd",
    "/api/bookings/",
    "/api/bookings/%00", "/api/bookings/'%20OR%201=1", "/api/bookings/" + "%25" * 150, "/bookings/%e2%80%ae", "//",
    "/%2e%2e/",
    "/metrics/", "/readyz/", "/page.css?x", "/healthz#x", "*", "", "?", "localhost:80", "http://localhost/",
    "http://[::1/",
    "https://evil.example/healthz", "/" + "a" * 600, "/?" + "a" * 600, "/\u00e9", "/a b", "/\x00", "/\x7f", "/%",
    "/%zz", "\\",
    "/bookings/;x", "/bookings/" + "/" * 200, "/api/bookings/1?x=%26%23",
]  # fmt: skip
_VERSIONS = [
    "HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/1.10", "HTTP/9.9", "http/1.1", "HTTP/1", "", "ICY",
]  # fmt: skip
_HOSTS = [
    "127.0.0.1:80", "[::1]", "[::1", "evil.example", "", " ", "a b", "\u00e9",
    "x:99999", "x:y", "a@b", "localhost, localhost", "x" * 5000, "//", "[v1.x]", "%00",
]  # fmt: skip
_RIGHT = [f"Bearer {TOKEN}", "Basic " + base64.b64encode(f"any:{TOKEN}".encode()).decode()]
_CREDENTIALS = [
    "Basic \u00e9", "Basic \xff\xfe", "Basic", "Basic =", "Basic " + "A" * 4001, "Bearer", "Bearer \u00e9",
    "Digest x=y", "",
    "Negotiate " + "A" * 9000, "Basic //4=", "Basic OnB3==", "basic \t", "Bearer " + TOKEN[:-1],
]  # fmt: skip
_LENGTHS = ["0", "1", "5", "5, 5", "5, 6", "-1", "+5", "0x5", "99999999999999999999", "", "abc", " 5", "5\t", "\u0665"]
_ENCODINGS = [
    "chunked", "chunked", "gzip", "identity", "chunked, chunked", "gzip, chunked", "xchunked", "", "\x0bchunked",
]  # fmt: skip
_OTHERS = [
    "Expect: 100-continue", "Expect: 200-ok", "Connection: close", "Connection: keep-alive",
    "Connection: upgrade, close",
    "Upgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13",
    "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ",
    "Range: bytes=0-99999999999,5-1", "If-None-Match: *", "Cookie: " + "a=b; " * 1000, "Accept: " + "*/*, " * 500,
    "X-Forwarded-For: ::::", "X-Forwarded-Proto: javascript", "Forwarded: for=\"", "Content-Type: multipart/form-data",
    "X-HTTP-Method-Override: DELETE", "Origin: null", "no colon", ": no name", "Space : before", " folded",
    "\tfolded: x",
    "Bad\x00Name: x", "Value: \x00", "Value: \x1b[2J", "Value: a\nb", "Value: a\rb", "Ünï: x",
    "X: " + "x" * 20_000, "TE: trailers",
]  # fmt: skip
_BODIES = [
    "", "hello", "5\r\nhello\r\n0\r\n\r\n", "5;x=y\r\nhello\r\n0\r\nTrailer: x\r\n\r\n", "ZZ\r\nhello\r\n",
    "-5\r\nhello\r\n",
    "FFFFFFFFFFFFFFFFF\r\nx", "5\r\nhelloworld\r\n0\r\n\r\n", "5\nhello\n0\n\n", "0\r\n" + "T: x\r\n" * 300 + "\r\n",
    "1\r\nx\r\n" * 3000, "0" * 100 + "\r\n\r\n", "x" * 200_000, "5;" + "e" * 20_000 + "\r\nhello\r\n0\r\n\r\n",
    "\r\n" * 5000,
]  # fmt: skip
_STRANGERS = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) * 2,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + bytes(18),
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x05\x01\x00",
    b"SSH-2.0-x\r\n\r\n", b"\r\n" * 3000, b"\n", b"\x00" * 3000, b"GET /\r\n\r\n", b"EHLO x\r\n",
    b"*1\r\n$4\r\nPING\r\n",
    b"\x80\x9e\x01\x03\x01\x00u\x00\x00", b"GET / HTTP/1.1" + b" " * 30_000, b"\x00\x00\x00\x08\x04\xd2\x16\x2f", b"",
]  # fmt: skip

Change = Callable[[random.Random, bytes], bytes]


def _insert(chance: random.Random, sent: bytes) -> bytes:
    at = chance.randint(0, len(sent))
    return sent[:at] + chance.choice([chance.randbytes(3), b"\r\n", b"\n", b"\x00", b" ", b"%", b"\xff"]) + sent[at:]


def _remove(chance: random.Random, sent: bytes) -> bytes:
    at = chance.randint(0, len(sent))
    return sent[:at] + sent[at + chance.randint(1, 9) :]


def _cut(chance: random.Random, sent: bytes) -> bytes:
    return sent[: chance.randint(0, len(sent))]


def _bare_line_ends(_chance: random.Random, sent: bytes) -> bytes:
    return sent.replace(b"\r\n", b"\n")


_CHANGES: list[Change] = [_insert, _insert, _remove, _cut, _bare_line_ends]


def _mostly(chance: random.Random, usual: list[str], odd: list[str]) -> str:
    """Of what is odd one in eight: a request with several oddities is refused for the first."""
    return chance.choice(odd if chance.random() < 1 / 8 else usual)


def _request(chance: random.Random) -> bytes:
    """A request that would be answered, but for what is drawn otherwise."""
    method = _mostly(chance, ["GET", "GET", "HEAD"], _METHODS)
    lines = [f"{method} {_mostly(chance, _WELL_KNOWN, _PATHS)} {_mostly(chance, ['HTTP/1.1'], _VERSIONS)}"]
    lines += [f"Host: {_mostly(chance, ['localhost'], _HOSTS)}" for _ in range(chance.choice([1] * 18 + [0, 2]))]
    lines += [f"Authorization: {_mostly(chance, _RIGHT, _CREDENTIALS)}"]
    if chance.random() < 0.1:
        lines += [f"Content-Length: {chance.choice(_LENGTHS)}" for _ in range(chance.choice([1, 1, 2]))]
    if chance.random() < 0.1:
        lines += [f"Transfer-Encoding: {chance.choice(_ENCODINGS)}"]
    lines += chance.sample(_OTHERS, chance.choice([0, 0, 0, 1, 1, 3]))
    if chance.random() < 0.02:
        lines += ["X: y"] * chance.choice([50, 500])
    headers = chance.sample(lines[1:], len(lines) - 1)
    body = chance.choice(_BODIES) if chance.random() < 0.2 else ""
    return "\r\n".join([lines[0], *headers, "", body]).encode("utf-16" if chance.random() < 0.01 else "utf-8")


def drawn_request(seed: int) -> list[bytes]:
    """What one connection sends, in the pieces in which it is sent."""
    chance = random.Random(seed)
    kind = chance.random()
    if kind < 0.05:
        sent = chance.choice(_STRANGERS)
    elif kind < 0.08:
        sent = chance.randbytes(chance.randint(1, 5000))
    elif kind < 0.2:
        sent = b"".join(_request(chance) for _ in range(chance.choice([2, 5, 40])))  # pipelined
    else:
        sent = _request(chance)
    for _ in range(chance.choice([0, 0, 0, 0, 0, 1, 2, 4])):
        sent = chance.choice(_CHANGES)(chance, sent)
    cuts = sorted(chance.randint(0, len(sent)) for _ in range(chance.choice([0, 0, 0, 1, 3])))
    return [sent[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
