"""Bookings that fail again and again, and how many passes the others need beside them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta

import pytest
from sqlalchemy import text

from reconciler.store.ledger import intent_sql
from tests.support.sandbox_world import World

FailureKind = Callable[[World, Sequence[str]], AbstractContextManager[None]]
"""Makes the bookings fail for as long as it is entered."""
REFUSING = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.booking_id::text = ANY(TG_ARGV) THEN RAISE check_violation; END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON private_booking_sms_queue FOR EACH ROW EXECUTE FUNCTION refuse({})
"""


def book(world: World, number: int) -> list[str]:
    """So many bookings that lack their text, each with a phone of its own."""
    known = len(world.venue.rows("private_bookings"))
    return [
        world.venue.booking(contact_phone=f"+447700{index:06d}", calendar_event_id=f"there{index}")
        for index in range(known, known + number)
    ]


def plan_only(world: World) -> None:
    """A pass that has no time left to repair: what it found is first in line for the next."""
    limits = world.edits.get("limits", "")
    world.configure(limits=f"{limits}, pass_budget: 5ms")
    world.clock.step = timedelta(milliseconds=5)
    world.texts(max_repairs=1000)
    world.clock.step = timedelta(0)
    world.configure(limits=limits)
    world.time_passes(minutes=10)


def a_country_switched_off(world: World, failing: Sequence[str]) -> AbstractContextManager[None]:
    """Certainly not sent; it is tried again in an hour."""
    return _answering(world, failing, 400, 21408)


def a_server_error_for_the_number(world: World, failing: Sequence[str]) -> AbstractContextManager[None]:
    """It may have been sent: each stops its pass, and is asked for before it is tried again."""
    return _answering(world, failing, 500, 20500)


def a_row_the_database_refuses(world: World, failing: Sequence[str]) -> AbstractContextManager[None]:
    world.venue.alter(REFUSING.format(", ".join(f"'{booking}'" for booking in failing)))
    return nullcontext()


@contextmanager
def a_lock_of_the_application(world: World, failing: Sequence[str]) -> Iterator[None]:
    with world.venue.postgres.connect(world.venue.name, "venue_app") as other, other.transaction():
        other.execute("SELECT FROM private_bookings WHERE id::text = ANY(%s) FOR UPDATE", (list(failing),))
        yield


def _answering(world: World, failing: Sequence[str], status: int, code: int) -> AbstractContextManager[None]:
    query = "SELECT contact_phone FROM private_bookings WHERE id::text = ANY(%s)"
    for (number,) in world.venue.sql(query, list(failing)):
        world.sandbox.twilio.refuse(number, status, code)
    return nullcontext()


@contextmanager
def oldest_first() -> Iterator[None]:
    """Claims by the age of the booking, as a queue without our order would."""
    ours = "ORDER BY attempted_at IS NOT NULL, coalesce(examined_at, created_at), id"
    by_age = "ORDER BY (SELECT b.created_at FROM private_bookings b WHERE b.id::text = booking), id"
    statement = str(intent_sql.CLAIM)
    assert ours in statement
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intent_sql, "CLAIM", text(statement.replace(ours, by_age)))
        yield


def passes_needed(
    world: World, kind: FailureKind | None, failing: int, healthy: int, *, every: timedelta, at_most: int
) -> int | None:
    """Passes until the healthy ones have their texts, with older ones that fail; ``None``: not after so many."""
    ours = book(world, failing if kind else 0)
    with kind(world, ours) if kind else nullcontext():
        plan_only(world)
        return _passes_until_repaired(world, book(world, healthy), every=every, at_most=at_most)


def _passes_until_repaired(world: World, healthy: Sequence[str], *, every: timedelta, at_most: int) -> int | None:
    for number in range(1, at_most + 1):
        world.texts(max_repairs=len(healthy) * 2)
        sent = "SELECT count(*) FROM private_booking_sms_queue WHERE status = 'sent' AND booking_id::text = ANY(%s)"
        if world.venue.sql(sent, list(healthy)) == [(len(healthy),)]:
            return number
        world.time_passes(seconds=every.total_seconds())
    return None
