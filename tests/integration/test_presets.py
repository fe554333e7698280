"""Each preset on its application's tables, with the rights that ``reconciler grants`` prints."""

import pytest
from reconciler_jobs import fire_drill

from reconciler.domain.gaps import Effect
from tests.support.application_db import ANA, BEA
from tests.support.preset_venues import PRESETS, PresetVenue
from tests.support.sandbox_world import World

pytestmark = pytest.mark.parametrize("app", PRESETS.values(), ids=PRESETS)


@pytest.fixture
def ready(world: World, app: PresetVenue) -> World:
    app.set_up(world)
    world.sandbox.twilio.add_message("+447700900999", "a text of yesterday's", world.clock.moment)
    return world


def rows(world: World, app: PresetVenue) -> list[tuple[object, ...]]:
    """The application's tables, and what has written each row."""
    return world.venue.sql(f"SELECT xmin::text, t::text FROM {app.bookings} t ORDER BY 2")


def test_planted_gaps_are_found_and_no_others(ready: World, app: PresetVenue) -> None:
    missing = app.book(ready.venue, ANA)
    texted = app.book(ready.venue, BEA)
    app.book(ready.venue, ANA, status=app.cancelled)
    app.book(ready.venue, ANA, days=-1)
    ready.venue.sql(app.shows_text, texted)
    results = ready.both()
    assert [result.faults for result in results.values()] == [(), ()]
    assert ready.sent_to()[1:] == [ANA]
    assert ready.states() == {missing: "done"}
    assert ready.states(Effect.CALENDAR) == {missing: "done", texted: "done"}


def test_a_whole_life(ready: World, app: PresetVenue) -> None:
    booking = app.book(ready.venue, ANA)
    ready.both()
    assert (ready.sent_to()[1:], len(ready.sandbox.google.live()), ready.gaps()) == ([ANA], 1, {})
    before = rows(ready, app)
    ready.later(minutes=10)
    ready.both()
    assert (rows(ready, app), ready.sent_to()[1:]) == (before, [ANA]), "the second pass writes nothing"

    (event,) = ready.sandbox.google.live()
    app.change(ready.venue, booking, app.a_day_later)
    for _ in range(3):
        ready.later(minutes=10)
        ready.both()
    (moved,) = ready.sandbox.google.live()
    assert moved["start"] != event["start"]

    app.change(ready.venue, booking, f"{app.status} = '{app.cancelled}'")
    ready.both()
    assert (ready.sandbox.google.live(), ready.gaps(), ready.sent_to()[1:]) == ([], {}, [ANA])


def test_a_ledger_that_was_lost_doubles_nothing(ready: World, app: PresetVenue) -> None:
    bookings = [app.book(ready.venue, number) for number in (ANA, BEA)]
    ready.both()
    ready.venue.sql("DELETE FROM reconciler.intent; DELETE FROM reconciler.gap")
    for _ in range(3):
        ready.later(minutes=10)
        ready.both()
    assert sorted(ready.sent_to()[1:]) == [ANA, BEA]
    assert len(ready.sandbox.google.live()) == 2
    assert set(ready.states().values()) == {"done"}
    assert ready.states().keys() == set(bookings)


def test_the_doctor_and_the_drill_are_content(ready: World, app: PresetVenue) -> None:
    app.book(ready.venue, ANA)
    ready.once(jobs=("integrations",))
    assert ready.gaps() == {}
    with ready.services() as services:
        (result,) = fire_drill.run(services)
    assert not result.faults, result.faults
