"""``bookings.where``: rows of the table that are no bookings, by their own columns."""

import re

import pytest
from reconciler_jobs import fire_drill

from reconciler.domain.decide.verdicts import VerdictStatus
from reconciler.errors import ConfigurationError
from tests.support.sandbox_world import World

COLUMNS = """
    CREATE TYPE kind AS ENUM ('public', 'internal', 'test');
    ALTER TABLE private_bookings ADD deleted_at timestamptz, ADD kind kind, ADD venue_id int NOT NULL DEFAULT 7,
        ADD hidden boolean, ADD "Label" varchar(40), ADD paid_at timestamptz,
        ADD price numeric(6, 2), ADD paid_on date;
    GRANT SELECT ON private_bookings TO reconciler_job
"""
CASES: dict[str, tuple[str, dict[str, object], dict[str, object]]] = {
    "null": ("{deleted_at: null}", {}, {"deleted_at": "2026-06-01"}),
    "a number": ("{venue_id: 7}", {"venue_id": 7}, {"venue_id": 8}),
    "a truth value": ("{hidden: false}", {"hidden": False}, {"hidden": None}),
    "a list": ("{kind: [public, test]}", {"kind": "test"}, {"kind": "internal"}),
    "a list with null": ("{kind: [public, null]}", {"kind": None}, {"kind": "test"}),
    "not": ("{kind: {not: internal}}", {"kind": None}, {"kind": "internal"}),
    "not one of a list": ("{kind: {not: [internal, null]}}", {"kind": "public"}, {"kind": None}),
    "not null": ("{paid_at: {not: null}}", {"paid_at": "2026-06-01"}, {"paid_at": None}),
    "like": ('{"Label": {like: "VIP %"}}', {"Label": "VIP room"}, {"Label": "vip room"}),
    "a number of another scale": ("{price: 7}", {"price": "7.00"}, {"price": "7.50"}),
    "a day": ('{paid_on: "2026-06-01"}', {"paid_on": "2026-06-01"}, {"paid_on": None}),
    "not a number": ("{price: {not: [7, 8]}}", {"price": None}, {"price": "8.00"}),
    "several": ("{deleted_at: null, venue_id: 7}", {}, {"venue_id": 7, "deleted_at": "2026-06-01"}),
}


@pytest.mark.parametrize(("where", "wanted", "other"), CASES.values(), ids=CASES)
def test_no_rule_applies_to_the_others(
    world: World, where: str, wanted: dict[str, object], other: dict[str, object]
) -> None:
    world.venue.alter(COLUMNS)
    mine, _ = world.venue.booking(**wanted), world.venue.booking(**other)
    world.configure(bookings=f", where: {where}")
    for result in world.both().values():
        assert result.plan is not None, result.faults
        expected = {(VerdictStatus.NOT_APPLICABLE, "excluded by where"): 1, (VerdictStatus.REPAIRABLE, ""): 1}
        assert result.plan.tally() == expected
    named = {str(row["id"]): row["calendar_event_id"] for row in world.venue.rows("private_bookings")}
    assert [booking for booking, event in named.items() if event] == [mine]
    assert len(world.sent_to()) == 1


@pytest.mark.parametrize(("where", "wanted", "other"), CASES.values(), ids=CASES)
def test_the_fire_drill_plants_bookings_that_it_selects(
    world: World, where: str, wanted: dict[str, object], other: dict[str, object]
) -> None:
    world.venue.alter(COLUMNS)
    world.venue.migrate()
    world.configure(bookings=f", where: {where}")
    with world.services() as services:
        (result,) = fire_drill.run(services)
    assert not result.faults, result.faults


def test_a_gap_ends_where_its_booking_is_none_any_more(world: World) -> None:
    world.venue.alter(COLUMNS)
    world.configure(bookings=", where: {deleted_at: null}", texts=", policy: report", calendar_policy="report")
    booking = world.venue.booking()
    world.both()
    assert len(world.gaps()) == 2
    world.venue.sql("UPDATE private_bookings SET deleted_at = now() WHERE id = %s", booking)
    world.both()
    assert world.gaps() == {}


WRONG = {
    "a mapping": ("{kind: {is: a}}", "a value, null, a list of them, {not: ..} or {like: pattern} belongs here"),
    "two keys": ("{kind: {not: a, like: b}}", "belongs here"),
    "nothing": ("{kind: []}", "belongs here"),
    "a not of a not": ("{kind: {not: {not: a}}}", "belongs here"),
    "an empty pattern": ('{kind: {like: ""}}', "belongs here"),
}


@pytest.mark.parametrize(("where", "said"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_compared(world: World, where: str, said: str) -> None:
    world.configure(bookings=f", where: {where}")
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        world.settings()


def test_a_column_that_is_not_there_is_named(world: World) -> None:
    world.configure(bookings=", where: {removed_at: null}")
    for result in world.both(act=False).values():
        (fault,) = result.faults
        assert "private_bookings lacks 1 column: removed_at" in fault.seen
        assert "`where`" in fault.remedy


NEVER = {
    "a word that is none of the enum": ("{kind: [public, web]}", "kind is public.kind, and can never hold web"),
    "a word for a number": ("{venue_id: seven}", "venue_id is integer, and can never hold seven"),
    "a word for a truth value": ("{hidden: {not: maybe}}", "hidden is boolean, and can never hold maybe"),
}


@pytest.mark.parametrize(("where", "said"), NEVER.values(), ids=NEVER)
def test_a_value_that_the_column_never_holds_is_named(world: World, where: str, said: str) -> None:
    """Else every booking would be left out in silence."""
    world.venue.alter(COLUMNS)
    world.venue.booking()
    world.configure(bookings=f", where: {where}")
    for result in world.both().values():
        (fault,) = result.faults
        assert said in fault.seen
        assert "bookings.where" in fault.remedy
    assert not world.sent_to()


def test_a_status_that_is_called_deleted_beside_a_column_that_says_so(world: World) -> None:
    world.venue.alter(COLUMNS + "; ALTER TABLE private_bookings DROP CONSTRAINT private_bookings_status_check")
    world.venue.booking(status="deleted")
    world.venue.booking(deleted_at="2026-06-01")
    world.configure(bookings=", cancelled: [deleted], columns: {deleted: deleted_at}")
    for result in world.both(act=False).values():
        assert result.plan is not None
        assert (result.plan.checked, result.plan.tally()) == (2, {(VerdictStatus.NOT_APPLICABLE, "deleted"): 2})
