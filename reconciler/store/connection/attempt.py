"""One attempt to connect to one address. What a failure is, is judged by facts and codes, never by words.

psycopg passes on the words of the server alone, in the server's language. libpq writes the SQLSTATE in their place if
it is asked to before the first answer arrives, so the connection is made by libpq's asynchronous functions.
"""

import ctypes
import errno
import os
import re
import selectors
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from psycopg import pq
from psycopg.conninfo import make_conninfo
from psycopg.pq.abc import PGconn

from reconciler.store.connection import tls_files
from reconciler.store.connection.limited import LimitedConnection

_SQLSTATE_ONLY, _AS_USUAL = 3, 1
"""PQERRORS_SQLSTATE and PQERRORS_DEFAULT (PostgreSQL docs, PQsetErrorVerbosity)."""
_SQLSTATE = re.compile(r":\s+([0-9A-Z]{5})\s*$", re.MULTILINE)
_TO_A_SERVER = b"REvNS"
"""First bytes of what PostgreSQL may answer: authentication, error, version, notice (or no TLS), TLS."""


class FailureKind(StrEnum):
    """Why an attempt failed."""

    NO_SUCH_NAME = "no_such_name"
    NOBODY_LISTENS = "nobody_listens"
    NO_ROUTE = "no_route"
    SOCKET_CLOSED = "socket_closed"
    SILENT = "silent"
    STALLED = "stalled"
    HUNG_UP = "hung_up"
    NOT_POSTGRESQL = "not_postgresql"
    NO_TLS = "no_tls"
    TLS_FILES = "tls_files"
    TLS_UNTRUSTED = "tls_untrusted"
    TLS_FAILED = "tls_failed"
    NO_PASSWORD = "no_password"  # noqa: S105 - a name of a failure
    LOGIN_METHOD = "login_method"
    PARAMETERS = "parameters"
    READ_ONLY = "standby"
    SESSION = "session"
    SQLSTATE = "sqlstate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failed attempt: a place, a kind and a code; no words of the server."""

    place: str
    kind: FailureKind
    sqlstate: str = ""
    plaintext: bool = False
    """Whether TLS was required only because the address is public."""


_BY_ERRNO = {
    errno.ECONNREFUSED: FailureKind.NOBODY_LISTENS,
    errno.ENOENT: FailureKind.NOBODY_LISTENS,
    errno.EACCES: FailureKind.SOCKET_CLOSED,
    errno.EHOSTUNREACH: FailureKind.NO_ROUTE,
    errno.ENETUNREACH: FailureKind.NO_ROUTE,
    errno.EADDRNOTAVAIL: FailureKind.NO_ROUTE,
    errno.EAFNOSUPPORT: FailureKind.NO_ROUTE,
    errno.ETIMEDOUT: FailureKind.SILENT,
}


@dataclass(slots=True)
class _Progress:
    """How far an attempt got."""

    stage: int
    in_tls: bool = False
    first: bytes | None = None
    """The first byte of the newest answer outside TLS; empty: the peer closed; ``None``: nothing came yet."""


def attempt(parameters: Mapping[str, Any], place: str, timeout: float) -> LimitedConnection | Failure:
    """A connection, or why there is none. ``parameters``: libpq's, of one address; ``timeout`` in seconds."""
    made = pq.PGconn.connect_start(make_conninfo("", **parameters).encode())
    _set_verbosity(made, _SQLSTATE_ONLY)
    progress, ends = _Progress(stage=made.status), time.monotonic() + timeout
    while made.status != pq.ConnStatus.BAD:
        polled = made.connect_poll()
        if polled == pq.PollingStatus.OK:
            _set_verbosity(made, _AS_USUAL)
            made.nonblocking = 1
            return LimitedConnection(made)
        if polled == pq.PollingStatus.FAILED:
            break
        progress.stage, progress.in_tls = made.status, made.ssl_in_use
        reading = polled == pq.PollingStatus.READING
        if not _wait(made.socket, reading, ends - time.monotonic()):
            made.finish()
            kind = FailureKind.STALLED if progress.first or progress.in_tls else FailureKind.SILENT
            return Failure(place=place, kind=kind)
        if reading and not progress.in_tls:
            progress.first = _peek(made.socket)
    failure = _failure(made, progress, place, parameters)
    made.finish()
    return failure


def _failure(made: PGconn, progress: _Progress, place: str, parameters: Mapping[str, Any]) -> Failure:
    said = made.get_error_message()
    state = _SQLSTATE.search(said)
    if state:
        # The first one: with sslmode=prefer a second attempt without TLS may hide why the first one failed.
        return Failure(place=place, kind=FailureKind.SQLSTATE, sqlstate=state[1])
    if progress.stage in (pq.ConnStatus.STARTED, pq.ConnStatus.BAD):
        # The words of the operating system, in whatever language: Python gets the same ones.
        kind = next((kind for code, kind in _BY_ERRNO.items() if os.strerror(code) in said), FailureKind.PARAMETERS)
    elif progress.stage == pq.ConnStatus.SSL_STARTUP:
        kind = _tls_failure(progress, parameters)
    elif made.needs_password:
        kind = FailureKind.NO_PASSWORD
    elif progress.first == b"R":
        kind = FailureKind.LOGIN_METHOD
    elif progress.first and progress.first not in _TO_A_SERVER:
        kind = FailureKind.NOT_POSTGRESQL
    else:
        kind = FailureKind.HUNG_UP
    return Failure(place=place, kind=kind)


def _tls_failure(progress: _Progress, parameters: Mapping[str, Any]) -> FailureKind:
    if progress.in_tls or progress.first == b"S":
        if not tls_files.are_usable(parameters):
            return FailureKind.TLS_FILES
        # With an authority's certificate libpq verifies in every mode.
        verifies = bool(parameters.get("sslrootcert")) or str(parameters.get("sslmode", "")).startswith("verify-")
        return FailureKind.TLS_UNTRUSTED if verifies else FailureKind.TLS_FAILED
    if not progress.first:
        return FailureKind.HUNG_UP
    return FailureKind.NO_TLS if progress.first == b"N" else FailureKind.NOT_POSTGRESQL


def _wait(descriptor: int, reading: bool, seconds: float) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ if reading else selectors.EVENT_WRITE)
        return bool(selector.select(max(0.0, seconds)))


def _peek(descriptor: int) -> bytes | None:
    """The first byte that waits there; it stays for libpq."""
    with socket.socket(fileno=os.dup(descriptor)) as seen:
        try:
            return seen.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return None
        except OSError:
            return b""


def _set_verbosity(made: PGconn, verbosity: int) -> None:
    """psycopg does not offer it. Without it a refusal has no SQLSTATE, and is told as one of an unknown kind."""
    library = getattr(sys.modules[type(made).__module__], "__file__", None)
    pointer: int | None = getattr(made, "pgconn_ptr", None)
    if pointer and library and not library.endswith(".py"):
        # What is looked up in a library is also looked up in those that it needs: libpq.
        function = ctypes.CDLL(library).PQsetErrorVerbosity
        function.argtypes, function.restype = (ctypes.c_void_p, ctypes.c_int), ctypes.c_int
        function(pointer, verbosity)
