"""The beacon shows what the place cannot: a snapshot copy beside the original, a restore in place, a lost ledger."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.domain.decide.verdicts import Hold
from reconciler.domain.gaps import GapKind
from reconciler.engine.reconcile.results import PassResult
from reconciler.engine.repair.beacon import meet_beacon
from reconciler.errors import Exit
from reconciler.providers.google.beacon import GoogleBeacons
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from tests.integration.engine.repair.test_place import about_place, command, copy_of, known_message, page_of
from tests.support.application_db import ANA, BEA
from tests.support.restoring import Backup
from tests.support.sandbox_world import World

DROP, LOSE, BROKEN = (Fault(kind=kind) for kind in (Misbehaviour.DROP, Misbehaviour.LOSE, Misbehaviour.STATUS))
LAG = timedelta(minutes=3)
"""Twilio's list does not show a text that was sent just now: the question before each first text finds nothing."""


@contextmanager
def snapshot_of(world: World) -> Iterator[World]:
    """A snapshot of the disks, started beside the original: it keeps every id, and its server is another process."""
    with copy_of(world) as copy:
        copy.venue.settle_in()
        yield copy


def content(world: World) -> dict[str, str]:
    (event,) = world.sandbox.google.beacons()
    said: dict[str, str] = event["extendedProperties"]["private"]
    return said


def status(world: World) -> str:
    ((found,),) = world.venue.sql("SELECT status FROM reconciler.beacon")
    return str(found)


def codes(world: World) -> list[str]:
    """What was alerted about the place, in order."""
    return [e["tags"]["code"] for e in world.sandbox.sentry.events if e["tags"]["kind"] == "integration.place"]


def caution(world: World) -> str:
    ((found,),) = world.venue.sql("SELECT caution_reason FROM reconciler.installation")
    return str(found)


def counted(world: World, act: Callable[[], object]) -> dict[str, int]:
    """What ``act`` asks of the beacon."""
    before = dict(world.sandbox.google.asked)
    act()
    asked = {name: number - before.get(name, 0) for name, number in world.sandbox.google.asked.items()}
    return {name: number for name, number in asked.items() if number and name.startswith("beacon.")}


# A snapshot of the disks, beside the original


def test_b2_a_snapshot_copy_is_refused_once_the_original_has_acted(world: World) -> None:
    world.venue.booking(status="draft")
    world.both()
    with snapshot_of(world) as copy:
        for one in (world, copy):
            one.venue.booking(status="draft", contact_phone=BEA)
        world.both()
        world.sandbox.twilio.list_lag = LAG
        refused = copy.both()
        for kind, result in refused.items():
            assert (result.exit_code, result.repaired) == (Exit.REFUSED_AS_UNSAFE, 0), kind
        assert status(copy) == "another_copy"
        assert world.sent_to().count(BEA) == 1
        assert len(world.sandbox.google.live()) == 2
        assert world.both()[GapKind.SMS_MISSING].exit_code is Exit.AS_DESIRED, "the original is not disturbed"


def test_b2_the_original_is_refused_and_somebody_is_paged_if_the_copy_acts_first(world: World) -> None:
    world.venue.booking(status="draft")
    world.both()
    with snapshot_of(world) as copy:
        for one in (world, copy):
            one.venue.booking(status="draft", contact_phone=BEA)
        world.sandbox.twilio.list_lag = LAG
        copy.texts()
        assert world.texts().exit_code is Exit.REFUSED_AS_UNSAFE
    assert world.sent_to().count(BEA) == 1
    assert "paged" in about_place(world)
    assert set(codes(world)) == {"beacon_another_copy"}
    before = len(about_place(world))
    world.texts()
    assert len(about_place(world)) == before, "it is one incident"


@pytest.mark.parametrize("job", ["texts", "events"])
def test_two_copies_that_wake_at_the_same_minute_show_each_other(
    world: World, monkeypatch: pytest.MonkeyPatch, job: str
) -> None:
    """Both have read the beacon before either renews it."""
    world.venue.booking(status="draft")
    world.both()
    both_have_read, first, lock = threading.Barrier(2, timeout=20), set[int](), threading.Lock()
    read = GoogleBeacons.get

    def get(beacons: GoogleBeacons, event_id: str) -> Any:
        found = read(beacons, event_id)
        with lock:
            is_first = threading.get_ident() not in first
            first.add(threading.get_ident())
        if is_first:
            both_have_read.wait()
        return found

    with snapshot_of(world) as copy:
        for one in (world, copy):
            one.venue.booking(status="draft", contact_phone=BEA)
        world.sandbox.twilio.list_lag = LAG
        world.write_settings()
        monkeypatch.setattr(GoogleBeacons, "get", get)
        results = together([getattr(world, job), getattr(copy, job)])
    assert sorted(result.exit_code for result in results) == [Exit.AS_DESIRED, Exit.REFUSED_AS_UNSAFE]
    assert sum(result.repaired for result in results) == 1


def together(acts: list[Callable[[], PassResult]]) -> list[PassResult]:
    results: list[PassResult] = []
    threads = [threading.Thread(target=lambda act=act: results.append(act())) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == len(acts)
    return results


def test_a_copy_removes_no_event_of_the_original(world: World) -> None:
    bookings = [world.venue.booking(status="draft") for _ in range(3)]
    world.both()
    with snapshot_of(world) as copy:
        world.venue.booking(status="draft", contact_phone=BEA)
        world.both()
        copy.venue.sql("UPDATE private_bookings SET status = 'cancelled' WHERE id = %s", bookings[0])
        assert copy.events().exit_code is Exit.REFUSED_AS_UNSAFE
    assert len(world.sandbox.google.live()) == 4


def test_an_outage_of_google_does_not_lift_a_refusal(world: World) -> None:
    world.venue.booking(status="draft")
    world.both()
    with snapshot_of(world) as copy:
        for one in (world, copy):
            one.venue.booking(status="draft", contact_phone=BEA)
        copy.both()
        assert world.texts().exit_code is Exit.REFUSED_AS_UNSAFE
        world.sandbox.google.faults.always("beacon.get", DROP)
        assert world.texts().exit_code is Exit.REFUSED_AS_UNSAFE
    assert world.sent_to().count(BEA) == 1


# What a person decides


def test_once_exits_4_and_prints_both_commands(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.clock.moment = world.venue.now = datetime.now(UTC)  # the command has the real clock
    world.venue.booking(status="draft")
    world.both()
    with snapshot_of(world) as copy:
        for one in (world, copy):
            one.venue.booking(status="draft", contact_phone=BEA)
        copy.events()
        assert command(world, monkeypatch, "once", "calendar_missing", "--do") == Exit.REFUSED_AS_UNSAFE
        said = "".join(capsys.readouterr())
    assert "another copy of this database acts with the same keys" in said
    assert "migrate --same-installation" in said
    assert "migrate --new-installation" in said


def test_the_original_goes_on_with_caution_once_a_person_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.venue.booking(status="draft")
    world.both()
    with snapshot_of(world) as copy:
        for one in (world, copy):
            one.venue.booking(status="draft", contact_phone=BEA)
        copy.texts()
        world.texts()
        assert command(world, monkeypatch, "status") == Exit.REFUSED_AS_UNSAFE
        assert "migrate --same-installation" in capsys.readouterr().out
        assert "migrate --same-installation" in page_of(world)
        assert command(world, monkeypatch, "migrate", "--same-installation") == Exit.AS_DESIRED
        assert "caution begins" in capsys.readouterr().out
        assert world.texts().exit_code is not Exit.REFUSED_AS_UNSAFE
        assert (status(world), caution(world)) == ("ours", "beacon_settled")
        assert ("integration.place", "sms") not in world.gaps()
        copy.venue.booking(status="draft", contact_phone="+447700900103")
        assert copy.texts().exit_code is Exit.REFUSED_AS_UNSAFE, "the other one is not the installation any more"
    assert world.sent_to().count(BEA) == 1


def test_a_refused_copy_can_become_an_installation_of_its_own(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.venue.booking(status="draft")
    world.both()
    with snapshot_of(world) as copy:
        world.venue.booking(status="draft", contact_phone=BEA)
        world.both()
        copy.venue.booking(status="draft", contact_phone="+447700900103")
        assert copy.events().exit_code is Exit.REFUSED_AS_UNSAFE
        assert command(copy, monkeypatch, "migrate", "--new-installation") == Exit.AS_DESIRED
        assert copy.events().repaired == 1
        assert status(copy) == "new"
        ids = {one.venue.sql("SELECT id FROM reconciler.installation")[0] for one in (copy, world)}
        assert len(ids) == 2
        world.venue.booking(status="draft", contact_phone="+447700900104")
        assert world.events().repaired == 1, "each has a beacon of its own"
    assert len(world.sandbox.google.beacons()) == 2


# A restore in place


def test_b3_a_dump_restored_in_place_sends_no_text_again(world: World) -> None:
    world.both()
    world.venue.booking(status="draft")
    backup = Backup(world.venue)
    world.sandbox.twilio.list_lag = LAG
    assert world.texts().repaired == 1
    backup.restore(application=True)
    assert world.texts().attempts == {("held", Hold.CAUTION): 1}
    assert (status(world), caution(world)) == ("restored", "restored")
    assert codes(world) == ["restored"]
    world.texts()
    assert codes(world) == ["restored"], "it is told once"
    assert world.sent_to().count(ANA) == 1


def test_a_restore_in_place_holds_no_later_booking_for_long(world: World) -> None:
    """Once the control shows that the list is true, an earlier booking without a text gets one, and only one."""
    world.both()
    known_message(world)
    world.venue.booking(status="draft")
    backup = Backup(world.venue)
    world.texts()
    world.venue.booking(status="draft", contact_phone="+447700900103")
    backup.restore(application=False)
    world.texts()
    world.venue.sql(
        "UPDATE reconciler.installation SET caution_since = now() - interval '10 minutes';"
        "UPDATE reconciler.intent SET not_before = NULL"
    )
    world.texts()
    assert sorted(world.sent_to()[1:]) == [ANA, "+447700900103"]


def test_a_restore_in_place_makes_no_second_event(world: World) -> None:
    booking = world.venue.booking(status="draft")
    backup = Backup(world.venue)
    world.events()
    backup.restore(application=True)
    world.events()
    assert [event["id"] for event in world.sandbox.google.live()] == [world.venue.stored_event(booking)]
    assert caution(world) == "restored"


def test_a_pass_that_was_killed_before_the_restore_is_seen_too(world: World) -> None:
    """The beacon is renewed before the first call: not the pass's end tells the calendar."""
    world.events()
    world.venue.booking(status="draft")
    backup = Backup(world.venue)
    world.sandbox.twilio.list_lag = LAG
    world.sandbox.twilio.faults.next_calls("messages.create", LOSE)
    world.texts()
    backup.restore(application=True)
    world.texts()
    assert caution(world) == "restored"
    assert world.sent_to().count(ANA) == 1


# A lost ledger


def lose_ledger(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.venue.alter("DROP SCHEMA reconciler CASCADE; CREATE SCHEMA reconciler AUTHORIZATION reconciler_job")
    assert command(world, monkeypatch, "migrate") == Exit.AS_DESIRED


def test_a_lost_ledger_takes_its_id_from_the_beacon(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.venue.booking(status="draft")
    world.both()
    before = world.venue.sql("SELECT id, since FROM reconciler.installation")
    lose_ledger(world, monkeypatch)
    assert world.venue.sql("SELECT id, since FROM reconciler.installation") != before
    world.venue.booking(status="draft", contact_phone=BEA)
    world.events()
    assert world.venue.sql("SELECT id, since FROM reconciler.installation") == before
    assert caution(world) == "lost_ledger"
    assert len(world.sandbox.google.beacons()) == 1


def test_a_lost_ledger_with_a_beacon_makes_no_second_event_for_a_booking_that_moves(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking = world.venue.booking(status="draft")
    world.events()
    (event,) = world.sandbox.google.live()
    lose_ledger(world, monkeypatch)
    world.venue.sql(
        "UPDATE private_bookings SET event_date = event_date + 3, calendar_event_id = NULL WHERE id = %s", booking
    )
    for _ in range(3):
        world.events()
    live = world.sandbox.google.live()
    assert len(live) == 1
    assert live[0]["id"] != event["id"] or live[0]["start"] != event["start"]


def test_a_lost_ledger_goes_on_while_google_is_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.venue.booking(status="draft")
    world.both()
    lose_ledger(world, monkeypatch)
    world.venue.settle_in()
    world.venue.booking(status="draft", contact_phone=BEA)
    world.sandbox.google.faults.always("beacon.list", DROP)
    world.sandbox.google.faults.always("beacon.get", DROP)
    assert world.texts().repaired == 1
    assert status(world) == "unknown"


def test_another_installation_over_the_same_tables_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The application's tables were dumped, and started elsewhere with all of production's keys."""
    world.venue.booking(status="draft")
    world.both()
    with copy_of(world) as copy:
        lose_ledger(copy, monkeypatch)
        copy.venue.booking(status="draft", contact_phone=BEA)
        assert copy.texts().exit_code is Exit.REFUSED_AS_UNSAFE
        assert copy.events().exit_code is Exit.REFUSED_AS_UNSAFE
        assert status(copy) == "another_installation"
        assert world.sent_to() == [ANA]
        assert command(copy, monkeypatch, "migrate", "--new-installation") == Exit.AS_DESIRED
        assert copy.texts().exit_code is not Exit.REFUSED_AS_UNSAFE


def test_a_neighbour_in_the_calendar_is_told_once(world: World) -> None:
    world.venue.booking(status="draft")
    world.both()
    (event,) = world.sandbox.google.beacons()
    said = event["extendedProperties"]["private"] | {"installation": "b", "tables": "others", "database": "1"}
    body = {**event, "id": "rclbeaconother", "extendedProperties": {"private": said}}
    world.sandbox.google.calendar.insert(body)
    world.sandbox.google.calendar.delete(event["id"], None)
    for number in (BEA, "+447700900103"):
        world.venue.booking(status="draft", contact_phone=number)
        assert world.texts().repaired == 1
    assert codes(world).count("beacon_of_another_installation") == 1


# Processes of one ledger, and people


def test_three_replicas_at_once_never_refuse_each_other(world: World) -> None:
    for number in range(6):
        world.venue.booking(status="draft", contact_phone=f"+4477009001{number:02}")
    world.write_settings()
    for _ in range(4):
        results = together([world.texts, world.events, world.texts])
        assert Exit.REFUSED_AS_UNSAFE not in {result.exit_code for result in results}
        assert status(world) in ("ours", "new")
        world.venue.booking(status="draft", contact_phone="+447700900150")
        world.venue.booking(status="draft", contact_phone="+447700900151")
    assert len(world.sandbox.google.beacons()) == 1
    assert (codes(world), caution(world)) == ([], "")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_replicas_that_die_anywhere_in_a_renewal_never_refuse_each_other(world: World, seed: int) -> None:
    """A call that never left, or whose answer nobody heard, leaves what a process leaves that is killed there."""
    world.write_settings()
    operations = ["beacon.get", "beacon.list", "beacon.insert", "beacon.patch"]
    world.sandbox.google.faults.by_seed(seed, 0.5, [DROP, LOSE], operations)
    for number in range(5):
        for more in range(3):
            world.venue.booking(status="draft", contact_phone=f"+4477009001{number}{more}")
        results = together([world.texts, world.events, world.texts])
        assert Exit.REFUSED_AS_UNSAFE not in {result.exit_code for result in results}
    world.texts()
    assert (codes(world), caution(world)) == ([], "")
    assert len(world.sandbox.google.beacons()) == 1
    assert len(world.sent_to()) == len(set(world.sent_to())) == 15


@pytest.mark.parametrize("operation", ["beacon.insert", "beacon.patch"])
@pytest.mark.parametrize("how", [DROP, LOSE])
def test_a_renewal_whose_answer_is_lost_never_looks_like_a_copy(world: World, operation: str, how: Fault) -> None:
    if operation == "beacon.patch":
        world.venue.booking(status="draft")
        world.texts()
    world.sandbox.google.faults.next_calls(operation, how)
    for number in (BEA, "+447700900103", "+447700900104"):
        world.venue.booking(status="draft", contact_phone=number)
        assert world.texts().repaired == 1
    assert (status(world), caution(world), codes(world)) == ("ours", "", [])


def test_a_calendar_that_may_only_be_read_never_looks_like_a_copy(world: World) -> None:
    """More passes than the ledger keeps nonces: the one in the calendar stays known."""
    world.venue.booking(status="draft")
    world.both()
    world.sandbox.google.role = "reader"
    for _ in range(110):
        with world.services() as services:
            assert not meet_beacon(services).status.forbids
    assert caution(world) == ""


def test_a_beacon_that_a_person_deletes_is_made_anew_and_told_once(world: World) -> None:
    world.venue.booking(status="draft")
    world.texts()
    for number in (BEA, "+447700900103"):
        (event,) = world.sandbox.google.beacons()
        world.sandbox.google.delete_by_hand(event["id"])
        world.venue.booking(status="draft", contact_phone=number)
        assert world.texts().repaired == 1
        assert len(world.sandbox.google.beacons()) == 1
    world.venue.booking(status="draft", contact_phone="+447700900104")
    world.texts()
    assert codes(world) == ["beacon_missing"]


def test_a_copy_sees_the_original_also_after_the_beacon_was_deleted(world: World) -> None:
    world.venue.booking(status="draft")
    world.texts()
    with snapshot_of(world) as copy:
        (event,) = world.sandbox.google.beacons()
        world.sandbox.google.delete_by_hand(event["id"])
        for one in (world, copy):
            one.venue.booking(status="draft", contact_phone=BEA)
        world.texts()
        assert copy.texts().exit_code is Exit.REFUSED_AS_UNSAFE


# What it costs, and what it never is


def test_what_the_beacon_costs(world: World) -> None:
    world.venue.booking(status="draft")
    assert counted(world, world.texts) == {"beacon.list": 2, "beacon.get": 1, "beacon.insert": 1}
    assert counted(world, world.events) == {"beacon.get": 1, "beacon.patch": 1}
    assert counted(world, world.both) == {}, "nothing to do"
    for number in range(10):
        world.venue.booking(status="draft", contact_phone=f"+4477009001{number:02}")
    assert counted(world, world.texts) == {"beacon.get": 1, "beacon.patch": 1}


@pytest.mark.parametrize("off", ["record: {beacon: no}", "repairs: report"])
def test_without_leave_to_write_there_is_none(world: World, off: str) -> None:
    world.configure(more=off)
    world.venue.booking(status="draft")
    assert counted(world, world.both) == {}
    assert world.sandbox.google.beacons() == []


def test_a_suspended_calendar_is_read_and_not_written(world: World) -> None:
    world.venue.booking(status="draft")
    world.texts()
    world.environment["SUSPEND_ALL_EVENTS"] = "true"
    world.venue.booking(status="draft", contact_phone=BEA)
    assert counted(world, world.texts) == {"beacon.get": 1}


@pytest.mark.parametrize("how", [DROP, BROKEN])
def test_a_calendar_that_is_away_stops_no_text(world: World, how: Fault) -> None:
    world.sandbox.google.faults.always("beacon.get", how)
    world.venue.booking(status="draft")
    assert world.texts().repaired == 1
    assert status(world) == "unknown"


def test_the_beacon_is_a_private_event_that_says_nothing_of_a_person_and_no_booking_adopts(world: World) -> None:
    world.venue.booking(status="draft", customer_name="Zebedee")
    world.both()
    (event,) = world.sandbox.google.beacons()
    assert (event["visibility"], event["transparency"]) == ("private", "transparent")
    assert event["start"]["dateTime"].startswith("2099")
    assert "Zebedee" not in str(event)
    assert all(len(value) <= 1024 for value in content(world).values())
    world.venue.booking(status="draft", event_date="2099-01-01", start_time="03:00", contact_phone=BEA)
    world.events()
    assert len(world.sandbox.google.live()) == 2
    assert ("calendar.orphan", event["id"]) not in world.gaps()
