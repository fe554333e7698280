"""A server that answers HTTP and goes wrong, by seed: headers of any kind, any body, any length, or no more.

It stands for Sentry, for an on-call route and for a dead man's switch. Nobody may have thought of what it answers.
"""

import gzip
import json
import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from tests.fuzz.drawing import SECRET

_SILENCE = 0.02
"""Of the answers so many end in silence or trickle: each costs the whole deadline of a call."""
_PAUSE = 0.05
_NUMBERS = [
    "0",
    "-1",
    "60",
    "1e9",
    "0x1f",
    "9" * 400,
    "9" * 5000,
    "\xb2",
    "60.5",
    " 60 ",
    "",
    "nan",
    "inf",
    "18446744073709551616",
]
_DATES = ["Wed, 21 Oct 2015 07:28:00 GMT", "Fri, 31 Dec 99999 23:59:59 GMT", "Mon, 99 Foo 9999 99:99:99 +9999", "soon"]
_PLACES = [
    "/", "//", "http://[::1", "http://127.0.0.1:1/x", "https://sentry..example/", "javascript:1", "\xff\xfe",
    "/" * 5000, f"http://u:{SECRET}@127.0.0.1:1/", "file:///etc/passwd", "http://127.0.0.1:99999/", "",
]  # fmt: skip
_STATUSES = ["200", "200", "200", "200", "201", "204", "205", "206", "301", "302", "303", "304", "307", "308", "400",
             "401", "403", "404", "407", "413", "418", "429", "429", "500", "503", "600", "999"]  # fmt: skip
_HEADERS: list[tuple[str, Callable[[random.Random], str]]] = [
    ("X-Sentry-Rate-Limits", lambda chance: _limits(chance)),
    ("Retry-After", lambda chance: chance.choice([*_NUMBERS, *_DATES])),
    ("Location", lambda chance: chance.choice(_PLACES)),
    ("Content-Encoding", lambda chance: chance.choice(["gzip", "deflate", "br", "zstd", "klingon", "gzip, gzip", ""])),
    ("Transfer-Encoding", lambda chance: chance.choice(["chunked", "gzip", "identity", "chunked, chunked"])),
    ("Content-Length", lambda chance: chance.choice([*_NUMBERS, "5", "70000"])),
    ("Content-Type", lambda chance: chance.choice(["application/json", "text/html; charset=klingon", "x" * 3000, ""])),
    ("Set-Cookie", lambda chance: chance.choice(["a=b; expires=99", ";" * 5000, "a=" + "b" * 9000, "\xff=\xfe"])),
    ("Connection", lambda chance: chance.choice(["close", "keep-alive", "upgrade", ""])),
    ("WWW-Authenticate", lambda chance: chance.choice(["Basic", 'Digest nonce="', "Negotiate", "\xff"])),
]


def _limits(chance: random.Random) -> str:
    parts = [
        f"{chance.choice(_NUMBERS)}:{chance.choice(['error', '', 'monitor;error', ';' * 100, 'x' * 3000])}:key"
        for _ in range(chance.choice([1, 1, 2, 500]))
    ]
    return chance.choice([", ", ",", ";"]).join(parts)[:60_000]


def _data(chance: random.Random) -> bytes:
    """JSON, or nearly."""
    deep = chance.choice([10, 900, 20_000, 100_000])
    return chance.choice(
        [
            lambda: b"",
            lambda: b"{}",
            lambda: b"OK (not found)",
            lambda: json.dumps({"id": SECRET, "ok": True, "groupId": "9" * chance.choice([3, 5000])}).encode(),
            lambda: json.dumps({"id": chance.choice([None, [], {}, 1e300, True, "\ud83d"])}).encode(),
            lambda: b'{"id":' * deep,
            lambda: b"[" * deep + b"]" * chance.choice([0, deep]),
            lambda: b'{"groupId": ' + b"9" * chance.choice([20, 5000]) + b"}",
            lambda: b'{"ok": 1e' + b"9" * 500 + b"}",
            lambda: b'"' + b"\\ud83d" * 1000 + b'"',
            lambda: b"<html><h1>login</h1></html>",
            lambda: json.dumps({"id": 1}).encode(chance.choice(["utf-16", "utf-32", "utf-8-sig"])),
            lambda: chance.randbytes(chance.randint(1, 3000)),
            lambda: b"x" * chance.choice([65_536, 65_537, 3_000_000]),
            lambda: gzip.compress(b"{}")[: chance.randint(0, 30)],
            lambda: gzip.compress(b"\0" * 5_000_000),
            lambda: b"5\r\n{}   \r\n0\r\n\r\n",
            lambda: b"ffffffffffff\r\n{}",
            lambda: b"5;" + b"x" * 70_000 + b"\r\n{}",
        ]
    )()  # type: ignore[no-untyped-call]


def drawn_answer(chance: random.Random) -> bytes:
    """Everything that is sent in answer to one request."""
    if chance.random() < 0.05:
        return chance.choice(
            [b"", b"\0" * 100, b"SSH-2.0-x\r\n", b"HTTP/9.9 200\r\n\r\n", b"HTTP/1.1 \r\n\r\n", b"H" * 70_000]
        )
    version = chance.choice(["HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2", "http/1.1"])
    status = chance.choice([*_STATUSES, *_STATUSES, "20", "2000", "-1", "two", "1" * 5000])
    lines = [
        f"{version} {status} {chance.choice(['OK', '', SECRET, 'x' * 70_000] if chance.random() < 0.1 else ['OK'])}"
    ]
    for name, value in chance.sample(_HEADERS, chance.choice([0, 1, 1, 2, 3, 5])):
        lines += [f"{name}: {value(chance)}"] * chance.choice([1, 1, 1, 2])
    lines += [f"X-{number}: y" for number in range(chance.choice([0] * 20 + [99, 200]))]
    if chance.random() < 0.05:
        lines.append(chance.choice(["no colon", " folded", "\x00: x", "a" * 70_000, ": empty"]))
    body = _data(chance)
    if chance.random() < 0.6:
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
    if chance.random() < 0.1:
        head = b"HTTP/1.1 100 Continue\r\n\r\n" * chance.choice([1, 50]) + head
    return head + body


class OddSink:
    """Listens on loopback while it is entered."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._open = True

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> "OddSink":
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._open = False
        self._socket.close()

    def _serve(self) -> None:
        while self._open:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        """One after the other, so that a seed always gives the same answers."""
        with connection, suppress(OSError):
            connection.settimeout(2)
            _read_request(connection)
            answer = drawn_answer(self._chance)
            if self._chance.random() >= _SILENCE:
                return connection.sendall(answer)
            ends = time.monotonic() + 1
            for start in range(self._chance.randint(0, len(answer)), len(answer)):  # byte by byte
                time.sleep(_PAUSE)
                connection.sendall(answer[start : start + 1])
                if time.monotonic() > ends:
                    return None
            connection.recv(1)  # silence, until the client leaves
        return None


def _read_request(connection: socket.socket) -> None:
    received = b""
    while b"\r\n\r\n" not in received:
        some = connection.recv(65_536)
        if not some:
            return
        received += some
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while len(body) < sum(lengths[:1]):
        some = connection.recv(65_536)
        if not some:
            return
        body += some
