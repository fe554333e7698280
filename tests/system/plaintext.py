"""What a connection without TLS meets, printed as JSON: ``python -m tests.system.plaintext PUBLIC PRIVATE``.

For a network namespace of its own: the two addresses become addresses of this machine there.
"""

import json
import os
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from threading import Thread
from urllib.parse import quote

from reconciler.errors import DatabaseUnreachable
from reconciler.store.connection import server
from reconciler.store.database import READ, Database
from tests.support.debian import PASSWORD, DebianPostgres

WAIT = timedelta(seconds=5)


class Everywhere(DebianPostgres):
    """It lets in every address, without TLS."""

    settings = ("listen_addresses=*",)

    def _create(self) -> None:
        super()._create()
        with (self._folder / "data" / "pg_hba.conf").open("a") as access:
            access.write("host all all all scram-sha-256\n")


def url(host: str, port: int, more: str = "") -> str:
    return f"postgresql://reconciler_job:{quote(PASSWORD, safe='')}@{host}:{port}/venue{more}"


def met(to: str) -> object:
    """Where plaintext goes, or the code and exit code of the refusal."""
    with Database(to, statement_timeout=WAIT, lock_timeout=WAIT, connect_timeout=3) as database:
        try:
            with database.transaction(READ) as connection:
                return server.about(connection).plaintext_to
        except DatabaseUnreachable as error:
            return [error.code, error.exit_code]


def sent_to_a_listener(address: str) -> str:
    """The bytes that are sent to a server that offers no TLS, in hexadecimal."""
    received: list[bytes] = []
    with socket.create_server((address, 0)) as listener:

        def answer() -> None:
            with listener.accept()[0] as client:
                received.append(client.recv(4096))
                client.sendall(b"N")
                received.append(client.recv(4096))

        thread = Thread(target=answer, daemon=True)
        thread.start()
        met(url(address, listener.getsockname()[1]))
        thread.join(10)
    return b"".join(received).hex()


def doctor(to: str) -> tuple[list[str], int]:
    """What the doctor says of the database, as the lights of its lines; and its exit code."""
    ran = subprocess.run(
        [Path(sys.executable).with_name("reconciler"), "doctor", "--json", "--defaults"],
        cwd="/",
        env={"PATH": os.environ["PATH"], "DATABASE_URL": to},
        capture_output=True,
        text=True,
        check=False,
    )
    return [line["status"] for line in json.loads(ran.stdout) if line["check"] == "database"], ran.returncode


def main(public: str, private: str) -> None:
    commands = (["link", "set", "lo", "up"], *(["addr", "add", f"{one}/32", "dev", "lo"] for one in (public, private)))
    for command in commands:
        subprocess.run(["ip", *command], check=True)
    seen: dict[str, object] = {"sent before the refusal": sent_to_a_listener(public)}
    with Everywhere() as running:
        running.create_application("venue")
        port = running.port
        for host in (public, private):
            seen[host] = met(url(host, port))
        seen["loopback"] = met(url("127.0.0.1", port))
        seen["db.example at public"] = met(url("db.example", port, f"?hostaddr={public}"))
        seen["db at public"] = met(url("db", port, f"?hostaddr={public}"))
        seen[f"first of two: {public}"] = met(url(f"{public}:{port},{public}", port))
        for mode in ("disable", "allow", "prefer"):
            seen[f"public, sslmode={mode}"] = met(url(public, port, f"?sslmode={mode}"))
        lights, code = doctor(url(public, port))
        seen["doctor at public"] = [*lights, code]
        seen["doctor at private"] = doctor(url(private, port))[0]
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
