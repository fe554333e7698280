"""TLS in front of a stand-in, with a certificate that only a private CA vouches for; and a real proxy on the way."""

import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "localhost"


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate of ``HOST`` with its key, and what vouches for it."""

    pem: Path
    ca: Path


def identity(folder: Path) -> Identity:
    """A private CA of its own, which vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    clear = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, clear)
    public = certificate.public_bytes(serialization.Encoding.PEM)
    found = Identity(folder / "server.pem", folder / "ca.pem")
    found.pem.write_bytes(private + public)
    found.ca.write_bytes(public)
    return found


@contextmanager
def tls_front(port: int, own: Identity) -> Iterator[int]:
    """Everything that is said in confidence to the port that is yielded reaches ``port`` on this machine in plain."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.pem)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, context, port), daemon=True).start()
        yield listener.getsockname()[1]


def _accept(listener: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with suppress(OSError):  # the listener is closed: the test is over
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_serve, args=(connection, context, port), daemon=True).start()


def _serve(connection: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with (
        suppress(OSError),
        connection,
        context.wrap_socket(connection, server_side=True) as inside,
        socket.create_connection(("127.0.0.1", port)) as behind,
    ):
        back = threading.Thread(target=_copy, args=(behind, inside), daemon=True)
        back.start()
        _copy(inside, behind)
        back.join(5)


def _copy(here: socket.socket, there: socket.socket) -> None:
    with suppress(OSError):
        while part := here.recv(65536):
            there.sendall(part)
        there.shutdown(socket.SHUT_WR)


@dataclass(frozen=True, slots=True)
class Proxy:
    url: str
    log: Path

    def reached(self) -> set[int]:
        """The ports that were asked for by CONNECT."""
        return {int(port) for port in re.findall(rf"CONNECT {HOST}:(\d+)", self.log.read_text())}


@contextmanager
def tinyproxy(folder: Path) -> Iterator[Proxy]:
    """Debian's proxy, for this machine only."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log, configuration = folder / "proxy.log", folder / "proxy.conf"
    configuration.write_text(
        f"Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 50\nAllow 127.0.0.1\n"
        f'LogFile "{log}"\nLogLevel Connect\n'
    )
    log.touch()
    child = subprocess.Popen(["/usr/bin/tinyproxy", "-d", "-c", configuration], stdout=subprocess.DEVNULL)
    try:
        ends = time.monotonic() + 10
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            assert time.monotonic() < ends, "the proxy never came"
            time.sleep(0.05)
        yield Proxy(f"http://127.0.0.1:{port}", log)
    finally:
        child.terminate()
        child.wait(10)
