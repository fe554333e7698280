"""PostgreSQL 15 from Debian's packages: what most venues' databases run on, reached over TCP with passwords."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import psycopg

from reconciler.sandbox.postgres import SUPERUSER, PostgresServer

BINARIES = Path("/usr/lib/postgresql/15/bin")
PASSWORD = "p@ss word/with:everything"
SYSTEM_USER = "postgres"
_SETTINGS = ("fsync=off", "full_page_writes=off", "max_connections=200")


class DebianPostgres(PostgresServer):
    """A cluster of its own below a fresh temporary folder; the package's own cluster is left alone."""

    settings: tuple[str, ...] = ()
    """Further settings of a subclass, as ``name=value`` without blanks."""
    environment: Mapping[str, str] = {}

    def __init__(self) -> None:
        if not (BINARIES / "initdb").exists():
            raise RuntimeError("PostgreSQL 15 is not installed: apt-get install postgresql-15 (.ci/run does it)")
        self._folder = Path(tempfile.mkdtemp(prefix="reconciler-pg15-"))
        self._port = free_port()
        if os.geteuid() == 0:
            shutil.chown(self._folder, SYSTEM_USER)
        self._create()
        self.start()

    def _create(self) -> None:
        """Make the data."""
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        self._run("initdb", "--auth=scram-sha-256", f"--username={SUPERUSER}", f"--pwfile={secret}", "--no-sync")

    @property
    def host(self) -> str:
        return "127.0.0.1"

    @property
    def port(self) -> int:
        return self._port

    def url(self, user: str, database: str) -> str:
        return f"postgresql://{user}:{quote(PASSWORD, safe='')}@{self.host}:{self.port}/{database}"

    def connect(self, database: str, user: str = SUPERUSER) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(
            host=self.host, port=self.port, user=user, password=PASSWORD, dbname=database, autocommit=True
        )

    def create_application(self, name: str) -> None:
        super().create_application(name)
        with self.connect(name) as connection:
            for (role,) in connection.execute("SELECT rolname FROM pg_roles WHERE rolcanlogin").fetchall():
                connection.execute(f"ALTER ROLE {role} PASSWORD '{PASSWORD}'")

    def start(self) -> None:
        listening = f"-p {self.port} -c listen_addresses={self.host} -c unix_socket_directories=''"
        options = " ".join((listening, *(f"-c {setting}" for setting in (*_SETTINGS, *self.settings))))
        self._run("pg_ctl", "-w", "-l", str(self._folder / "log"), "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    def reload(self) -> None:
        """Read the configuration again."""
        self._run("pg_ctl", "reload")

    def close(self) -> None:
        if (self._folder / "data" / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self._folder)

    def _run(self, program: str, *arguments: str) -> None:
        """PostgreSQL refuses to run as root: then its package's own user does it."""
        user = ["runuser", "-u", SYSTEM_USER, "--"] if os.geteuid() == 0 else []
        command = [*user, str(BINARIES / program), "-D", str(self._folder / "data"), *arguments]
        done = subprocess.run(
            command,
            cwd="/",
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr}")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
