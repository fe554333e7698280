"""Applications keep times in many forms. The same bookings mean the same in each of them, through their whole life."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from reconciler_jobs import fire_drill

from reconciler.domain.gaps import GapKind
from reconciler.engine.reconcile.results import PassResult
from reconciler.errors import ConfigurationError
from tests.support.sandbox_world import World

ZONE = "Europe/London"
LOCAL_START = "(event_date + start_time)"
LOCAL_END = "(event_date + coalesce(end_time_next_day, false)::int + end_time)"
COLUMNS = f"""
    ALTER TABLE private_bookings DROP CONSTRAINT times_in_order;
    ALTER TABLE private_bookings
        ADD starts_at timestamptz GENERATED ALWAYS AS (timezone('{ZONE}', {LOCAL_START})) STORED,
        ADD "startTime" timestamp(3)
            GENERATED ALWAYS AS (timezone('UTC', timezone('{ZONE}', {LOCAL_START}))) STORED,
        ADD starts_local timestamp GENERATED ALWAYS AS ({LOCAL_START}) STORED,
        ADD ends_at timestamptz GENERATED ALWAYS AS (timezone('{ZONE}', {LOCAL_END})) STORED,
        ADD "endTime" timestamp(3) GENERATED ALWAYS AS (timezone('UTC', timezone('{ZONE}', {LOCAL_END}))) STORED,
        ADD ends_local timestamp GENERATED ALWAYS AS ({LOCAL_END}) STORED,
        ADD minutes int GENERATED ALWAYS AS (extract(epoch FROM {LOCAL_END} - {LOCAL_START}) / 60) STORED,
        ADD hours numeric GENERATED ALWAYS AS (extract(epoch FROM {LOCAL_END} - {LOCAL_START}) / 3600) STORED,
        ADD takes interval GENERATED ALWAYS AS ({LOCAL_END} - {LOCAL_START}) STORED,
        ADD end_day date GENERATED ALWAYS AS ({LOCAL_END}::date) STORED,
        ADD made_utc timestamp GENERATED ALWAYS AS (timezone('UTC', created_at)) STORED,
        ADD made_local timestamp GENERATED ALWAYS AS (timezone('{ZONE}', created_at)) STORED,
        ADD made_day date GENERATED ALWAYS AS (timezone('{ZONE}', created_at)::date) STORED,
        ADD made_time time GENERATED ALWAYS AS (timezone('{ZONE}', created_at)::time) STORED,
        ADD words text, ADD confirmed_at timestamptz, ADD confirmed_utc timestamp;
    GRANT SELECT ON private_bookings TO reconciler_job
"""
FORMS = {
    "instants": "starts: starts_at, ends: ends_at, created: created_at",
    "utc": "starts: {utc: startTime}, ends: {utc: endTime}, created: {utc: made_utc}",
    "local": "starts: {local: starts_local}, ends: {local: ends_local}, created: {local: made_local}",
    "date and time": "starts: {date: event_date, time: start_time}, "
    "ends: {time: end_time, next_day: end_time_next_day}, created: {date: made_day, time: made_time}",
    "a day of its own for the end": "ends: {date: end_day, time: end_time}",
    "minutes": "starts: starts_at, ends: {minutes: minutes}",
    "hours": "starts: {utc: startTime}, ends: {hours: hours}",
    "a length": "starts: {local: starts_local}, ends: {length: takes}",
}


BY_LENGTH = ("minutes", "hours", "a length")
"""Where the clocks change during a booking, its length is what passes, and not what two clocks on a wall would show."""


def planted(world: World, *, over_a_change: bool) -> None:
    """Bookings of every kind: to come, over, late at night, around a change of the clocks, too young, with nonsense."""
    world.venue.alter(COLUMNS)
    now = world.venue.now
    rows: list[dict[str, Any]] = [
        {},
        {"event_date": now.date(), "start_time": "11:59", "end_time": "13:00"},
        {"event_date": now.date(), "start_time": "18:30", "end_time": "01:00", "end_time_next_day": True},
        {"event_date": "2026-10-25", "start_time": "01:30", "end_time": "04:00"},
        {"event_date": "2027-03-28", "start_time": "01:15", "end_time": "05:00" if over_a_change else "01:45"},
        {"event_date": "0001-01-01"},
        {"start_time": "20:00", "end_time": "20:00"},
        {"created_at": now - timedelta(minutes=9)},
        {"created_at": now - timedelta(days=3), "status": "draft"},
        {"created_at": now - timedelta(days=30), "event_date": "2026-06-01"},
        {"status": "cancelled"},
    ]
    for number, row in enumerate(rows):
        world.venue.booking(id=f"{number:08d}-0000-4000-8000-000000000000", **row)


def seen(results: Mapping[GapKind, PassResult]) -> dict[GapKind, tuple[object, ...]]:
    found: dict[GapKind, tuple[object, ...]] = {}
    for kind, result in results.items():
        counts = (result.plan.checked, result.plan.tally()) if result.plan else ()
        found[kind] = (*counts, result.aggregate, result.faults)
    return found


def facts(world: World) -> list[tuple[object, ...]]:
    ids = [row["id"] for row in world.venue.rows("private_bookings")]
    with world.services(act=False) as services, services.store.reading() as tx:
        bookings = tx.bookings.in_full(GapKind.CALENDAR_MISSING, world.venue.now, ids)
        stored = tx.events.stored_events(ids)
    return [
        (one.id, one.starts_at, one.ends_at, one.created_at, stored[one.id].starts_at, stored[one.id].has_date)
        for one in bookings
    ]


@pytest.mark.parametrize("form", FORMS)
def test_the_same_bookings_mean_the_same_in_each_form(world: World, form: str) -> None:
    planted(world, over_a_change=form not in BY_LENGTH)
    expected, known = seen(world.once(act=False)), facts(world)
    assert [expected[kind][0] for kind in (GapKind.SMS_MISSING, GapKind.CALENDAR_MISSING)] == [11, 11]
    world.configure(bookings=f", {FORMS[form]}")
    assert seen(world.once(act=False)) == expected
    assert facts(world) == known


@pytest.mark.parametrize("form", ["instants", "utc", "local", "minutes"])
def test_a_whole_life_in_each_form(world: World, form: str) -> None:
    world.venue.alter(COLUMNS)
    world.configure(bookings=f", {FORMS[form]}")
    booking = world.venue.booking(end_time="01:00", end_time_next_day=True)
    first = world.both()
    assert [result.repaired for result in first.values()] == [1, 1]
    (row,) = world.venue.rows("private_bookings")
    event = world.sandbox.google.calendar.events[row["calendar_event_id"]]
    zone, day = ZoneInfo(ZONE), world.venue.now.date() + timedelta(days=7)
    begins = datetime.combine(day, datetime.min.time(), tzinfo=zone).replace(hour=19, minute=30)
    assert datetime.fromisoformat(event["start"]["dateTime"]) == begins
    assert datetime.fromisoformat(event["end"]["dateTime"]) == begins + timedelta(hours=5, minutes=30)
    assert row["id"] == booking
    writes = world.sandbox.google.writes
    assert [result.plan.gaps for result in world.both().values() if result.plan] == [0, 0]
    assert (world.sandbox.google.writes, len(world.sent_to())) == (writes, 1)


@pytest.mark.parametrize("generated", [False, True], ids=["stored", "generated"])
@pytest.mark.parametrize("form", FORMS)
def test_the_fire_drill_plants_in_each_form(world: World, form: str, generated: bool) -> None:
    world.venue.alter(COLUMNS if generated else re.sub(r"GENERATED ALWAYS AS \(.*\) STORED", "", COLUMNS))
    world.venue.migrate()
    world.configure(bookings=f", {FORMS[form]}")
    with world.services() as services:
        (result,) = fire_drill.run(services)
    assert not result.faults, result.faults


DUE = {"an instant": "confirmed_at", "utc": "{utc: confirmed_utc}"}


@pytest.mark.parametrize("form", DUE)
def test_it_is_due_since_it_was_confirmed(world: World, form: str) -> None:
    world.venue.alter(COLUMNS)
    old = {"created_at": world.venue.now - timedelta(days=100)}
    now = world.venue.now
    for minutes in (5, 60):
        at = now - timedelta(minutes=minutes)
        world.venue.booking(**old, confirmed_at=at, confirmed_utc=at.astimezone(ZoneInfo("UTC")).replace(tzinfo=None))
    world.configure(bookings=f", due: {DUE[form]}")
    plan = world.texts(act=False).plan
    assert plan is not None
    assert {reason: number for (_, reason), number in plan.tally().items()} == {"grace": 1, "": 1}


WRONG = {
    "two places for the start": ("starts: starts_at, columns: {date: day}", "`starts` takes the place of columns.date"),
    "two forms": (
        "starts: {utc: a, local: b}",
        "one of these belongs here: a timestamptz column's name, {utc: column}",
    ),
    "a date without a time": ("starts: {date: day}", "one of these belongs here"),
    "no form": ("created: {}", "one of these belongs here"),
    "no start": ("starts: off", "off is no column; leave the key out"),
    "an end on no day": ("starts: starts_at, ends: {time: end_time}", "name its `date`"),
    "an unknown form": ("starts: {unix: begins}", "unix"),
    "two names on one column": ("starts: made, created: made", "created and starts (line "),
}


@pytest.mark.parametrize(("written", "said"), WRONG.values(), ids=WRONG)
def test_a_form_that_cannot_be(world: World, written: str, said: str) -> None:
    world.configure(bookings=f", {written}")
    with pytest.raises(ConfigurationError) as refused:
        world.settings()
    assert said in str(refused.value)


TYPES = {
    "an instant that has no zone": (
        'starts: "startTime"',
        "startTime is timestamp without time zone, and timestamp with time zone is needed",
        "bookings: {starts: {utc: startTime}} or {starts: {local: startTime}}",
    ),
    "a zone too many": ("starts: {utc: starts_at}", "starts_at is timestamp with time zone", "{starts: starts_at}"),
    "minutes for an end": ("starts: starts_at, ends: minutes", "minutes is integer", "{ends: {minutes: minutes}}"),
    "a reference's column in another form": (
        "columns: {created_at: made_utc}", "made_utc is timestamp without time zone", "{created: {utc: made_utc}}"
    ),
    "a text": ("starts: words", "words is text", "map a column of that type in cron.yaml"),
}  # fmt: skip


@pytest.mark.parametrize(("written", "said", "remedy"), TYPES.values(), ids=TYPES)
def test_a_column_of_another_form_is_named_with_what_to_write(
    world: World, written: str, said: str, remedy: str
) -> None:
    world.venue.alter(COLUMNS)
    world.configure(bookings=f", {written}")
    world.venue.booking()
    for result in world.once(jobs=("calendar_missing",)).values():
        (fault,) = result.faults
        assert said in fault.seen
        assert remedy in fault.remedy
        assert (fault.sql, "ALTER" in fault.remedy) == ("", False)
    assert not world.sandbox.google.calendar.events


NAMES = {
    "one that is called alike": ("columns: {guests: guests_count}", "guests_count: did you mean guest_count?"),
    "a key": ("columns: {id: booking}", "map their real names in cron.yaml"),
}


@pytest.mark.parametrize(("written", "remedy"), NAMES.values(), ids=NAMES)
def test_no_column_is_added_for_a_wrong_name(world: World, written: str, remedy: str) -> None:
    world.configure(bookings=f", {written}")
    for result in world.both(act=False).values():
        (fault,) = [one for one in result.faults if one.code == "columns_missing"]
        assert remedy in fault.remedy
        assert not fault.sql
