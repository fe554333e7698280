"""Coverage: new bookings that fall out of the rules are told, whatever the reason."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from reconciler.domain.gaps import GapKind
from reconciler.errors import Exit
from tests.support.sandbox_world import World

pytestmark = pytest.mark.one_server

DROPPED, NONE = GapKind.COVERAGE_DROPPED, GapKind.COVERAGE_NO_BOOKINGS


def covered(world: World, number: int = 1, **values: Any) -> None:
    for _ in range(number):
        world.venue.text(world.venue.booking(calendar_event_id="there", **values))


def lines(world: World, *, act: bool = True) -> tuple[str, ...]:
    aggregate = world.once(jobs=("coverage",), act=act)[DROPPED].aggregate
    assert aggregate is not None
    return aggregate.lines


def past(world: World, days: int = 40, a_day: int = 1) -> None:
    for day in range(2, days):
        covered(world, a_day, created_at=world.clock.moment - timedelta(days=day))


def forty(world: World, **values: Any) -> None:
    for _ in range(40):
        world.venue.booking(**values)


def only_mistyped(world: World) -> None:
    forty(world)
    world.configure(bookings=", only: {customer_name: Ana Lyma}")


def rule_only_mistyped(world: World) -> None:
    forty(world)
    world.configure(texts=", only: {event_type: weding}")


def statuses_mistyped(world: World) -> None:
    forty(world)
    triggers = {"draft": "booking_created", "confirmmed": "booking_confirmed"}
    said = ", ".join(f"{word}: {{trigger: {one}, template: 'Hi {{{{ ref }}}}'}}" for word, one in triggers.items())
    world.configure(bookings=", statuses: [draft, confirmmed]", texts=f", messages: {{{said}}}")


def deleted_by_default(world: World) -> None:
    world.venue.alter("ALTER TABLE private_bookings ADD COLUMN deleted_at timestamptz")
    world.configure(bookings=", columns: {deleted: deleted_at}")
    forty(world, deleted_at=world.clock.moment)


INPUTS: dict[str, tuple[Callable[[World], None], str]] = {
    "no phone": (lambda world: forty(world, contact_phone=None), "no phone"),
    "a status nobody listed": (lambda world: forty(world, status="completed"), "status completed is not listed"),
    "a typing mistake in only": (only_mistyped, "excluded by bookings.only"),
    "created_at ahead": (
        lambda world: forty(world, created_at=world.clock.moment + timedelta(days=3)),
        "made later than now",
    ),
    "date_tbd on all": (lambda world: forty(world, date_tbd=True), "date to be confirmed"),
    "last year's date": (
        lambda world: forty(world, event_date=(world.clock.moment - timedelta(days=358)).date()),
        "past",
    ),
    "a rule's own only": (rule_only_mistyped, "excluded by only"),
    "statuses of another application": (statuses_mistyped, "status confirmed is not listed"),
    "deleted when made": (deleted_by_default, "marked as deleted"),
    "a note on all": (
        lambda world: forty(world, internal_notes="Event date/time to be confirmed"),
        "date to be confirmed",
    ),
    "a phone of blanks": (lambda world: forty(world, contact_phone="   "), "no phone"),
}


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("with_past", [False, True], ids=["first day", "after a year"])
def test_a4_40_of_40_that_fall_out_are_told(world: World, name: str, with_past: bool) -> None:
    if with_past:
        past(world)
    make, reason = INPUTS[name]
    make(world)
    result = world.once(jobs=("coverage",))[DROPPED]
    assert result.aggregate is not None
    assert any(reason in line for line in result.aggregate.lines[1:]), result.aggregate.lines
    assert result.exit_code is Exit.NEEDS_A_HUMAN
    alerts = world.venue.sql("SELECT alert ->> 'severity', alert ->> 'seen' FROM reconciler.outbox")
    assert [severity for severity, _ in alerts] == ["warning"]
    assert reason in alerts[0][1]


def test_the_ordinary_is_not_told(world: World) -> None:
    past(world)
    covered(world, 5)
    world.venue.booking(contact_phone=None)
    assert lines(world) == ("83 % of the new bookings of 24 h (usually 100 %)",)
    assert world.gaps() == {}


def test_a_venue_without_new_bookings_says_so(world: World) -> None:
    assert lines(world, act=False) == ("no new booking in 24 h",)


def test_it_stays_open_until_new_bookings_are_right_again(world: World) -> None:
    past(world)
    forty(world, contact_phone=None)
    assert len(lines(world)) == 2
    for _ in range(5):
        world.later(days=1)
        assert len(lines(world)) == 2, "a day without a booking ends nothing"
    covered(world, 8)
    assert len(lines(world)) == 1
    assert world.gaps() == {}


def test_it_neither_pages_nor_reminds(world: World) -> None:
    past(world)
    forty(world, contact_phone=None)
    for _ in range(4):
        world.once(jobs=("coverage",))
        world.later(hours=9)
    alerts = world.venue.sql("SELECT alert ->> 'alert_type' FROM reconciler.outbox")
    assert alerts == [("opened",)]


def test_a_status_that_came_with_the_end_says_nothing_about_the_past(world: World) -> None:
    for day in range(10, 60):
        made = world.clock.moment - timedelta(days=day)
        world.venue.booking(status="completed", created_at=made, event_date=(made + timedelta(days=5)).date())
    past(world, days=30)
    forty(world, status="completed")
    assert "status completed is not listed" in lines(world)[1]


def test_a_status_that_may_hold_anything_is_not_quoted(world: World) -> None:
    world.venue.alter("ALTER TABLE private_bookings DROP CONSTRAINT private_bookings_status_check")
    forty(world, status="Ana Lima\x1b[31m +447700900101")
    said = lines(world)[1]
    assert "a status that is not listed" in said
    assert "Ana" not in said


def test_what_the_ledger_counted_stands_when_a_setting_changes(world: World) -> None:
    """The table alone would say that the rule never applied."""
    past(world, days=60)
    covered(world, 3)
    assert len(lines(world)) == 1
    world.later(days=1)
    covered(world, 8)
    world.configure(texts=", only: {event_type: weding}")
    assert "excluded by only" in lines(world)[1]


def test_no_booking_for_much_longer_than_ever(world: World) -> None:
    past(world, days=450)
    world.later(days=1)
    assert world.once(jobs=("coverage",))[NONE].aggregate.lines == ()  # type: ignore[union-attr]
    world.later(days=1)
    said = world.once(jobs=("coverage",))[NONE].aggregate.lines  # type: ignore[union-attr]
    assert said == ("no new booking for 4 d; the longest pause of a year was 25 h",)
    covered(world)
    assert world.once(jobs=("coverage",))[NONE].aggregate.lines == ()  # type: ignore[union-attr]
