"""However many bookings there are, a statement has the same few parameters: PostgreSQL takes no more than 65,535."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event

from tests.support.sandbox_world import World

FEW, MANY = 3, 150


@contextmanager
def most_parameters() -> Iterator[dict[str, int]]:
    """Statement -> the most parameters that it was sent with."""
    seen: dict[str, int] = {}

    def note(_: Any, __: Any, statement: str, parameters: Any, ___: Any, executemany: bool) -> None:
        rows = parameters if executemany else [parameters]
        for row in rows:
            seen[statement] = max(seen.get(statement, 0), len(row or ()))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


KINDS: dict[str, Mapping[str, object]] = {
    "texts and events": {},
    "unusable numbers": {"contact_phone": "the landline"},
    "old ones": {"status": "draft", "created_at": "2026-05-01"},
    "no date": {"date_tbd": True},
    "past": {"event_date": "2026-06-01"},
    "cancelled later": {},
}


def life(world: World, kind: str, number: int) -> None:
    for index in range(number):
        row = {"contact_phone": f"+44770090{index:04d}", **KINDS[kind]}
        world.venue.booking(**row)
    world.once()
    if kind == "cancelled later":
        world.venue.sql("UPDATE private_bookings SET status = 'cancelled'")
    for _ in range(2):
        world.later(minutes=20)
        world.once()


@pytest.mark.parametrize("kind", KINDS)
def test_the_number_of_bookings_is_no_number_of_parameters(world: World, kind: str) -> None:
    world.configure(limits=", breaker: {sms: 1000, removals: 1000}")
    with most_parameters() as few:
        life(world, kind, FEW)
    world.venue.empty()
    with most_parameters() as many:
        life(world, kind, MANY)
    most = max(few.values())
    assert {statement: number for statement, number in many.items() if number > most} == {}
