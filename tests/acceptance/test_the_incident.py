"""The incident, played again with us behind the application: its queue lacks six columns, and every insert fails."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.errors import Exit
from reconciler.sandbox.world import Sandbox
from tests.support.application_db import Venue
from tests.support.command import Ran, reconciler
from tests.support.psql_runner import psql
from tests.support.restricted_database import OWNER

QUEUE = "private_booking_sms_queue"
SIX = ("trigger_type", "template_key", "customer_phone", "customer_name", "twilio_message_sid", "message_body")
FLOOR = 25
"""New texts that never trip the breaker: the default of limits.breaker.sms."""


@dataclass
class Night:
    venue: Venue
    sandbox: Sandbox
    folder: Path

    def run(self, *arguments: str) -> Ran:
        return reconciler(*arguments, folder=self.folder, **self.sandbox.environment())

    def bookings(self, number: int) -> list[str]:
        """Made while nobody could queue a text; each customer has a number of their own."""
        day = (self.venue.now + timedelta(days=30)).date()
        return [self.venue.booking(contact_phone=f"+4477009003{one:02d}", event_date=day) for one in range(number)]

    def texted(self) -> list[str]:
        return [message.to for message in self.sandbox.twilio.messages]

    def alerted(self, kind: str) -> list[dict[str, object]]:
        return [event for event in self.sandbox.sentry.events if event["tags"]["kind"] == kind]

    def each_has_its_text(self, bookings: list[str]) -> None:
        """One, and the queue says so."""
        assert sorted(self.texted()) == [f"+4477009003{one:02d}" for one in range(len(bookings))]
        rows = {row["booking_id"]: row for row in self.venue.rows(QUEUE) if row["booking_id"] in bookings}
        assert {(row["status"], bool(row["twilio_message_sid"])) for row in rows.values()} == {("sent", True)}
        assert rows.keys() == set(bookings)


@pytest.fixture
def night(venue: Venue, tmp_path: Path) -> Iterator[Night]:
    """Rows from before stand in the queue, what they said in the lost columns is gone."""
    venue.now = datetime.now(UTC)
    texted = venue.booking(event_date=(venue.now + timedelta(days=30)).date())
    venue.text(texted, sent_at=venue.now - timedelta(minutes=50))
    venue.alter(f"ALTER TABLE {QUEUE} {', '.join(f'DROP COLUMN {name}' for name in SIX)}")
    with Sandbox(postgres=venue.postgres, database=venue.name, bookings=()) as sandbox:
        yield Night(venue, sandbox, tmp_path)


def printed_sql(ran: Ran) -> str:
    """What stands indented below each remedy, as a person copies it."""
    lines = ran.out.splitlines()
    return "\n".join(line for line in lines if line.startswith("      ") and "remedy:" not in line)


def test_the_night_of_the_incident(night: Night) -> None:
    bookings = night.bookings(5)
    queue = night.venue.checksum().split("-")[2]
    broken = night.run("once", "--do")
    assert broken.code == Exit.NEEDS_A_HUMAN
    assert (night.texted(), night.venue.checksum().split("-")[2]) == ([], queue), "no text, and the queue as it was"
    assert all(night.venue.stored_event(booking) for booking in bookings), "events as usual"

    issues = night.alerted("integration.schema")
    assert {tuple(event["fingerprint"]) for event in issues} == {("reconciler", "integration.schema", "blocked")}
    sql = printed_sql(broken)
    for said in (broken.out, str(issues[0]), sql):
        assert [name for name in SIX if name not in said] == []
    assert "ADD COLUMN" in str(issues[0]["contexts"])
    ran = psql(sql, night.venue.url(OWNER))
    assert (ran.code, ran.out) == (0, ""), ran.err
    repaired = night.run("once", "--do")
    assert (repaired.code, f"texts repaired: {len(bookings)} sent" in repaired.out) == (Exit.AS_DESIRED, True), (
        repaired.out
    )
    night.each_has_its_text(bookings)
    before = night.venue.checksum(), night.sandbox.writes()
    assert night.run("once", "--do").code == Exit.AS_DESIRED
    assert (night.venue.checksum(), night.sandbox.writes()) == before, "nothing was left to do"


@pytest.mark.long
def test_above_the_floor_it_refuses_and_says_what_to_run(night: Night) -> None:
    bookings = night.bookings(FLOOR + 1)
    looked = night.run("once", "sms_missing")
    assert (looked.code, "nothing was written" in looked.out) == (Exit.NEEDS_A_HUMAN, True)
    ran = psql(printed_sql(looked), night.venue.url(OWNER))
    assert ran.code == 0, ran.err
    refused = night.run("once", "sms_missing", "--do")
    assert (refused.code, len(night.texted())) == (Exit.REFUSED_AS_UNSAFE, FLOOR), "the floor goes on"
    assert f"{FLOOR} went on, 1 held" in refused.out
    (line,) = (line for line in refused.out.splitlines() if "to continue for one run: " in line)
    copied = line.partition("to continue for one run: reconciler ")[2].split()
    assert night.run(*copied).code == Exit.AS_DESIRED
    night.each_has_its_text(bookings)
