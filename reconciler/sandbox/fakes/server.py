"""An HTTP server on loopback for the stand-ins. Its connections are real and can be cut."""

import json
import os
import socket
import struct
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from reconciler.sandbox.fakes.faults import Fault, Faults, Misbehaviour

MARK = ("X-Reconciler-Sandbox", "stand-in")
"""A header of every answer, so that a stand-in is never mistaken for the real service."""
_POLL = 0.01
"""Seconds that ``stop`` may take."""
_HTML = "<html><head><title>{0}</title></head><body><h1>{0}</h1><p>upstream proxy</p></body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    method: str
    path: str
    """The decoded path, without the query."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Lower-case name -> value."""
    body: bytes = field(repr=False)

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    def data(self) -> dict[str, Any]:
        parsed = json.loads(self.body or b"{}")
        return parsed if isinstance(parsed, dict) else {}


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, status: int, data: object, *headers: tuple[str, str]) -> "Response":
        return cls(status, json.dumps(data).encode(), (("Content-Type", "application/json"), *headers))


class StandIn(ABC):
    """A vendor's API on loopback. A context manager; leaving it stops the server."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.lock = threading.RLock()
        self.writes = 0
        """The number of calls that changed something in the stand-in."""
        self.asked: Counter[str] = Counter()
        """How often each operation was called, answered or not."""
        self.longest_trickle = 0.0
        """Seconds for which a client stayed with an answer that came byte by byte, at most."""
        self._server = _Server(self)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def open_connections(self) -> int:
        return self._server.open_connections

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, args=(_POLL,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @abstractmethod
    def operation(self, request: Request) -> str:
        """The name by which ``faults`` knows this call."""

    @abstractmethod
    def answer(self, request: Request) -> Response:
        """Answer one call. The caller holds the lock."""

    def state(self) -> dict[str, Any]:
        """The answer of ``GET /_sandbox/state``: counts only."""
        return {"writes": self.writes}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, stand_in: StandIn) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.stand_in = stand_in
        self._open: set[Any] = set()

    @property
    def open_connections(self) -> int:
        return len(self._open)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnected: their tracebacks would clutter the output."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def server_close(self) -> None:
        super().server_close()
        for connection in list(self._open):
            _close(connection)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one packet per answer
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's own name
        """Log nothing: a request line contains phone numbers."""

    def _serve(self) -> None:
        stand_in = self.server.stand_in
        request = self._request()
        if request.path.startswith("/_sandbox/"):
            return self._say(_control(stand_in, request))
        operation = stand_in.operation(request)
        with stand_in.lock:
            stand_in.asked[operation] += 1
        fault = stand_in.faults.take(operation)
        if fault is None or fault.kind.takes_effect:
            with stand_in.lock:
                response = stand_in.answer(request)
        else:
            response = Response(fault.status)
        return self._misbehave(fault, response) if fault else self._say(response)

    # http.server calls the method named after the HTTP verb.
    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - names of the library

    def _request(self) -> Request:
        parts = urlsplit(self.path)
        return Request(
            method=self.command,
            path=unquote(parts.path),
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(self.headers.get("Content-Length") or 0)),
        )

    def _misbehave(self, fault: Fault, response: Response) -> None:
        match fault.kind:
            case Misbehaviour.LOSE:
                _reset(self.connection)
                self.close_connection = True
            case Misbehaviour.DROP:
                self.close_connection = True
                _close(self.connection)
            case Misbehaviour.HANG:
                time.sleep(fault.seconds)
                self.close_connection = True
                _close(self.connection)
            case Misbehaviour.SLOW:
                time.sleep(fault.seconds)
                self._say(response)
            case Misbehaviour.EMPTY:
                self._say(Response(response.status))
            case Misbehaviour.HTML:
                page = _HTML.format(f"{fault.status} Service Problem").encode()
                self._say(Response(fault.status, page, (("Content-Type", "text/html"), *fault.headers)))
            case Misbehaviour.STATUS | Misbehaviour.FAIL_AFTER:
                self._say(Response(fault.status, fault.body.encode(), fault.headers))
            case _:
                self._never_end(fault, response)

    def _never_end(self, fault: Fault, response: Response) -> None:
        """What a client must end: each single wait is short, or there is no end at all."""
        match fault.kind:
            case Misbehaviour.TRICKLE_HEADERS:
                self._trickle(0, response, fault.seconds)
            case Misbehaviour.TRICKLE_BODY:
                self._trickle(len(response.body), response, fault.seconds)
            case Misbehaviour.HOLD:
                self.close_connection = True
                _wait_for_close(self.connection)
            case Misbehaviour.REDIRECT:
                time.sleep(fault.seconds)
                self._say(Response(308, b"", (("Location", f"{self.server.stand_in.url}{self.path}"),)))

    def _trickle(self, slow_bytes: int, response: Response, seconds: float) -> None:
        """Send the last ``slow_bytes`` of the answer (0: all) byte by byte, until the client has left."""
        answer, self.wfile = self.wfile, BytesIO()
        self._say(response)
        written, self.wfile = self.wfile.getvalue(), answer
        begun = time.monotonic()
        try:
            self.connection.sendall(written[:-slow_bytes] if slow_bytes else b"")
            for byte in written[-slow_bytes:]:
                time.sleep(seconds)
                self.connection.sendall(bytes([byte]))
        except OSError:
            self.close_connection = True
        with self.server.stand_in.lock:
            lasted = time.monotonic() - begun
            self.server.stand_in.longest_trickle = max(self.server.stand_in.longest_trickle, lasted)

    def _say(self, response: Response) -> None:
        try:
            self.send_response(response.status)
            length = ("Content-Length", str(len(response.body)))  # but for an answer that lies about it
            for name, value in {length[0]: length[1], **dict(response.headers), **dict([MARK])}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(response.body)
            self.wfile.flush()
        except OSError:
            self.close_connection = True  # the client disconnected before the answer


def _control(stand_in: StandIn, request: Request) -> Response:
    """Answer a control call of another process: read the counters, set faults, or clear them."""
    match request.method, request.path:
        case "GET", "/_sandbox/state":
            return Response.of(200, stand_in.state())
        case "POST", "/_sandbox/faults":
            wanted = request.data()
            stand_in.faults.by_seed(
                int(wanted["seed"]),
                float(wanted["rate"]),
                [Misbehaviour(kind) for kind in wanted["kinds"]],
                wanted.get("operations", ()),
            )
            return Response.of(200, {})
        case "DELETE", "/_sandbox/faults":
            stand_in.faults.clear()
            return Response.of(200, {})
    return Response.of(404, {"error": "the sandbox has /_sandbox/state and /_sandbox/faults"})


def _close(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the connection is already closed


def _wait_for_close(connection: socket.socket) -> None:
    try:
        while connection.recv(1024):
            continue
    except OSError:
        return  # the client reset the connection


def _reset(connection: socket.socket) -> None:
    """Close the connection with RST, as after a crash of the machine."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())
