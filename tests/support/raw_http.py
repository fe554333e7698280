"""Bytes to and from the page, below HTTP: what no HTTP library would send, and connections that send nothing."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

GET = b"GET %b HTTP/1.1\r\nHost: localhost\r\n%b\r\n"
PER_PROCESS = 500
"""Descriptors that a process has under any usual limit."""
_HOLD = """
import socket, sys
held = [socket.create_connection((sys.argv[1], int(sys.argv[2]))) for _ in range(int(sys.argv[3]))]
print("open", flush=True)
sys.stdin.read()
"""


def address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    return parts.hostname, parts.port


def connected(url: str, seconds: float = 10) -> socket.socket:
    return socket.create_connection(address(url), seconds)


def get(path: str = "/healthz", *headers: bytes) -> bytes:
    return GET % (path.encode(), b"".join(one + b"\r\n" for one in headers))


def rest(connection: socket.socket) -> bytes:
    """Everything that comes until the other side closes the connection, in whatever way."""
    received = b""
    try:
        while some := connection.recv(65536):
            received += some
    except ConnectionResetError:
        pass
    return received


def answer(url: str, request: bytes, seconds: float = 10) -> bytes:
    """What is answered to these bytes, until the page closes; that is asked for unless the bytes say otherwise."""
    with connected(url, seconds) as connection:
        connection.sendall(request)
        return rest(connection)


def statuses(received: bytes) -> list[int]:
    """The status of each answer in what was received."""
    found = []
    for line in received.split(b"\r\n"):
        # The body of an answer to HEAD or with a length may be directly before the next answer.
        _, begun, status = line.rpartition(b"HTTP/1.1 ")
        if begun and status[:3].isdigit():
            found.append(int(status[:3]))
    return found


@contextmanager
def silent(url: str, number: int) -> Iterator[None]:
    """So many connections that send nothing, while it is entered. They use up no descriptor of this process."""
    host, port = address(url)
    with ExitStack() as stack:
        for first in range(0, number, PER_PROCESS):
            size = min(PER_PROCESS, number - first)
            holding = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", _HOLD, host, str(port), str(size)], stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE, text=True,
                )
            )  # fmt: skip
            assert holding.stdout is not None
            stack.callback(holding.kill)
            assert holding.stdout.readline() == "open\n"
        yield
