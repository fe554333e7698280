"""A second PostgreSQL 15 that follows a first one by streaming replication, as at a hosted database."""

from psycopg.conninfo import make_conninfo

from reconciler.sandbox.postgres import SUPERUSER
from tests.support.debian import PASSWORD, DebianPostgres


class Standby(DebianPostgres):
    """It only reads until it is promoted."""

    def __init__(self, primary: DebianPostgres) -> None:
        self._primary = primary
        super().__init__()

    def promote(self) -> None:
        self._run("pg_ctl", "-w", "promote")

    def _create(self) -> None:
        source = make_conninfo("", host=self._primary.host, port=self._primary.port, user=SUPERUSER, password=PASSWORD)
        self._run("pg_basebackup", "-d", source, "-R", "-X", "stream", "-c", "fast", "--no-sync")
