"""Settings never end a gap: what is open stays open until something is known about its booking (A2, A5)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from reconciler.domain.gaps import GapKind
from reconciler.domain.intents import State
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from tests.support.application_db import Venue
from tests.support.sandbox_world import World

SMS = GapKind.SMS_MISSING
NARROWER = {
    "since moved": {"since": "2026-06-09"},
    "only narrowed": {"bookings": ", only: {source: web}"},
    "another scope": {"bookings": ", only: {event_type: wedding}"},
    "a status listed no more": {"bookings": ", statuses: [draft]"},
    "a longer grace": {"bookings": ", grace: 5d"},
    "another note for no date": {"bookings": ", date_tbd_note: from the web"},
    "another column for the phone": {"bookings": ", customers: off, columns: {phone: customer_last_name}"},
    "the rule narrowed": {"texts": ", only: {source: web}", "events": ", only: {source: web}"},
}
"""Settings that do not select the booking of ``broken`` any more."""


def broken(world: World) -> str:
    """A booking of three days ago whose text needs a human."""
    made = world.clock.moment - timedelta(days=3)
    booking = world.venue.booking(contact_phone="nonsense", created_at=made, internal_notes="from the web")
    world.texts()
    assert (SMS, booking) in world.gaps()
    return booking


def a_day_later(world: World) -> None:
    """Another scope takes over once the old one has not run for a day."""
    world.venue.sql("UPDATE reconciler.run SET started_at = started_at - interval '2 days'")


@pytest.mark.parametrize("wanted", [pytest.param(value, id=name) for name, value in NARROWER.items()])
def test_what_is_open_stays_open(world: World, wanted: dict[str, str]) -> None:
    booking = broken(world)
    world.configure(**wanted)
    a_day_later(world)

    for _ in range(3):
        world.texts()

    assert (SMS, booking) in world.gaps()
    assert world.sent_to() == []


def test_what_a_scope_left_behind_is_alerted_and_shown_by_another(world: World) -> None:
    world.configure(bookings=", only: {source: web}")
    world.venue.booking(contact_phone="nonsense", source="web")
    world.texts()
    world.configure(bookings=", only: {source: phone}")
    a_day_later(world)
    world.sandbox.sentry.items.clear()

    for _ in range(2):
        world.later(minutes=10)
        world.texts()

    scope = "SELECT scope FROM reconciler.gap WHERE kind = 'sms.missing' AND closed_at IS NULL"
    assert world.venue.sql(scope) == [("source=phone",)]
    alerts = [event["tags"] for event in world.sandbox.sentry.events]
    assert [(tags["kind"], tags["what"]) for tags in alerts] == [("sms.missing", "opened")]
    assert world.sent_to() == []


def test_a_running_scope_keeps_its_gaps(world: World) -> None:
    world.configure(bookings=", only: {source: web}")
    world.venue.booking(contact_phone="nonsense", source="web")
    world.texts()
    world.configure(bookings=", only: {source: phone}")

    for _ in range(3):
        world.texts()

    scope = "SELECT scope FROM reconciler.gap WHERE kind = 'sms.missing' AND closed_at IS NULL"
    assert world.venue.sql(scope) == [("source=web",)]


def confirmed_past(venue: Venue, booking: str) -> None:
    venue.sql(
        "UPDATE private_bookings SET event_date = %s WHERE id = %s", (venue.now - timedelta(days=1)).date(), booking
    )


def cancelled(venue: Venue, booking: str) -> None:
    venue.sql("UPDATE private_bookings SET status = 'cancelled' WHERE id = %s", booking)


def deleted(venue: Venue, booking: str) -> None:
    venue.sql("DELETE FROM private_bookings WHERE id = %s", booking)


def texted(venue: Venue, booking: str) -> None:
    venue.text(booking)


ENDS = {"past": (confirmed_past, "ahead"), "cancelled": (cancelled, "status"), "deleted": (deleted, "gone"),
        "texted": (texted, "no_text")}  # fmt: skip


@pytest.mark.parametrize("narrow", ["a status listed no more", "only narrowed"])
@pytest.mark.parametrize(("what", "by"), [pytest.param(*end, id=name) for name, end in ENDS.items()])
def test_it_ends_with_a_statement_about_the_booking(
    world: World, narrow: str, what: Callable[[Venue, str], None], by: str
) -> None:
    booking = broken(world)
    world.configure(**NARROWER[narrow])
    a_day_later(world)
    world.texts()

    what(world.venue, booking)
    world.texts()

    closed: Any = world.venue.sql("SELECT closed_by FROM reconciler.gap WHERE kind = 'sms.missing'")
    assert closed == [(by,)]


def test_under_unchanged_settings_whatever_fails_is_about_the_booking(world: World) -> None:
    world.configure(texts=", only: {source: web}")
    booking = world.venue.booking(contact_phone="nonsense", source="web")
    world.texts()
    world.venue.sql("UPDATE private_bookings SET source = 'phone' WHERE id = %s", booking)

    world.texts()

    assert world.gaps() == {}


def test_an_unknown_text_of_a_scope_that_is_gone_is_asked_for(world: World) -> None:
    booking = world.venue.booking(source="web")
    world.configure(bookings=", only: {source: web}")
    world.sandbox.twilio.faults.next_calls("messages.create", Fault(kind=Misbehaviour.LOSE))
    world.texts()
    assert world.states()[booking] == State.UNKNOWN
    world.configure(bookings="")
    a_day_later(world)
    world.texts()
    world.settle_time_is_over()

    world.once(jobs=("unsettled_repairs",))

    assert world.states()[booking] == State.DONE
