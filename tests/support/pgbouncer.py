"""Debian's PostgreSQL behind PgBouncer in transaction mode, as hosted databases offer it: few connections, no sessions.

The product goes through the pooler; what a test does by itself goes past it.
"""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import psycopg

from reconciler.sandbox.postgres import SUPERUSER
from tests.support.debian import PASSWORD, SYSTEM_USER, DebianPostgres, free_port

BINARY = Path("/usr/sbin/pgbouncer")
CONSOLE = "pgbouncer"
"""The database by which its console is reached."""
ROLES = (SUPERUSER, "venue_owner", "venue_app", "reconciler_job", "reconciler_reader")
POOL_SIZE = 2
"""Connections to the server, for each database and role."""
_SETTINGS = """\
[databases]
* = host={host} port={port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own_port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
admin_users = {admin}
pool_mode = {mode}
default_pool_size = {pool_size}
max_client_conn = 100
server_reset_query =
query_wait_timeout = 5
server_login_retry = 1
"""


class PooledPostgres(DebianPostgres):
    """What ``url`` gives leads through the pooler."""

    pool_mode = "transaction"

    def __init__(self) -> None:
        if not BINARY.exists():
            raise RuntimeError("PgBouncer is not installed: apt-get install pgbouncer (.ci/run does it)")
        super().__init__()
        self._pooler = Pooler(self.host, self.port, self.pool_mode)

    def url(self, user: str, database: str) -> str:
        return f"postgresql://{user}:{quote(PASSWORD, safe='')}@{self.host}:{self._pooler.port}/{database}"

    def create_database(self, name: str, template: str | None = None) -> None:
        self._pooler.let_go()  # a template must have no connections
        super().create_database(name, template)

    def drop_database(self, name: str) -> None:
        self._pooler.let_go()
        super().drop_database(name)

    def close(self) -> None:
        self._pooler.close()
        super().close()


class Pooler:
    """A PgBouncer in front of a server; it refuses to run as root, then PostgreSQL's own user runs it."""

    def __init__(self, host: str, port: int, mode: str) -> None:
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="reconciler-pgbouncer-"))
        users = self._folder / "users"
        users.write_text("".join(f'"{role}" "{PASSWORD}"\n' for role in ROLES))
        settings = self._folder / "pgbouncer.ini"
        settings.write_text(
            _SETTINGS.format(
                host=host, port=port, own_port=self.port, pool_size=POOL_SIZE, users=users, admin=SUPERUSER, mode=mode
            )
        )
        user = SYSTEM_USER if os.geteuid() == 0 else None
        if user:
            for path in (self._folder, users, settings):
                shutil.chown(path, user)
        self._log = self._folder / "log"
        with self._log.open("wb") as log:
            self._child = subprocess.Popen(
                [BINARY, settings],
                user=user,
                extra_groups=[] if user else None,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._wait()

    def let_go(self) -> None:
        """Close every connection to the server that is idle now, and those in use as soon as they are free."""
        with self._console() as console:
            console.execute("RECONNECT")
            console.execute("WAIT_CLOSE")

    def close(self) -> None:
        self._child.terminate()
        self._child.wait(10)
        shutil.rmtree(self._folder)

    def _wait(self) -> None:
        ends = time.monotonic() + 10
        while True:
            try:
                self._console().close()
            except psycopg.OperationalError:
                if self._child.poll() is not None or time.monotonic() > ends:
                    raise RuntimeError(f"PgBouncer does not answer: {self._log.read_text()}") from None
                time.sleep(0.02)
            else:
                return

    def _console(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=SUPERUSER, password=PASSWORD, dbname=CONSOLE, autocommit=True
        )
