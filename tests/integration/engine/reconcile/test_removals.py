"""Removal is a repair: planned, counted, capped, held by limits of its own, told; and only on a positive statement."""

import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.domain.bookings import BookingId, StoredEvent
from reconciler.domain.decide import calendar_event
from reconciler.domain.decide.policies import Breaker
from reconciler.domain.decide.removals import KnownEvent, plan_removals
from reconciler.domain.gaps import Effect, GapKind
from reconciler.domain.intents import Intent, IntentId, State
from reconciler.engine.reconcile.results import PassResult
from reconciler.errors import Exit
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.fakes.google_state import GoogleError
from tests.support.sandbox_world import World

ORPHAN = GapKind.CALENDAR_ORPHAN
TABLE = "private_bookings"


def bookings(world: World, number: int, **values: Any) -> list[BookingId]:
    """Two hours old, and with events of ours."""
    made = world.venue.now - timedelta(hours=2)
    some = [world.venue.booking(created_at=made, updated_at=made, **values) for _ in range(number)]
    until_all_have_events(world)
    assert live(world) >= number
    return some


def until_all_have_events(world: World) -> None:
    while world.events(max_repairs=10_000).repaired:
        pass


def live(world: World) -> int:
    return len(world.sandbox.google.live())


def change(world: World, some: Sequence[BookingId], what: str) -> None:
    world.venue.sql(f"UPDATE {TABLE} SET {what} WHERE id = ANY(%s::uuid[])", list(some))


def delete(world: World, some: Sequence[BookingId]) -> None:
    world.venue.sql(f"DELETE FROM {TABLE} WHERE id = ANY(%s::uuid[])", list(some))


def truncate(world: World) -> None:
    world.venue.sql(f"TRUNCATE {TABLE} CASCADE")


def passes(world: World, hours: int) -> list[PassResult]:
    """A pass every hour."""
    results = []
    for _ in range(hours):
        world.later(hours=1)
        results.append(world.events())
    return results


def orphans(world: World) -> dict[str, tuple[str, str]]:
    return {about: said for (kind, about), said in world.gaps().items() if kind == ORPHAN}


def alerts(world: World) -> set[tuple[str, str]]:
    events = world.sandbox.sentry.events
    return {(event["tags"]["cause"], event["level"]) for event in events if event["tags"]["kind"] == ORPHAN}


# Field report B5: 150 bookings with our events, all but one deleted by mistake


def test_all_but_one_of_150_deleted_by_mistake_removes_nothing_and_pages(world: World) -> None:
    some = bookings(world, 150)
    saved = world.venue.rows(TABLE)
    delete(world, some[1:])
    world.later(minutes=10)
    first = world.events()
    assert (live(world), first.exit_code) == (150, Exit.REFUSED_AS_UNSAFE)
    assert first.removals
    assert first.removals.trip
    assert first.removals.trip.found == 149
    assert set(orphans(world).values()) == {("breaker", "breaker")}
    assert len(orphans(world)) == 149
    assert alerts(world) == {("breaker", "error")}
    results = passes(world, 26)
    assert {result.exit_code for result in results} == {Exit.REFUSED_AS_UNSAFE}
    assert live(world) == 150
    assert ("breaker", "fatal") in alerts(world), "paged"
    for row in saved:
        if row["id"] != some[0]:
            world.venue.insert(TABLE, row)
    world.later(minutes=10)
    world.events()
    assert (live(world), orphans(world)) == (150, {})


def test_max_with_the_real_number_removes_what_was_deleted_on_purpose(world: World) -> None:
    some = bookings(world, 40)
    delete(world, some[20:])
    results = passes(world, 26)
    assert results[-1].removals
    assert results[-1].removals.trip
    assert results[-1].removals.trip.found == 20
    assert world.events(max_removals=19).exit_code == Exit.REFUSED_AS_UNSAFE
    approved_repairs = world.events(max_repairs=20)
    assert (approved_repairs.events_removed, live(world)) == (0, 40), "who approves repairs approves no removal"
    assert world.events(max_removals=20).events_removed == 20
    assert (live(world), orphans(world)) == (20, {})


@pytest.mark.parametrize(("there", "gone"), [(8, 8), (8, 7), (5, 3)])
def test_few_bookings_most_of_which_vanish_keep_their_events(world: World, there: int, gone: int) -> None:
    """As many as the floor allows, and yet more than half of everything."""
    some = bookings(world, there)
    delete(world, some[there - gone :])
    results = passes(world, 26)
    assert live(world) == there
    assert len(orphans(world)) == gone
    assert {result.exit_code for result in results} == {Exit.REFUSED_AS_UNSAFE}


# Archived past bookings


@pytest.mark.parametrize(
    "archived",
    [
        lambda world, some: delete(world, some),
        lambda world, some: change(world, some, "status = 'completed'"),
        lambda world, some: change(world, some, "status = 'cancelled'"),
        lambda world, some: change(world, some, "date_tbd = true"),
    ],
    ids=["deleted", "completed", "cancelled afterwards", "date withdrawn afterwards"],
)
def test_archived_past_bookings_keep_their_events(
    world: World, archived: Callable[[World, list[BookingId]], None]
) -> None:
    bookings(world, 4, event_date=(world.venue.now + timedelta(days=30)).date())
    past = bookings(world, 3, event_date=(world.venue.now + timedelta(days=1)).date())
    world.later(days=3)
    archived(world, past)
    passes(world, 26)
    assert (live(world), orphans(world)) == (7, {})


def test_a_past_event_of_an_earlier_version_is_kept_by_what_google_says(world: World) -> None:
    """The ledger does not know where it stands."""
    bookings(world, 4, event_date=(world.venue.now + timedelta(days=30)).date())
    past = bookings(world, 1, event_date=(world.venue.now + timedelta(days=1)).date())
    world.venue.sql("UPDATE reconciler.intent SET starts_at = NULL")
    world.later(days=3)
    delete(world, past)
    passes(world, 26)
    assert (live(world), orphans(world)) == (5, {})


def of_an_older_ledger(world: World, some: Sequence[BookingId]) -> None:
    """A season ago: *done*, without a start."""
    ((installation,),) = world.venue.sql("SELECT id::text FROM reconciler.installation")
    for booking in some:
        world.venue.sql(
            """INSERT INTO reconciler.intent (id, scope, booking, effect, trigger, generation, state, attempts, subject,
                                             provider_id, created_at, updated_at, attempted_at)
               SELECT gen_random_uuid(), scope, %s, 'calendar', 'event', 1, 'done', 1, 'x', %s, season, season, season
               FROM reconciler.intent, (SELECT now() - interval '90 days') AS ago (season) LIMIT 1""",
            booking,
            calendar_event.event_id(installation, booking, 1),
        )


def past_bookings(world: World, number: int) -> list[BookingId]:
    made, day = world.venue.now - timedelta(days=90), (world.venue.now - timedelta(days=60)).date()
    return [world.venue.booking(event_date=day, created_at=made) for _ in range(number)]


def test_past_events_of_an_older_ledger_hide_no_mass_deletion(world: World) -> None:
    some = bookings(world, 30)
    of_an_older_ledger(world, past_bookings(world, 150))
    delete(world, some[12:])
    result = passes(world, 26)[-1]
    assert live(world) == 30
    assert result.removals
    assert result.removals.live == 30
    assert result.exit_code == Exit.REFUSED_AS_UNSAFE


def test_archived_events_of_an_older_ledger_are_no_mass_deletion(world: World) -> None:
    some = bookings(world, 10)
    of_an_older_ledger(world, [BookingId(str(uuid.uuid4())) for _ in range(60)])
    first, second, third = passes(world, 3)
    assert {result.exit_code for result in (first, second, third)} == {Exit.AS_DESIRED}
    assert [len(result.removals.unplaced) for result in (first, second, third) if result.removals] == [60, 10, 0]
    change(world, some[:1], "status = 'cancelled'")
    world.later(minutes=10)
    assert world.events().events_removed == 1


def test_an_event_of_an_older_ledger_whose_row_is_deleted_goes_after_a_day(world: World) -> None:
    some = bookings(world, 4)
    world.venue.sql("UPDATE reconciler.intent SET starts_at = NULL")
    delete(world, some[:1])
    passes(world, 24)
    assert live(world) == 4
    passes(world, 2)
    assert (live(world), orphans(world)) == (3, {})


def test_an_event_of_an_older_ledger_loses_its_date_and_is_removed(world: World) -> None:
    some = bookings(world, 4)
    world.venue.sql("UPDATE reconciler.intent SET starts_at = NULL")
    change(world, some[:1], "date_tbd = true")
    passes(world, 2)
    assert (live(world), orphans(world)) == (3, {})


def test_an_event_of_an_older_ledger_that_a_person_made_last_all_day_stays(world: World) -> None:
    some = bookings(world, 4)
    world.venue.sql("UPDATE reconciler.intent SET starts_at = NULL")
    event = world.sandbox.google.calendar.events[str(world.venue.stored_event(some[0]))]
    for edge in ("start", "end"):
        event[edge] = {"date": event[edge]["dateTime"][:10]}
    delete(world, some[:1])
    passes(world, 26)
    assert (live(world), orphans(world)) == (4, {})


# TRUNCATE, and what else makes rows invisible


def test_a_truncated_table_removes_nothing(world: World) -> None:
    bookings(world, 4)
    truncate(world)
    results = passes(world, 26)
    assert live(world) == 4
    assert {result.exit_code for result in results} == {Exit.REFUSED_AS_UNSAFE}
    assert len(orphans(world)) == 4


def test_a_truncated_table_that_fills_again_removes_nothing(world: World) -> None:
    bookings(world, 4)
    truncate(world)
    for _ in range(30):
        world.later(hours=1)
        world.venue.booking()
        world.events()
    assert live(world) == 4 + 30


def test_a_table_truncated_in_the_middle_of_a_pass_removes_nothing(world: World) -> None:
    """The reasons were read; then everything is gone, and with it what they said."""
    some = bookings(world, 6)
    delete(world, some[:1])
    passes(world, 24)
    change(world, some[1:2], "status = 'cancelled'")
    world.later(hours=1)
    during(world, lambda: truncate(world))
    assert live(world) == 6
    result = passes(world, 2)
    assert live(world) == 6
    assert result[-1].exit_code == Exit.REFUSED_AS_UNSAFE


def during(world: World, act: Callable[[], None]) -> None:
    """A pass in which the application acts while the calendar answers the first question."""
    google, original = world.sandbox.google, world.sandbox.google.answer
    acted: list[bool] = []

    def answer(request: Any) -> Any:
        if not acted:
            acted.append(True)
            act()
        return original(request)

    google.answer = answer  # type: ignore[method-assign]
    try:
        world.events()
    finally:
        google.answer = original  # type: ignore[method-assign]
    assert acted


@pytest.mark.parametrize(
    "blind",
    [
        f"REVOKE SELECT ON {TABLE} FROM reconciler_job",
        f"ALTER TABLE {TABLE} RENAME COLUMN status TO state",
    ],
    ids=["no right to read", "a column is gone"],
)
def test_what_cannot_be_read_removes_nothing(world: World, blind: str) -> None:
    some = bookings(world, 4)
    change(world, some[:1], "status = 'cancelled'")
    world.venue.alter(blind)
    results = passes(world, 26)
    assert live(world) == 4
    assert all(result.removals is None and result.faults for result in results)


def test_a_table_restored_after_a_day_without_one_row_keeps_its_event_for_another_day(world: World) -> None:
    some = bookings(world, 4)
    saved = world.venue.rows(TABLE)
    truncate(world)
    passes(world, 30)
    for row in saved:
        if row["id"] != some[0]:
            world.venue.insert(TABLE, row)
    passes(world, 24)
    assert live(world) == 4
    passes(world, 2)
    assert (live(world), orphans(world)) == (3, {})


# One row is deleted


def test_the_event_of_one_deleted_row_goes_after_a_day_and_not_before(world: World) -> None:
    some = bookings(world, 4)
    delete(world, some[:1])
    passes(world, 24)
    assert (live(world), orphans(world)) == (4, {})
    world.later(hours=1)
    result = world.events()
    assert (live(world), result.events_removed, result.exit_code) == (3, 1, Exit.AS_DESIRED)
    assert alerts(world) == {("app_failed", "warning")}, "told"
    ((counts,),) = world.venue.sql("SELECT counts FROM reconciler.run ORDER BY id DESC LIMIT 1")
    assert counts["events_removed"] == 1
    writes = world.sandbox.google.writes
    passes(world, 2)
    assert world.sandbox.google.writes == writes


def test_a_row_put_back_within_the_day_keeps_its_event(world: World) -> None:
    some = bookings(world, 4)
    (saved,) = [row for row in world.venue.rows(TABLE) if row["id"] == some[0]]
    delete(world, some[:1])
    passes(world, 20)
    world.venue.insert(TABLE, saved)
    passes(world, 20)
    assert (live(world), orphans(world)) == (4, {})
    assert world.venue.sql("SELECT count(*) FROM reconciler.intent WHERE absent_since IS NOT NULL") == [(0,)]
    delete(world, some[:1])
    passes(world, 23)
    assert live(world) == 4, "the day begins again"


def test_3000_rows_deleted_of_6000_are_judged_within_a_second() -> None:
    """The bookings that are there are sorted once, and not listed for each event whose booking is gone."""
    now = datetime(2026, 6, 10, tzinfo=UTC)
    events = [
        KnownEvent(
            intent=Intent(
                id=IntentId(str(number)), booking=BookingId(str(number)), effect=Effect.CALENDAR, trigger="event",
                generation=1, state=State.DONE, attempts=1, subject="", code="", cause=None, provider_id=str(number),
                not_before=None, attempted_at=None, account="", settle_tries=0, claim=None, updated_at=now,
            ),
            starts_at=now + timedelta(days=9), absent_since=None, made_at=now - timedelta(minutes=number), is_ours=True,
        )
        for number in range(6000)
    ]  # fmt: skip
    row = StoredEvent(
        event_id=None, eligible=True, starts_at=now + timedelta(days=9), created_at=now - timedelta(days=9),
        cancelled=False, deleted=False, has_date=True, in_scope=True,
    )  # fmt: skip
    rows = {event.intent.booking: row for event in events[::2]}
    began_at = time.process_time()
    plan = plan_removals(events, rows, {}, 0, Breaker(floor=10, ratio=0.1, ratio_from=5), None, now)
    assert time.process_time() - began_at < 1
    assert (plan.found, bool(plan.trip)) == (3000, True)
    assert {removal.witnesses for removal in plan.waiting} == {tuple(BookingId(str(2 * n)) for n in range(1, 21))}


# What is no statement


@pytest.mark.parametrize("section", ["bookings", "events"])
def test_a_narrowed_only_removes_nothing(world: World, section: str) -> None:
    some = bookings(world, 4)
    world.configure(**{section: ", only: {source: web}"})
    change(world, some[:1], "status = 'cancelled'")
    passes(world, 26)
    assert (live(world), orphans(world)) == (4, {})


def test_a_status_that_is_not_listed_any_more_removes_nothing(world: World) -> None:
    bookings(world, 4)
    message = "{trigger: booking_created, template: 'Hi {{ ref }}'}"
    world.configure(bookings=", statuses: [draft]", texts=f", messages: {{draft: {message}}}")
    passes(world, 26)
    assert (live(world), orphans(world)) == (4, {})


def test_a_booking_whose_status_nobody_listed_keeps_its_event(world: World) -> None:
    some = bookings(world, 4)
    change(world, some[:1], "status = 'completed'")
    passes(world, 26)
    assert (live(world), orphans(world)) == (4, {})


# What is one


STATEMENTS = {
    "cancelled": "status = 'cancelled'",
    "cancelled, id forgotten": "status = 'cancelled', calendar_event_id = NULL",
    "date withdrawn": "date_tbd = true",
}


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS.keys())
def test_the_next_pass_removes_the_event(world: World, statement: str) -> None:
    some = bookings(world, 4)
    change(world, some[:1], statement)
    world.later(minutes=10)
    shown = world.events(act=False)
    assert (live(world), shown.removals and shown.removals.found) == (4, 1), "shown, and nothing removed"
    assert world.events().events_removed == 1
    assert (live(world), world.venue.stored_event(some[0])) == (3, None)
    change(world, some[:1], "status = 'confirmed', date_tbd = false")
    world.later(minutes=10)
    world.events()
    assert live(world) == 4, "wanted again: it has an event again"


def test_a_moved_booking_has_its_event_on_the_new_day(world: World) -> None:
    some = bookings(world, 4)
    change(world, some[:1], "event_date = event_date + 2")
    for _ in range(2):
        world.later(minutes=10)
        world.events()
    stands = {event["id"]: event["start"]["dateTime"][:10] for event in world.sandbox.google.live()}
    assert (live(world), stands[str(world.venue.stored_event(some[0]))]) == (4, "2026-06-19")


def test_an_event_that_the_application_moved_with_its_booking_stays(world: World) -> None:
    some = bookings(world, 4)
    change(world, some[:1], "event_date = event_date + 2")
    event_id = str(world.venue.stored_event(some[0]))
    event = world.sandbox.google.calendar.events[event_id]
    for edge in ("start", "end"):
        day = event[edge]["dateTime"]
        event[edge] = {**event[edge], "dateTime": day.replace("2026-06-17", "2026-06-19")}
    passes(world, 3)
    assert (live(world), world.venue.stored_event(some[0]), orphans(world)) == (4, event_id, {})


def drag(world: World, event_id: str, clock_time: str) -> None:
    """A person moves the event to another time of its day."""
    event = world.sandbox.google.calendar.events[event_id]
    start = event["start"]
    event["start"] = {**start, "dateTime": f"{start['dateTime'][:10]}T{clock_time}{start['dateTime'][16:]}"}


def test_an_event_dragged_by_hand_whose_booking_then_moved_is_for_a_person(world: World) -> None:
    some = bookings(world, 4)
    event_id = str(world.venue.stored_event(some[0]))
    drag(world, event_id, "18:00")
    change(world, some[:1], "start_time = '21:00'")
    results = passes(world, 3)
    assert (live(world), orphans(world)) == (4, {some[0]: ("unusable_data", "edited")})
    assert {result.exit_code for result in results} == {Exit.NEEDS_A_HUMAN}
    assert alerts(world) >= {("unusable_data", "error")}
    drag(world, event_id, "21:00")
    passes(world, 1)
    assert (live(world), orphans(world)) == (4, {}), "the person decided"


@pytest.mark.parametrize("ours_stands_elsewhere", [False, True])
def test_a_booking_that_names_an_event_that_does_not_exist(world: World, ours_stands_elsewhere: bool) -> None:
    some = bookings(world, 4)
    event_id = str(world.venue.stored_event(some[0]))
    change(world, some[:1], "calendar_event_id = 'apphasnone1'")
    if ours_stands_elsewhere:
        change(world, some[:1], "start_time = '21:00'")
    passes(world, 2)
    if ours_stands_elsewhere:
        assert orphans(world) == {some[0]: ("unusable_data", "no_such_event")}
    else:
        assert (world.venue.stored_event(some[0]), orphans(world)) == (event_id, {})
    assert live(world) == 4


def test_a_booking_marked_as_deleted_loses_its_event_and_gets_no_other(world: World) -> None:
    world.venue.alter(
        f"ALTER TABLE {TABLE} ADD COLUMN deleted_at timestamptz; GRANT SELECT ON {TABLE} TO reconciler_job"
    )
    world.configure(bookings=", columns: {deleted: deleted_at}")
    some = bookings(world, 4)
    change(world, some[:1], "deleted_at = now()")
    passes(world, 3)
    assert (live(world), world.venue.stored_event(some[0]), orphans(world)) == (3, None, {})


def test_only_events_whose_id_recomputes_are_removed(world: World) -> None:
    """The application's own event of a cancelled booking is the application's."""
    starts = world.venue.now.replace(hour=19, minute=30) + timedelta(days=7)
    booking = world.venue.booking()
    theirs = world.sandbox.google.put(
        f"[CONFIRMED] - {booking[:8]} - Ana Lima @ Main Bar", starts, starts + timedelta(hours=3)
    )
    world.events()
    assert world.venue.stored_event(booking) == theirs
    change(world, [booking], "status = 'cancelled'")
    passes(world, 3)
    assert [event["id"] for event in world.sandbox.google.live()] == [theirs]
    assert not theirs.startswith(calendar_event.ID_PREFIX)


# Many at once, and many one by one


def test_a_mass_cancellation_is_held_by_the_breaker(world: World) -> None:
    some = bookings(world, 40)
    change(world, some[:11], "status = 'cancelled'")
    world.later(minutes=10)
    result = world.events()
    assert (live(world), result.exit_code) == (40, Exit.REFUSED_AS_UNSAFE)
    assert set(orphans(world).values()) == {("breaker", "breaker")}
    assert world.events(max_removals=11).events_removed == 11
    assert (live(world), orphans(world)) == (29, {})


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS.keys())
def test_at_a_small_venue_an_update_of_every_row_removes_nothing(world: World, statement: str) -> None:
    some = bookings(world, 9)
    change(world, some, statement)
    world.later(minutes=10)
    result = world.events()
    assert (live(world), result.exit_code) == (9, Exit.REFUSED_AS_UNSAFE)
    assert set(orphans(world).values()) == {("breaker", "breaker")}
    assert world.events(max_removals=9).events_removed == 9


def test_a_small_venue_that_moves_all_its_bookings_has_all_its_events_moved(world: World) -> None:
    some = bookings(world, 9)
    change(world, some, "event_date = event_date + 2")
    passes(world, 3)
    assert (live(world), orphans(world)) == (9, {})


def test_a_mass_cancellation_in_portions_is_held_as_well(world: World) -> None:
    some = bookings(world, 40)
    for number in range(8):
        change(world, some[5 * number : 5 * number + 5], "status = 'cancelled'")
        world.later(minutes=10)
        world.events()
    assert live(world) == 30, "two portions are as many as a day allows"


def test_a_breaker_of_removals_stops_no_repair(world: World) -> None:
    some = bookings(world, 20)
    change(world, some[:15], "status = 'cancelled'")
    world.later(minutes=10)
    new = world.venue.booking()
    result = world.events()
    assert (result.repaired, result.exit_code) == (1, Exit.REFUSED_AS_UNSAFE)
    assert world.venue.stored_event(new)


def test_149_cancelled_one_by_one_over_a_season_all_lose_their_events(world: World) -> None:
    some = bookings(world, 160, event_date=(world.venue.now + timedelta(days=200)).date())
    for start in range(0, 149, 5):
        change(world, some[start : min(start + 5, 149)], "status = 'cancelled'")
        world.later(days=2)
        assert world.events().exit_code == Exit.AS_DESIRED
    assert (live(world), orphans(world)) == (11, {})


def test_a_pass_removes_no_more_than_its_cap(world: World) -> None:
    some = bookings(world, 11)
    world.configure(limits=", pass: 2")
    change(world, some[:5], "status = 'cancelled'")
    removed = [(result.events_removed, result.exit_code) for result in passes(world, 3)]
    assert removed == [(2, Exit.WORK_LEFT), (2, Exit.WORK_LEFT), (1, Exit.AS_DESIRED)]


def test_a_removal_that_google_does_not_answer_is_tried_again_and_told_once(world: World) -> None:
    some = bookings(world, 4)
    change(world, some[:1], "status = 'cancelled'")
    world.sandbox.google.faults.always("events.delete", Fault(kind=Misbehaviour.STATUS, status=503))
    for _ in range(3):
        world.later(minutes=10)
        assert world.events().exit_code == Exit.WORK_LEFT
    assert orphans(world) == {some[0]: ("blocked", "http:503")}
    world.sandbox.google.faults.clear()
    world.later(minutes=10)
    world.events()
    assert (live(world), orphans(world)) == (3, {})


def refuse(world: World, some: Sequence[BookingId], reason: str = "forbiddenForNonOrganizer") -> None:
    """Google refuses to delete these events, and no others."""
    calendar, refused = world.sandbox.google.calendar, {world.venue.stored_event(booking) for booking in some}
    original = calendar.delete

    def delete(event_id: str, etag: str | None) -> None:
        if event_id in refused:
            raise GoogleError(403, reason)
        original(event_id, etag)

    calendar.delete = delete  # type: ignore[method-assign]


@pytest.mark.parametrize("cap", [2, 20])
def test_events_that_cannot_be_deleted_are_in_no_others_way(world: World, cap: int) -> None:
    world.configure(limits=f", pass: {cap}")
    soon = bookings(world, 4, event_date=(world.venue.now + timedelta(days=5)).date())
    later = bookings(world, 12)
    refuse(world, soon)
    change(world, [*soon, *later[:3]], "status = 'cancelled'")
    passes(world, 4)
    assert live(world) == 13
    assert orphans(world) == dict.fromkeys(soon, ("blocked", "google:forbiddenForNonOrganizer"))


def test_dragged_events_take_no_others_place(world: World) -> None:
    world.configure(limits=", pass: 2")
    soon = bookings(world, 3, event_date=(world.venue.now + timedelta(days=5)).date())
    later = bookings(world, 5)
    for booking in soon:
        drag(world, str(world.venue.stored_event(booking)), "18:00")
    change(world, soon, "start_time = '21:00'")
    change(world, later[:1], "status = 'cancelled'")
    passes(world, 1)
    assert live(world) == 7


def test_the_pause_that_google_asks_a_removal_for_holds_for_everything(world: World) -> None:
    some = bookings(world, 4)
    change(world, some[:2], "status = 'cancelled'")
    world.venue.booking()
    refuse(world, some[:2], "quotaExceeded")
    world.later(minutes=10)
    result = world.events()
    assert (result.removal_results.total(), result.repaired, result.exit_code) == (1, 0, Exit.WORK_LEFT)
    ((pause,),) = world.venue.sql("SELECT next_at - now() FROM reconciler.rate WHERE name = 'google'")
    assert pause > timedelta(minutes=50)
    assert world.events().removal_results == {("not removed", "paused"): 1}


def test_where_google_goes_away_the_first_removal_ends_the_pass(world: World) -> None:
    some = bookings(world, 4)
    change(world, some[:3], "status = 'cancelled'")
    new = world.venue.booking()
    google, original = world.sandbox.google, world.sandbox.google.calendar.delete

    def delete(event_id: str, etag: str | None) -> None:
        google.faults.always("events.list", Fault(kind=Misbehaviour.STATUS, status=503))
        raise GoogleError(503, "backendError")

    google.calendar.delete = delete  # type: ignore[method-assign]
    world.later(minutes=10)
    result = world.events()
    assert (result.removal_results.total(), result.repaired, result.exit_code) == (1, 0, Exit.WORK_LEFT)
    assert [fault.kind for fault in result.faults] == [GapKind.INTEGRATION_GOOGLE]
    google.calendar.delete = original  # type: ignore[method-assign]
    google.faults.clear()
    passes(world, 2)
    assert (live(world), orphans(world), bool(world.venue.stored_event(new))) == (2, {}, True)


@pytest.mark.parametrize("setting", ["policy: report", "repairs: report"])
def test_where_nothing_may_be_repaired_nothing_is_removed_and_it_is_shown(world: World, setting: str) -> None:
    some = bookings(world, 4)
    change(world, some[:1], "status = 'cancelled'")
    world.configure(**({"calendar_policy": "report"} if setting.startswith("policy") else {"more": "repairs: report"}))
    world.later(minutes=10)
    world.events()
    assert (live(world), orphans(world)) == (4, {some[0]: ("app_failed", "policy")})
