"""The whole sandbox: a venue's database with demo data, the three stand-ins, and their environment variables."""

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from psycopg import Connection, sql

from reconciler.sandbox.demo.bookings import demo_bookings
from reconciler.sandbox.demo.fixtures import ZONE, DemoBooking, Row
from reconciler.sandbox.fakes.google import GoogleStandIn
from reconciler.sandbox.fakes.sentry import SentryStandIn
from reconciler.sandbox.fakes.twilio import TwilioStandIn
from reconciler.sandbox.postgres import EmbeddedPostgres, PostgresServer

DATABASE_NAME = "venue"
JOB, READER, APPLICATION, OWNER = "reconciler_job", "reconciler_reader", "venue_app", "venue_owner"
TABLES = ("customers", "private_bookings", "private_booking_sms_queue")
QUIET_FROM_NOW = timedelta(hours=10)
QUIET_FOR = timedelta(hours=2)

_CRON_YAML = """\
# Written by the sandbox. Quiet hours begin ten hours after its start, so that they never apply now.
version: 1
timezone: {zone}
bookings:
  since: {since}
rules:
  sms.missing:
    quiet_hours: {quiet}
    queue_failed_resent: no
    countries: [GB, FR, US]
limits:
  rate: {{sms: 200/s, calendar: 200/s}}
"""
HURRIED_SETTLE = timedelta(milliseconds=4100)
_HURRIED = f"""\
  timeouts: {{twilio: 1s, google: 700ms, sql: 900ms}}
  lease: {HURRIED_SETTLE // timedelta(milliseconds=1)}ms
  settle: {HURRIED_SETTLE // timedelta(milliseconds=1)}ms
"""
"""As short as the timeouts allow, so that the demo does not have to wait five minutes."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Sandbox:
    """A context manager. Leaving it stops every server and removes every file. The caller runs `migrate`.

    ``postgres`` may be shared; then ``database`` in it must already have the reference schema. The demo's bookings are
    placed around ``now``.
    """

    def __init__(
        self,
        *,
        postgres: PostgresServer | None = None,
        database: str = DATABASE_NAME,
        now: Callable[[], datetime] = _utc_now,
        bookings: Sequence[DemoBooking] | None = None,
    ) -> None:
        self._now = now
        self._shared = postgres
        self._database = database
        self._stack = ExitStack()
        self.began = now()
        self.bookings = list(demo_bookings(self.began) if bookings is None else bookings)
        self.twilio = TwilioStandIn(now)
        self.google = GoogleStandIn(now, ZONE.key)
        self.sentry = SentryStandIn()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.postgres = self._shared or stack.enter_context(EmbeddedPostgres())
            if not self._shared:
                self.postgres.create_application(self._database)
            for stand_in in (self.twilio, self.google, self.sentry):
                stack.enter_context(stand_in)
            self._folder = Path(tempfile.mkdtemp(prefix="reconciler-sandbox-"))
            stack.callback(shutil.rmtree, self._folder, ignore_errors=True)
            self.cron_yaml.write_text(self._settings())
            self._seed()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def cron_yaml(self) -> Path:
        return self._folder / "cron.yaml"

    @property
    def reader_url(self) -> str:
        """DATABASE_URL of a role that may only SELECT."""
        return self.postgres.url(READER, self._database)

    @property
    def owner_url(self) -> str:
        """URL of the owner of the application's tables, for psql."""
        return self.postgres.url(OWNER, self._database).replace("postgresql+psycopg://", "postgresql://")

    def environment(self) -> dict[str, str]:
        """The complete environment; every address is on this machine."""
        return {
            "DATABASE_URL": self.postgres.url(JOB, self._database),
            "TWILIO_ACCOUNT_SID": self.twilio.account_sid,
            "TWILIO_AUTH_TOKEN": self.twilio.auth_token,
            "TWILIO_PHONE_NUMBER": self.twilio.phone_number,
            "TWILIO_API_URL": self.twilio.url,
            "GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(self.google.service_account_info()),
            "GOOGLE_CALENDAR_ID": self.google.calendar_id,
            "GOOGLE_API_URL": self.google.api_url,
            "GOOGLE_TOKEN_URL": self.google.token_url,
            "SENTRY_DSN": self.sentry.dsn,
            "SENTRY_ENVIRONMENT": "sandbox",
            "RECONCILER_CONFIG": str(self.cron_yaml),
        }

    def hurry(self) -> None:
        """Set ``limits.lease`` and ``limits.settle`` to ``HURRIED_SETTLE`` from now on."""
        self.cron_yaml.write_text(self._settings() + _HURRIED)

    def add(self, booking: DemoBooking) -> None:
        """Add one more booking, as the application would."""
        self.bookings.append(booking)
        self._insert([booking])

    def writes(self) -> dict[str, int]:
        """The number of accepted calls that changed something, per stand-in."""
        return {"Twilio": self.twilio.writes, "Google": self.google.writes}

    def checksum(self) -> dict[str, str]:
        """A checksum per application table. Every write changes it, even of equal values, because it includes xmin."""
        sums = {}
        for table in TABLES:
            query = sql.SQL("SELECT md5(coalesce(string_agg(t.xmin::text || t::text, '|' ORDER BY id), '')) FROM {} t")
            ((found,),) = self.rows(query.format(sql.Identifier(table)))
            sums[table] = str(found)
        return sums

    def rows(self, query: str | sql.Composed, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a query, run as superuser."""
        with self.postgres.connect(self._database) as connection:
            return connection.execute(query, values or None).fetchall()

    def _settings(self) -> str:
        starts = (self.began + QUIET_FROM_NOW).astimezone(ZONE)
        ends = (self.began + QUIET_FROM_NOW + QUIET_FOR).astimezone(ZONE)
        since = (self.began - timedelta(days=30)).astimezone(ZONE).date()
        return _CRON_YAML.format(zone=ZONE.key, since=since, quiet=f"{starts:%H:%M}-{ends:%H:%M}")

    def _seed(self) -> None:
        self._insert(self.bookings)
        with self.postgres.connect(self._database) as connection:
            connection.execute(sql.SQL("ANALYZE {}").format(sql.SQL(", ").join(map(sql.Identifier, TABLES))))

    def _insert(self, bookings: Sequence[DemoBooking]) -> None:
        with self.postgres.connect(self._database, APPLICATION) as connection, connection.transaction():
            for booking in bookings:
                for customer in booking.customers:
                    _insert(connection, "customers", customer)
                _insert(connection, "private_bookings", dict(booking.row))
                for row in booking.texts:
                    _insert(connection, "private_booking_sms_queue", row)
        for booking in bookings:
            if booking.event:
                event = booking.event
                self.google.put(event.title, event.starts_at, event.ends_at, id=event.id)
                if event.deleted:
                    self.google.delete_by_hand(event.id)


def _insert(connection: Connection[Any], table: str, row: Row) -> None:
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, row)),
        sql.SQL(", ").join(sql.Placeholder() for _ in row),
    )
    connection.execute(statement, list(row.values()))
