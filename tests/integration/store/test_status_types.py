"""A status may be a text, an enum or a number: cron.yaml has it in quotes, and it is compared as text."""

import pytest
from reconciler_jobs import fire_drill

from tests.support.sandbox_world import World

MESSAGE = '"Hi {{ first_name }}, see you on {{ date }}. Ref {{ ref }}"'
BOOKINGS = ', statuses: ["{new}", "{sure}"], made_as: ["{new}"], cancelled: ["{off}"]'
MESSAGES = (
    ', messages: {{"{new}": {{trigger: booking_created, template: {text}}}, '
    '"{sure}": {{trigger: booking_confirmed, template: {text}}}}}'
)
TYPES = {
    "a number": ("smallint", {"new": "1", "sure": "2", "off": "9"}),
    "an enum": ('"BookingStatus"', {"new": "NEW", "sure": "Confirmed!", "off": "called off"}),
}


def with_statuses(world: World, kind: str, words: dict[str, str]) -> None:
    labels = ", ".join(f"'{word}'" for word in words.values())
    checks = "SELECT conname FROM pg_constraint WHERE conrelid = 'private_bookings'::regclass AND contype = 'c'"
    dropped = "".join(f'DROP CONSTRAINT "{name}", ' for (name,) in world.venue.sql(checks))
    using = f"(CASE status WHEN 'draft' THEN '{words['new']}' ELSE '{words['sure']}' END)::{kind}"
    world.venue.alter(
        f'CREATE TYPE "BookingStatus" AS ENUM ({labels}); '
        f"ALTER TABLE private_bookings {dropped} ALTER status DROP DEFAULT; "
        f"ALTER TABLE private_bookings ALTER status TYPE {kind} USING {using}"
    )
    world.venue.migrate()
    bookings, texts = (one.format(**words, text=MESSAGE) for one in (BOOKINGS, MESSAGES))
    world.configure(bookings=bookings, texts=texts)


@pytest.mark.parametrize(("kind", "words"), TYPES.values(), ids=TYPES)
def test_a_whole_life_by_statuses_of_another_type(world: World, kind: str, words: dict[str, str]) -> None:
    with_statuses(world, kind, words)
    mine = {world.venue.booking(status=words[name]) for name in ("new", "sure")}
    world.venue.booking(status=words["off"])
    assert [result.repaired for result in world.both().values()] == [2, 2]
    stored = {str(row["id"]): row["calendar_event_id"] for row in world.venue.rows("private_bookings")}
    assert {booking for booking, event in stored.items() if event} == mine
    writes = world.sandbox.google.writes
    for result in world.both().values():
        assert result.plan is not None
        assert (result.plan.gaps, result.plan.checked) == (0, 3)
    assert (world.sandbox.google.writes, len(world.sent_to())) == (writes, 2)
    world.venue.sql(f"UPDATE private_bookings SET status = '{words['off']}'")
    world.both(max_removals=2)
    left = [event for event in world.sandbox.google.live() if not event["start"].get("dateTime", "").startswith("2099")]
    assert left == []


@pytest.mark.parametrize(("kind", "words"), TYPES.values(), ids=TYPES)
def test_the_fire_drill_plants_such_a_status(world: World, kind: str, words: dict[str, str]) -> None:
    with_statuses(world, kind, words)
    with world.services() as services:
        (result,) = fire_drill.run(services)
    assert not result.faults, result.faults
