"""One deadline for a whole outgoing call: name resolution, connect, TLS, redirects, sending, headers and body.

The timeouts of requests, urllib3 and httplib2 count each wait anew: an answer of one byte every nine seconds never
meets a timeout of ten. So the call runs in a thread of its own, and at the deadline the caller goes on and the call's
connections are shut down. A thread that waits for a name cannot be ended. It is left behind, and may not connect or
send any more when the name arrives.

Which connections are the call's is known from the audit events of Python's own ``socket`` and ``http.client``. They
cover every library that we call through, on-call routes included, and need no access to the libraries' insides.
Rejected: sockets with a deadline (each library makes its own, and TLS replaces them), and a process per call (slow to
start, and shares nothing with the SDKs).
"""

import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar, copy_context
from datetime import timedelta
from typing import Any, TypeVar

T = TypeVar("T")


class DeadlineOver(TimeoutError):
    """The call did not end in time. Its connections are closed."""

    def __init__(self, call: "_Call") -> None:
        super().__init__("the call did not end before its deadline")
        self.may_have_left = call.may_have_left
        """Whether a byte of the request may have left this machine. If not, the call certainly had no effect."""
        self.was_preparing = call.is_preparing
        """Whether it was still waiting for something that it needs first: ``preparing``."""


class _Call:
    """The connections of one call. ``end`` closes them for good: afterwards none is opened and nothing is sent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._descriptors: list[int] = []
        self._over = False
        self.may_have_left = False
        self.is_preparing = False

    def use(self, connection: Any, *, sends: bool) -> None:
        with self._lock:
            if self._over:
                raise DeadlineOver(self)
            # A duplicate, because TLS moves the connection into another object and a library may close its own: the
            # number would then name another file.
            self._descriptors.append(os.dup(connection.fileno()))
            self.may_have_left = self.may_have_left or (sends and not self.is_preparing)

    def received(self) -> int:
        """Bytes of all answers so far, as the kernel counts them; 0 where it does not say (not Linux, not TCP)."""
        with self._lock:
            return sum(map(_received, self._descriptors))

    def end(self) -> DeadlineOver:
        with self._lock:
            self._over = True
            seen = DeadlineOver(self)  # before the call's thread wakes up and goes on
            for descriptor in self._descriptors:
                with socket.socket(fileno=descriptor) as connection, suppress(OSError):  # the other end may be gone
                    connection.shutdown(socket.SHUT_RDWR)
            self._descriptors.clear()
            return seen

    def release(self) -> None:
        """Forget the connections. The library may keep them open for its next call."""
        with self._lock:
            for descriptor in self._descriptors:
                os.close(descriptor)
            self._descriptors.clear()


def _received(descriptor: int) -> int:
    if not hasattr(socket, "TCP_INFO"):
        return 0
    connection = socket.socket(fileno=descriptor)
    try:
        said = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_RECEIVED + _COUNT.size)
    except OSError:
        return 0
    finally:
        connection.detach()
    return int(_COUNT.unpack_from(said, _BYTES_RECEIVED)[0]) if len(said) == _BYTES_RECEIVED + _COUNT.size else 0


_COUNT, _BYTES_RECEIVED = struct.Struct("=Q"), 128
"""``tcpi_bytes_received`` of Linux's ``struct tcp_info``, since 4.1."""
_CALL: ContextVar[_Call | None] = ContextVar("call", default=None)
"""A context variable reaches the threads that a library starts with its caller's context, as apprise does."""
_TIME_TO_END = 0.1
"""Seconds for the call's thread to notice that its connections are shut. Only one that waits for a name needs more."""
_CHECK_EVERY = 0.02
"""Seconds between two checks of how much was received."""
_CONNECT, _SEND = "socket.connect", "http.client.send"


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Audit hook: raised before a socket connects, and before a part of an HTTP request is sent."""
    if event not in (_CONNECT, _SEND):
        return
    call = _CALL.get()
    if call is None:
        return
    if event == _CONNECT:
        call.use(arguments[0], sends=False)
    else:
        # A connection that was kept from an earlier call is seen here for the first time.
        call.use(arguments[0].sock, sends=not _opens_tunnel(arguments[1]))


def _opens_tunnel(data: object) -> bool:
    """Whether this only asks a proxy for a connection: the request itself comes after its answer, and after TLS."""
    return isinstance(data, bytes) and data.startswith(b"CONNECT ")


sys.addaudithook(_watch)


def with_deadline(limit: timedelta, call: Callable[[], T], *, most_bytes: int | None = None) -> T:
    """Make the call and return its result, or raise its error.

    ``most_bytes``: for a library that keeps whatever it is sent. An answer that is longer ends the call at once.

    Raises:
        DeadlineOver: it did not end within ``limit``, or was sent more than ``most_bytes``.
    """
    running, results, errors = _Call(), [], []

    def work() -> None:
        _CALL.set(running)
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001 - raised below, in the caller's thread
            errors.append(error)

    # A daemon: a thread that is left behind must not hold up the end of the process.
    thread = threading.Thread(target=copy_context().run, args=(work,), name="call", daemon=True)
    thread.start()
    try:
        _wait(thread, running, limit.total_seconds(), most_bytes)
    except BaseException:  # the caller is interrupted while it waits
        running.end()
        raise
    if thread.is_alive():
        seen = running.end()
        thread.join(_TIME_TO_END)
        raise seen
    running.release()
    if errors:
        raise errors[0]
    return results[0]


def _wait(thread: threading.Thread, running: _Call, seconds: float, most_bytes: int | None) -> None:
    if most_bytes is None:
        return thread.join(seconds)
    ends = time.monotonic() + seconds
    while thread.is_alive() and running.received() <= most_bytes and time.monotonic() < ends:
        thread.join(min(_CHECK_EVERY, max(0, ends - time.monotonic())))
    return None


@contextmanager
def preparing() -> Iterator[None]:
    """Inside, what is sent is not the call's own request but one before it, such as for a token: it has no effect."""
    call = _CALL.get()
    if call is None:
        yield
        return
    call.is_preparing = True
    try:
        yield
    finally:
        call.is_preparing = False
