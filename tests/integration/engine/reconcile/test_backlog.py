"""The backlog: bookings from before the installation stay in sight until they are repaired or written off."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from reconciler.cli.status import as_data, status_exit_code
from reconciler.domain.decide.plan import BookingRange
from reconciler.domain.gaps import Effect, GapKind
from reconciler.engine import backlog
from reconciler.engine.backfill import backfill_services, run_backfill
from reconciler.engine.reconcile.results import AggregateResult
from reconciler.engine.repair.repairer import LONG_AGO
from reconciler.errors import Exit
from reconciler.store.views.dashboard import dashboard_snapshot
from reconciler.store.views.status import StatusSnapshot, status_snapshot
from reconciler.web.health_mark import Mark
from reconciler.web.status_view import StatusView, status_view
from tests.support.application_db import ANA, BEA
from tests.support.sandbox_world import World

MISSING = ("sms.missing", "calendar.missing")


@pytest.fixture
def installed(world: World) -> Iterator[World]:
    """Installed half an hour ago, by the clock of the world, with ``since: installed``."""
    world.configure(since="installed")
    before = world.venue.sql("SELECT since FROM reconciler.installation")[0][0]
    world.venue.sql("UPDATE reconciler.installation SET since = %s", world.clock.moment - timedelta(minutes=30))
    yield world
    world.venue.sql("UPDATE reconciler.installation SET since = %s", before)


def count(world: World, **options: bool) -> dict[GapKind, tuple[str, ...]]:
    results = world.once(jobs=("coverage",), **options)
    return {kind: result.aggregate.lines for kind, result in results.items() if result.aggregate}


def says(world: World) -> tuple[str, ...]:
    return count(world)[GapKind.BACKLOG]


def status(world: World) -> StatusSnapshot:
    with world.venue.database() as database:
        return status_snapshot(database)


def page(world: World) -> StatusView:
    file = world.settings().file
    with world.venue.database() as database:
        return status_view(dashboard_snapshot(database, file.running(), "", file.timezone), file, world.clock.moment)


def alerts(world: World, kind: str = "backlog") -> list[tuple[str, str]]:
    return [
        (alert["severity"], alert["alert_type"])
        for (alert,) in world.venue.sql("SELECT alert FROM reconciler.outbox ORDER BY id")
        if alert["kind"] == kind
    ]


def test_a1_328_old_bookings_are_counted_shown_and_told_once(installed: World) -> None:
    installed.configure(more="jobs: {integrations: off, fire_drill: off}")  # they never run here, and would be late
    for _ in range(328):
        installed.venue.booking()
    assert count(installed, act=False)[GapKind.BACKLOG] == ("before 10 Jun 2026: 328 without text, 328 without event",)
    results = installed.once()
    assert results[GapKind.BACKLOG].exit_code is Exit.NEEDS_A_HUMAN
    assert results[GapKind.SMS_MISSING].plan.decided.total() == 0
    for _ in range(3):
        installed.later(hours=30)
        installed.once()
    assert alerts(installed) == [("warning", "opened")]
    seen = status(installed)
    assert status_exit_code(seen) is Exit.NEEDS_A_HUMAN
    data = as_data(seen, timedelta(hours=1))["backlog"]
    assert data["open"]
    assert data["counts"] == {"sms.missing": 328, "sms.stuck": 0, "sms.unproven": 0, "calendar.missing": 328}
    shown = page(installed)
    said = "Backlog before 10 Jun 2026: 328 without text, 328 without event"
    assert (shown.headline, shown.actions[0].title) == (said, said)
    assert shown.number == 0
    assert installed.sent_to() == []


def test_it_ends_when_its_bookings_are_in_order(installed: World) -> None:
    bookings = [installed.venue.booking() for _ in range(3)]
    assert says(installed)
    for booking in bookings:
        installed.venue.text(booking)
    installed.venue.sql("UPDATE private_bookings SET calendar_event_id = id::text")
    assert says(installed) == ()
    assert installed.gaps() == {}
    assert status_exit_code(status(installed)) is not Exit.NEEDS_A_HUMAN


def test_only_what_breaks_a_rule_is_in_it(installed: World) -> None:
    now = installed.clock.moment
    installed.venue.booking(status="cancelled")
    installed.venue.booking(event_date=(now - timedelta(days=3)).date())  # it is over
    installed.venue.booking(created_at=now - timedelta(minutes=20))  # since the installation
    complete = installed.venue.booking(calendar_event_id="there")
    installed.venue.text(complete)
    installed.venue.booking(calendar_event_id="there")  # no text
    queued = installed.venue.booking(calendar_event_id="there")
    installed.venue.text(queued, status="pending", sent_at=None, scheduled_for=now - timedelta(hours=5))
    assert says(installed) == ("before 10 Jun 2026: 1 without text, 1 with a text that was not sent",)


def test_a_status_that_nobody_asked_for_is_not_hidden_by_age(installed: World) -> None:
    """Far older than ``scan_window``, and still to come."""
    installed.venue.booking(created_at=installed.clock.moment - timedelta(days=400))
    assert says(installed) == ("before 10 Jun 2026: 1 without text, 1 without event",)


def written_off(world: World) -> list[tuple[str, str, datetime | None]]:
    return [tuple(row) for row in world.venue.sql("SELECT written_by, reason, undone_at FROM reconciler.write_off")]  # type: ignore[misc]


def test_a_person_writes_it_off_and_takes_that_back(installed: World) -> None:
    one, two = installed.venue.booking(), installed.venue.booking()
    assert says(installed)
    with installed.services() as services:
        known = backlog.read(services, [one])
        assert {str(kind): list(ids) for kind, ids in known.bookings.items()} == {kind: [one] for kind in MISSING}
        left = backlog.write_off(known.bookings, "maria", "phoned them", services)
        assert left is not None
        assert left.counts[GapKind.SMS_MISSING] == 1
        backlog.write_off(backlog.read(services).bookings, "maria", "phoned them", services)
        assert not backlog.read(services).count.is_open  # type: ignore[union-attr]
    assert [row[:2] for row in written_off(installed)] == [("maria", "phoned them")] * 4
    assert says(installed) == ()
    assert installed.gaps() == {}
    assert status(installed).together.written_off == 4
    with installed.services() as services:
        assert backlog.take_back([two], "jo", "they called", services) == 2
    assert says(installed) == ("before 10 Jun 2026: 1 without text, 1 without event",)


def test_a_written_off_booking_is_still_repaired_by_a_backfill_that_names_it(installed: World) -> None:
    """A write-off says that the backlog is settled. It forbids nothing."""
    booking, other = installed.venue.booking(), installed.venue.booking(contact_phone=BEA)
    with installed.services() as services:
        backlog.write_off(backlog.read(services).bookings, "maria", "too old", services)
        assert backlog.read(services).bookings == {}
    installed.both()
    assert (installed.sent_to(), installed.venue.stored_event(booking)) == ([], None), "passes leave it alone"
    named = BookingRange(since=LONG_AGO, bookings=frozenset({booking}))
    with installed.services() as services:
        asked = backfill_services(services, named, limit=None, stale_after=timedelta(days=30))
        for effect in Effect:
            assert run_backfill(effect, asked).repaired == 1
    assert installed.sent_to() == [ANA]
    assert (installed.venue.stored_event(booking) is None, installed.venue.stored_event(other)) == (False, None)


def test_what_our_ledger_has_repaired_is_not_in_it(installed: World) -> None:
    """The application deletes old rows of its queue: our text was sent all the same."""
    installed.venue.booking(created_at=installed.clock.moment - timedelta(minutes=20), calendar_event_id="there")
    installed.texts()
    assert len(installed.sent_to()) == 1
    installed.venue.sql("DELETE FROM private_booking_sms_queue")
    installed.venue.sql("UPDATE reconciler.installation SET since = %s", installed.clock.moment)
    assert says(installed) == ()


def test_without_a_ledger_nothing_is_left_alone(world: World) -> None:
    """Before `migrate` no booking is old: each is a gap of its rule, and the backlog has none."""
    world.configure(since="installed")
    world.venue.booking(created_at=world.clock.moment - timedelta(days=9))
    world.venue.alter("DROP SCHEMA reconciler CASCADE")
    seen = world.once(act=False)
    assert seen[GapKind.BACKLOG].aggregate == AggregateResult(lines=(), is_open=False)
    assert [seen[GapKind(kind)].plan.gaps for kind in MISSING] == [1, 1]  # type: ignore[union-attr]


def test_something_broken_stands_above_it(installed: World) -> None:
    installed.venue.booking()
    installed.once()
    installed.venue.alter("ALTER TABLE private_booking_sms_queue DROP COLUMN template_key")
    installed.once()
    shown = page(installed)
    assert [action.mark for action in shown.actions[:1]] == [Mark.BROKEN]
    titles = [action.title for action in shown.actions if action.mark is not Mark.BROKEN]
    assert titles[0] == "Backlog before 10 Jun 2026: 1 without text, 1 without event"


def test_a_rule_that_is_off_counts_nothing(installed: World) -> None:
    installed.venue.booking()
    installed.configure(calendar_policy="off")
    assert says(installed) == ("before 10 Jun 2026: 1 without text",)
    installed.configure(rules="  backlog: {policy: off}")
    assert installed.once(jobs=("coverage",))[GapKind.BACKLOG].off
    assert installed.gaps() == {}


def test_an_unreadable_table_is_unknown_and_never_0(installed: World) -> None:
    installed.venue.booking()
    assert says(installed)
    installed.venue.alter("ALTER TABLE private_bookings RENAME COLUMN event_date TO day")
    result = installed.once(jobs=("coverage",))[GapKind.BACKLOG]
    assert (result.unscanned, result.exit_code) == (True, Exit.NEEDS_A_HUMAN)
    assert ("backlog", "backlog") in installed.gaps()
    assert GapKind.BACKLOG in status(installed).unknown
