"""One clock: B7, a host or a database whose clock is wrong, does no lasting harm."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.cli import main
from reconciler.domain.decide.verdicts import Refusal
from reconciler.errors import Exit
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from tests.support.application_db import ANA
from tests.support.database_clock import put_ahead, put_right
from tests.support.sandbox_world import World

pytestmark = pytest.mark.one_server

MOMENTS = """
    SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'reconciler' AND c.relkind = 'r' AND atttypid = 'timestamptz'::regtype
      AND NOT starts_with(c.relname, 'drill_') AND a.attname NOT IN ('starts_at', 'not_before', 'next_at')
"""


def command(world: World, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The command in this process, by the real clocks."""
    world.write_settings()
    for name, value in {**world.sandbox.environment(), **world.environment}.items():
        monkeypatch.setenv(name, value)
    return main.run(list(arguments))


@contextmanager
def host_ahead(world: World, **by: float) -> Iterator[None]:
    """The database's clock as a host sees it whose own clock is ahead."""
    behind = timedelta(**by)
    put_ahead(world.venue, f"interval '{-behind.total_seconds()} s'")
    yield
    put_right(world.venue)


def futures(world: World) -> list[tuple[str, str]]:
    """Columns of the ledger with a moment after the world's."""
    found = []
    for table, column in world.venue.sql(MOMENTS):
        query = f"SELECT EXISTS (SELECT FROM reconciler.{table} WHERE {column} > greatest(%s, now()) + interval '2 h')"
        found += [(table, column)] * world.venue.sql(query, world.clock.now())[0][0]
    return found


def today(world: World) -> None:
    """The real clocks are asked, and the quiet hours are off."""
    world.configure(quiet="off")
    world.venue.now = datetime.now(UTC)


@pytest.mark.parametrize("days", [15, -15, 0.01])
def test_b7_a_host_whose_clock_is_wrong_writes_that_fault_and_nothing_else(
    world: World, monkeypatch: pytest.MonkeyPatch, days: float
) -> None:
    today(world)
    world.venue.booking()
    with host_ahead(world, days=days):
        assert command(world, monkeypatch, "once", "--do") == Exit.NEEDS_A_HUMAN
        assert command(world, monkeypatch, "backfill", "--do", "--since", "2026-01-01") == Exit.NEEDS_A_HUMAN
    assert world.gaps() == {("integration.scheduler", "clock"): ("blocked", "clock_skew")}
    assert (world.venue.rows("reconciler.run"), world.intents(), world.sent_to()) == ([], [], [])
    kinds = {event["tags"]["kind"] for event in world.sandbox.sentry.events}
    assert kinds == {"integration.scheduler"}
    command(world, monkeypatch, "once", "--do")
    assert [len(world.sent_to()), len(world.sandbox.google.live())] == [1, 1]
    assert ("integration.scheduler", "clock") not in world.gaps()


def test_b7_what_a_wrong_clock_stored_does_no_lasting_harm(world: World) -> None:
    """As earlier versions did it, or a database whose own clock was ahead."""
    for phone in ("+447700900101", "no number"):
        world.venue.booking(contact_phone=phone)
    moment = world.clock.moment
    world.clock.moment = max(moment, datetime.now(UTC)) + timedelta(days=15)
    world.venue.sql("UPDATE private_bookings SET created_at = %s, event_date = %s", world.clock.moment
                    - timedelta(hours=1), (world.clock.moment + timedelta(days=9)).date())  # fmt: skip
    world.once()
    assert futures(replace_now(world, moment))
    world.once(jobs=("ledger_retention",))
    assert futures(world) == []


def replace_now(world: World, moment: datetime) -> World:
    world.clock.moment = moment
    return world


def test_b7_a_pause_of_ten_days_is_ignored(world: World) -> None:
    world.venue.booking(calendar_event_id="there")
    world.venue.sql("INSERT INTO reconciler.rate (name, next_at) VALUES ('twilio', now() + interval '10 days')")
    assert world.texts().repaired == 1


def test_a_pause_within_its_span_holds_until_a_person_lifts_it(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.venue.booking(calendar_event_id="there")
    world.venue.sql("INSERT INTO reconciler.rate (name, next_at) VALUES ('twilio', now() + interval '1 day')")
    assert world.texts().repaired == 0
    assert command(world, monkeypatch, "resolve", "--lift-pause") == Exit.WORK_LEFT
    assert world.texts().repaired == 0, "without --do nothing is written"
    assert command(world, monkeypatch, "resolve", "--lift-pause", "--do") == Exit.AS_DESIRED
    assert "no pause is left" in capsys.readouterr().out
    assert world.texts().repaired == 1


def test_a_lease_far_ahead_ends_within_its_longest_span(world: World) -> None:
    booking = world.venue.booking(calendar_event_id="there", contact_phone="+447700900101")
    world.texts()
    world.venue.sql("UPDATE reconciler.intent SET leased_until = now() + interval '15 days'")
    world.venue.sql("INSERT INTO reconciler.rate (name, next_at) VALUES ('google', now() + interval '15 days')")
    world.texts()
    ((left,),) = world.venue.sql("SELECT leased_until - now() FROM reconciler.intent WHERE booking = %s", booking)
    assert left <= timedelta(hours=1)


def test_a_run_of_the_future_does_not_make_the_service_look_healthy(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    today(world)
    command(world, monkeypatch, "once", "--do")
    assert command(world, monkeypatch, "status", "--healthy") == Exit.AS_DESIRED
    world.venue.sql("UPDATE reconciler.run SET started_at = now() + interval '15 d', finished_at = started_at")
    assert command(world, monkeypatch, "status", "--healthy") == Exit.WORK_LEFT


def test_a_clock_that_is_off_by_less_is_corrected(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger's moments are the database's, to the second, whatever this host's clock says."""
    today(world)
    world.venue.booking()
    with host_ahead(world, seconds=100):
        command(world, monkeypatch, "once", "--do")
    ((latest,),) = world.venue.sql("SELECT max(started_at) FROM reconciler.run")
    assert datetime.now(UTC) - latest > timedelta(seconds=95)


def set_back(world: World, **by: float) -> None:
    """The database's clock has been set back: what it has stored so far is ahead by that much."""
    ahead = timedelta(**by)
    for table, column in world.venue.sql(MOMENTS.replace("'starts_at', 'not_before', 'next_at'", "'starts_at'")):
        world.venue.alter(
            f"ALTER TABLE reconciler.{table} DISABLE TRIGGER USER;"
            f"UPDATE reconciler.{table} SET {column} = {column} + interval '{ahead.total_seconds()} s';"
            f"ALTER TABLE reconciler.{table} ENABLE TRIGGER USER"
        )


@pytest.mark.parametrize("hours", [0.5, 3, 12, 47])
def test_b7_after_the_database_was_set_back_nobody_is_paused(
    world: World, monkeypatch: pytest.MonkeyPatch, hours: float
) -> None:
    today(world)
    world.venue.booking(contact_phone="+447700900101")
    command(world, monkeypatch, "once", "--do")
    set_back(world, hours=hours)
    world.venue.booking(contact_phone="+447700900109", status="draft")
    command(world, monkeypatch, "once", "--do")
    assert [len(world.sent_to()), len(world.sandbox.google.live())] == [2, 2]


def test_b7_an_outcome_that_is_unknown_is_settled_soon_after_the_database_was_set_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    today(world)
    world.venue.booking(calendar_event_id="there")
    world.sandbox.twilio.faults.next_calls("messages.create", Fault(kind=Misbehaviour.LOSE))
    command(world, monkeypatch, "once", "--do")
    set_back(world, hours=12)
    command(world, monkeypatch, "once", "--do")
    ((state, wait),) = world.venue.sql("SELECT state, not_before - now() FROM reconciler.intent")
    assert state == "unknown"
    assert wait <= world.settings().sms_limits().settle


@pytest.mark.parametrize("asked", [timedelta(hours=3), timedelta(days=1)])
def test_a_pause_is_kept_although_the_hosts_clock_was_wrong(
    world: World, monkeypatch: pytest.MonkeyPatch, asked: timedelta
) -> None:
    today(world)
    world.venue.booking(calendar_event_id="there")
    with host_ahead(world, days=1):
        command(world, monkeypatch, "once", "--do")
    world.venue.sql("INSERT INTO reconciler.rate (name, next_at) VALUES ('twilio', now() + %s)", asked)
    command(world, monkeypatch, "once", "--do")
    assert world.sent_to() == []


@pytest.mark.parametrize("days", [2, 10, 400])
def test_b7_a_booking_that_the_database_made_while_it_was_ahead_is_reported(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], days: int
) -> None:
    """How old it is cannot be told: its event is made, and no text is sent."""
    one = world.venue.booking(status="draft", created_at=world.venue.now + timedelta(days=days))
    assert world.events().repaired == 1
    assert world.texts().exit_code is Exit.NEEDS_A_HUMAN
    assert world.gaps() == {("sms.missing", one): ("too_late", Refusal.OLD)}
    assert world.sent_to() == []
    world.venue.sql("UPDATE private_bookings SET created_at = %s", world.clock.now() - timedelta(hours=1))
    assert world.texts().repaired == 1


@pytest.mark.parametrize("hours", [1, 11])
def test_a_creation_time_in_another_zone_only_delays_the_text(world: World, hours: int) -> None:
    one = world.venue.booking(created_at=world.venue.now + timedelta(hours=hours), calendar_event_id="there")
    assert (world.texts().exit_code, world.gaps()) == (Exit.AS_DESIRED, {})
    world.later(hours=hours, minutes=11)
    world.texts()
    assert ("sms.missing", one) in world.gaps() or world.sent_to() == [ANA]
