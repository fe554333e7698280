"""The application as the tests play it: bookings, customers and texts, written with the application's own role."""

import threading
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from psycopg import Connection, OperationalError, sql

from reconciler.domain.bookings import BookingId
from reconciler.engine.repair.place import enter_at_migration
from reconciler.sandbox.postgres import PostgresServer
from reconciler.settings import Need, load
from reconciler.store import migrate
from reconciler.store.app.mapping import AppMapping
from reconciler.store.database import Database
from reconciler.store.drill import shadow_tables
from reconciler.store.ledger import sources
from reconciler.wiring import assembly

LONDON = ZoneInfo("Europe/London")
NOON = datetime(2026, 6, 10, 12, 0, tzinfo=LONDON)
"""A Wednesday; the tests' usual now."""
ANA = "+447700900101"
BEA = "+447700900102"
TABLES = ("customers", "private_bookings", "private_booking_sms_queue")
DEFAULTS = load(None, {}, Need.FILE)
"""What an empty cron.yaml wants."""
MOST_LEFT_BEHIND = 512 * 1024
"""Bytes in all tables, deleted rows included."""
LEDGER = (
    "gap", "intent", "run", "incident", "outbox", "rate", "due", "repair_lock",
    "backlog", "write_off", "coverage_day", "coverage",
)  # fmt: skip
WITHOUT_CAUTION = "caution_since = NULL, caution_reason = ''"
HERE = (
    "database_oid = (SELECT oid FROM pg_database WHERE datname = current_database()),"
    " system_identifier = (SELECT system_identifier::text FROM pg_control_system()),"
    " timeline = ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int"
)


@dataclass
class Venue:
    postgres: PostgresServer
    name: str
    now: datetime = field(default=NOON)
    altered: bool = False
    """A test changed more than rows."""
    keeps_connections: bool = False
    """``sql`` keeps its connections until ``close``. A new one for each statement takes longer than the statement."""
    _open: dict[tuple[str, int], "Connection[tuple[Any, ...]]"] = field(default_factory=dict, repr=False)
    """Role and thread -> a connection."""

    def url(self, role: str = "reconciler_job") -> str:
        return self.postgres.url(role, self.name)

    def database(self, role: str = "reconciler_job") -> Database:
        return Database(self.url(role), statement_timeout=timedelta(seconds=30), lock_timeout=timedelta(seconds=2))

    def migrate(self, place: str | None = None, wanted: AppMapping | None = None) -> None:
        """``wanted``: another mapping than that of the reference application."""
        self.altered = True
        wanted = wanted or assembly.application(DEFAULTS)
        with self.database() as database:
            migrate.upgrade(database)
            with database.transaction() as connection:
                sources.register(connection, wanted.bookings.quoted)
            with assembly.postgres_store(DEFAULTS, database).writing() as tx:
                enter_at_migration(tx, place, tx.ledger.now())
            shadow_tables.refresh(database, wanted)

    def settle_in(self) -> None:
        """As an installation that has been here for long, and whose caution concerns nobody."""
        self.sql(f"UPDATE reconciler.installation SET since = '2026-01-01', {WITHOUT_CAUTION}, {HERE}")

    def forget_beacon(self) -> None:
        """As a ledger that has never met its beacon."""
        self.sql("DELETE FROM reconciler.beacon; INSERT INTO reconciler.beacon DEFAULT VALUES")

    def forget_place(self) -> None:
        """As a ledger of a version that did not keep its place."""
        self.sql("UPDATE reconciler.installation SET system_identifier = '', database_oid = NULL, timeline = NULL")

    def customer(self, **values: Any) -> str:
        row = {"id": str(uuid.uuid4()), "first_name": "Ana", "mobile_e164": ANA, **values}
        return self.insert("customers", row)

    def booking(self, **values: Any) -> BookingId:
        """A booking that lacks text and event and has nothing else wrong: made an hour ago, for a week from now."""
        row = {
            "id": str(uuid.uuid4()),
            "customer_name": "Ana Lima",
            "customer_first_name": "Ana",
            "contact_phone": ANA,
            "event_date": (self.now + timedelta(days=7)).date(),
            "start_time": "19:30",
            "end_time": "23:00",
            "status": "confirmed",
            "created_at": self.now - timedelta(hours=1),
            "updated_at": self.now - timedelta(hours=1),
            **values,
        }
        return BookingId(self.insert("private_bookings", row))

    def text(self, booking: str, **values: Any) -> str:
        """A row of the application's queue, sent (with its SID) unless told otherwise."""
        own_id = uuid.uuid4()
        row = {
            "id": str(own_id),
            "booking_id": booking,
            "trigger_type": "booking_confirmed",
            "template_key": "confirmed",
            "scheduled_for": self.now - timedelta(minutes=50),
            "message_body": "Hi",
            "customer_phone": ANA,
            "customer_name": "Ana Lima",
            "status": "sent",
            "sent_at": self.now - timedelta(minutes=50),
            "twilio_message_sid": f"SM{own_id.hex}" if values.get("status", "sent") == "sent" else None,
            "created_at": self.now - timedelta(minutes=50),
            **values,
        }
        return self.insert("private_booking_sms_queue", row)

    def insert(self, table: str, row: dict[str, Any]) -> str:
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING id::text").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(sql.Placeholder() for _ in row),
        )
        ((found,),) = self.sql(statement, *row.values(), role="venue_app")
        return str(found)

    def sql(self, statement: Any, *values: Any, role: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement by itself; its rows, if it has any."""
        if not self.keeps_connections:
            with self.postgres.connect(self.name, role) as connection:
                return _rows(connection, statement, values)
        try:
            return _rows(self._kept(role), statement, values)
        except OperationalError:
            if not self._kept(role).broken:
                raise
            self.close()  # a test has restarted the server
            return _rows(self._kept(role), statement, values)

    def _kept(self, role: str) -> "Connection[tuple[Any, ...]]":
        key = role, threading.get_ident()
        if key not in self._open:
            self._open[key] = self.postgres.connect(self.name, role)
        return self._open[key]

    def close(self) -> None:
        """Close the connections of ``sql``."""
        while self._open:
            self._open.popitem()[1].close()

    def alter(self, statement: str) -> None:
        """Change the schema, its rights or its statistics; this database is not used again."""
        self.altered = True
        self.sql(statement)

    def empty(self) -> None:
        """Remove every row but the ledger's own identity.

        Deleting a few rows takes a quarter of the time of TRUNCATE, which makes new files for every table and index.
        Deleted rows still take space, so large tables are truncated.
        """
        ours = self.sql("SELECT oid FROM pg_class WHERE oid = to_regclass('reconciler.intent')")
        tables = [*TABLES, *(f"reconciler.{table}" for table in LEDGER if ours)]
        ((size,),) = self.sql("SELECT sum(pg_relation_size(name::regclass)) FROM unnest(%s::text[]) name", tables)
        if size > MOST_LEFT_BEHIND:
            self.sql(f"TRUNCATE {', '.join(tables)}")
        else:  # no trigger of the application's may object
            deletes = "; ".join(f"DELETE FROM {table}" for table in tables)
            self.sql(f"SET LOCAL session_replication_role = replica; {deletes}")
        if ours:
            self.settle_in()
            self.forget_beacon()

    def rows(self, table: str) -> list[dict[str, Any]]:
        """A whole table, each row as a dictionary, by id."""
        query = sql.SQL("SELECT to_jsonb(t) FROM {} t ORDER BY 1").format(sql.Identifier(*table.split(".")))
        return [row for (row,) in self.sql(query)]

    def checksum(self) -> str:
        """Changes with any write to the application's tables, also one that writes the same values again."""
        query = sql.SQL("SELECT md5(coalesce(string_agg(t.xmin::text || t::text, '|' ORDER BY t::text), '')) FROM {} t")
        there = {name for (name,) in self.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
        sums = [self.sql(query.format(sql.Identifier(table))) if table in there else [("",)] for table in TABLES]
        return "-".join(str(value) for ((value,),) in sums)

    def stored_event(self, booking: str) -> str | None:
        ((found,),) = self.sql("SELECT calendar_event_id FROM private_bookings WHERE id = %s", booking)
        return found


def _rows(connection: "Connection[tuple[Any, ...]]", statement: Any, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    cursor = connection.execute(statement, values or None)
    return cursor.fetchall() if cursor.description else []
