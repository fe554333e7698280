"""What the released ledger holds survives the next revision: who was told stays told, who was not is told still."""

import json
import uuid
from datetime import datetime, timedelta

from alembic import command

from reconciler.sandbox.world import Sandbox
from reconciler.store import migrate
from tests.support.application_db import Venue
from tests.support.clock import StandingClock
from tests.support.sandbox_world import World

HOUR = timedelta(hours=1)


def at_revision(venue: Venue, revision: str) -> None:
    with venue.database() as database, database.transaction() as connection:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def episode(venue: Venue, cause: str, level: str, told_at: datetime | None, ended_at: datetime | None = None) -> str:
    """As revision 0001 wrote it, an hour and a half ago."""
    id_, began = str(uuid.uuid4()), venue.now - 1.5 * HOUR
    report = {
        "id": id_.replace("-", ""), "kind": "sms.missing", "cause": cause, "level": level, "found": 3, "repaired": 2,
        "oldest_at": began.isoformat(), "references": ["1a2b3c4d"], "code": "", "seen": "", "remedy": "r", "sql": "",
    }  # fmt: skip
    venue.sql(
        "INSERT INTO reconciler.episode (id, scope, kind, cause, key, opened_at, newest_at, ended_at, report, told_at)"
        " VALUES (%s, '', 'sms.missing', %s, '', %s, %s, %s, %s, %s)",
        id_, cause, began, began, ended_at, json.dumps(report), told_at,
    )  # fmt: skip
    return id_


def gap(venue: Venue, cause: str) -> None:
    began = venue.now - 1.5 * HOUR
    venue.sql(
        "INSERT INTO reconciler.gap (scope, kind, about, cause, key, reason, detail, noted_at, opened_at, seen_at)"
        " VALUES ('', 'sms.missing', %s, %s, '', '', '{}', %s, %s, %s)",
        str(uuid.uuid4()), cause, began, began, began,
    )  # fmt: skip


def test_open_and_untold_incidents_of_the_released_ledger_survive(bare_venue: Venue) -> None:
    venue, an_hour_ago = bare_venue, bare_venue.now - HOUR
    venue.altered = True
    at_revision(venue, "0001")
    told = episode(venue, "unusable_data", "error", told_at=an_hour_ago)
    untold = episode(venue, "app_failed", "error", told_at=None)
    over = episode(venue, "too_late", "warning", told_at=None, ended_at=an_hour_ago)
    forgotten = episode(venue, "given_up", "error", told_at=an_hour_ago, ended_at=an_hour_ago)
    for cause in ("unusable_data", "app_failed"):
        gap(venue, cause)
    venue.migrate()
    assert [len(venue.rows(f"reconciler.{table}")) for table in ("incident", "gap", "outbox")] == [4, 2, 3]
    clock = StandingClock(venue.now)
    with Sandbox(postgres=venue.postgres, database=venue.name, now=clock.now, bookings=()) as sandbox:
        world = World(venue, sandbox, clock)
        world.once(jobs=("ledger_retention",))
        events = {(e["event_id"], e["tags"]["cause"], e["tags"]["what"]) for e in sandbox.sentry.events}
        first = {(untold.replace("-", ""), "app_failed", "opened"), (over.replace("-", ""), "too_late", "opened")}
        assert first < events
        assert {event[1:] for event in events - first} == {("app_failed", "deadline"), ("unusable_data", "deadline")}
        world.once(jobs=("ledger_retention",))
        assert len(sandbox.sentry.events) == 4
    ended = {row["id"] for row in venue.rows("reconciler.incident") if row["ended_at"]}
    assert ended == {over, forgotten}
    assert told not in ended


def test_back_and_forth(bare_venue: Venue) -> None:
    venue = bare_venue
    venue.altered = True
    at_revision(venue, "0001")
    before = venue.sql(COLUMNS)
    venue.migrate()
    with venue.database() as database, database.transaction() as connection:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
    assert sorted(venue.sql(COLUMNS)) == sorted(before)


COLUMNS = """
    SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_attribute a
      ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind = 'r'
    WHERE n.nspname = 'reconciler' AND NOT starts_with(c.relname, 'drill_')
"""
