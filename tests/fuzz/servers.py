"""A server that begins like PostgreSQL and goes wrong, by seed: any error, in any language, any bytes, or no more.

The messages are those of PostgreSQL's protocol 3.0 (documentation, Frontend/Backend Protocol, Message Formats).
"""

import random
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress

from tests.fuzz.drawing import SECRET

STATES = [
    "28P01", "28000", "3D000", "53300", "57P03", "57P01", "25006", "53100", "53200", "42501", "42P01", "42703", "23514",
    "40001", "40P01", "55P03", "57014", "08P01", "08006", "XX000", "XX001", "P0001", "0A000", "22021", "00000", "?????",
    "", "4", "123456",
]  # fmt: skip
WORDS = [
    "Passwort-Authentifizierung fehlgeschlagen",
    "пароль не подошёл", "does not exist", "password authentication failed",
    "\x1b[2J\x1b]0;x\x07", "a\nremedy: run rm", "x" * 100_000, "%s {} \\ '", "\u202e", "",
]  # fmt: skip
_SILENCE = 0.05
"""Of the servers so many say nothing more: each costs the whole patience of a connection."""


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def _error(chance: random.Random, kind: bytes = b"E") -> bytes:
    encoding = chance.choice(["utf-8", "latin-1", "utf-16"])
    fields = [
        ("S", chance.choice(["ERROR", "FATAL", "FEHLER", "PANIK", ""])),
        ("V", chance.choice(["ERROR", "FATAL", "PANIC", "x"])),
        ("C", chance.choice(STATES)),
        *((name, chance.choice([*WORDS, f"value {SECRET}"])) for name in "MDH"),
        *((name, chance.choice(WORDS)) for name in "stcnd"),
    ]
    if chance.random() < 0.3:
        fields = chance.sample(fields, chance.randint(0, len(fields)))
    body = b"".join(name.encode() + text.encode(encoding, "replace") + b"\0" for name, text in fields)
    return _message(kind, body + (b"\0" if chance.random() < 0.9 else b""))


_READY = _message(b"Z", b"I")


def _greeting(chance: random.Random) -> bytes:
    odd = chance.random() < 0.3
    parameters = {
        "server_version": chance.choice(["15.4", "18.1", "9.2", "x", ""]) if odd else "15.4",
        "client_encoding": chance.choice(["UTF8", "SQL_ASCII", "LATIN1", "KLINGON", ""]) if odd else "UTF8",
        "DateStyle": chance.choice(["ISO, MDY", "SQL, DMY", ""]) if odd else "ISO, MDY",
        "standard_conforming_strings": chance.choice(["on", "off"]) if odd else "on",
    }
    status = b"".join(_message(b"S", f"{k}\0{v}\0".encode()) for k, v in parameters.items())
    return _message(b"R", struct.pack("!I", 0)) + status + _message(b"K", struct.pack("!II", 1, 2)) + _READY


def _wrong(chance: random.Random) -> bytes:
    """What comes instead of an answer."""
    return chance.choice(
        [
            lambda: _error(chance) + _READY,
            lambda: _error(chance),
            lambda: _error(chance, b"N") * chance.choice([1, 200]) + _error(chance) + _READY,
            lambda: chance.randbytes(chance.randint(1, 3000)),
            lambda: b"E" + struct.pack("!I", chance.choice([0, 3, 4, 2**31 - 1, 2**32 - 1])) + b"SFATAL\0",
            lambda: b"HTTP/1.1 400 Bad Request\r\n\r\n",
            lambda: _message(
                chance.choice([b"T", b"D", b"C", b"I", b"G", b"H", b"W", b"A", b"2"]), chance.randbytes(9)
            ),
            lambda: _message(b"R", struct.pack("!I", chance.choice([2, 3, 5, 6, 7, 9, 10, 11, 77])) + b"SCRAM\0\0"),
            lambda: _READY * 3,
            lambda: b"",
        ]
    )()  # type: ignore[no-untyped-call]


class OddServer:
    """Listens on loopback while it is entered."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._open = True

    @property
    def url(self) -> str:
        return f"postgresql://job:{SECRET}@127.0.0.1:{self._socket.getsockname()[1]}/venue"

    def __enter__(self) -> "OddServer":
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._open = False
        self._socket.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while self._open:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        chance = random.Random(self._seed)  # the same for each connection: a second try meets the same server
        with connection, suppress(OSError):
            say: Callable[[bytes], None] = connection.sendall
            connection.settimeout(20)
            self._greet(chance, connection)
            well = chance.randint(0, 3)  # so many statements go well
            while received := connection.recv(65536):
                is_query = b"SELECT" in received
                good = _message(b"C", b"SET\0") * chance.randint(1, 40) + _READY
                say(_wrong(chance) if is_query or well <= 0 else good)
                well -= 1
                if chance.random() < 0.2:
                    return

    def _greet(self, chance: random.Random, connection: socket.socket) -> None:
        begun = connection.recv(65536)
        if begun[4:8] == struct.pack("!I", 80877103):  # an SSLRequest
            connection.sendall(chance.choice([b"N", b"N", b"N", b"S", b"E", b"\0", b"HTTP"]))
            begun = connection.recv(65536)
        if chance.random() < _SILENCE:
            while connection.recv(65536):
                pass
        connection.sendall(_greeting(chance) if chance.random() < 0.6 else _wrong(chance))
