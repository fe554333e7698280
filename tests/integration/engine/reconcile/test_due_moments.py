"""When a text or an event is due counts, and not when the booking was made."""

from datetime import timedelta

import pytest

from reconciler.domain.bookings import BookingId
from reconciler.domain.gaps import GapKind
from tests.support.sandbox_world import World

SMS, CALENDAR = GapKind.SMS_MISSING, GapKind.CALENDAR_MISSING
DAY = timedelta(days=1)


def draft(world: World, made: timedelta, number: int = 0, **values: object) -> BookingId:
    """A draft that has its own text and event, as the application leaves it."""
    values = {"contact_phone": f"+44770090{number + 201:04d}", **values}
    booking = world.venue.booking(
        status="draft", created_at=world.venue.now - made, calendar_event_id="theirs", **values
    )
    world.venue.text(booking, trigger_type="booking_created")
    return booking


def confirm(world: World, *bookings: BookingId) -> None:
    world.venue.sql("UPDATE private_bookings SET status = 'confirmed' WHERE id::text = ANY(%s)", list(bookings))


def text_of_application(world: World, booking: BookingId) -> None:
    world.venue.text(booking, sent_at=world.venue.now, created_at=world.venue.now)


def moments(world: World) -> dict[str, object]:
    return dict(world.venue.sql("SELECT booking, due_at FROM reconciler.due"))


def test_60_confirmed_a_day_after_they_were_made_are_texted_once(world: World) -> None:
    """B6: the application texts five minutes after the confirmation, and passes run all the time."""
    bookings = [draft(world, DAY, number) for number in range(60)]
    world.configure(limits=", breaker: {sms: 1000}")
    world.texts()
    for some in (bookings[:30], bookings[30:]):
        world.later(minutes=10)
        confirm(world, *some)
        world.texts()
        world.later(minutes=5)
        world.texts()
        for booking in some:
            text_of_application(world, booking)
        for _ in range(3):
            world.later(minutes=10)
            world.texts()
    assert world.sent_to() == []
    assert world.gaps() == {}


def test_30_made_four_days_ago_and_confirmed_today_are_texted(world: World) -> None:
    bookings = [draft(world, 4 * DAY, number) for number in range(30)]
    world.configure(limits=", breaker: {sms: 1000}")
    world.texts()
    confirm(world, *bookings)
    for _ in range(3):
        world.later(minutes=10)
        world.texts()
    assert len(world.sent_to()) == len(set(world.sent_to())) == 30


@pytest.mark.parametrize("since", ["installed", "2026-01-01"])
def test_one_made_before_the_installation_and_confirmed_after_it(world: World, since: str) -> None:
    world.configure(since=since)
    world.venue.sql("UPDATE reconciler.installation SET since = %s", world.venue.now - DAY)
    booking = draft(world, 40 * DAY)
    world.texts()
    confirm(world, booking)
    for _ in range(9):
        world.later(minutes=10)
        world.texts()
    assert len(world.sent_to()) == 1


def test_one_that_was_confirmed_long_ago_is_told_and_not_texted(world: World) -> None:
    """The first complete scan: nobody knows when it was confirmed."""
    booking = draft(world, 10 * DAY)
    confirm(world, booking)
    world.texts()
    assert (world.sent_to(), world.gaps()[SMS, booking]) == ([], ("too_late", "old"))


@pytest.mark.parametrize("changed", ["status", "date"])
def test_one_older_than_the_scan_window_that_becomes_due_today(world: World, changed: str) -> None:
    """A8: seen within one full scan interval without a column that says so."""
    booking = draft(world, 40 * DAY, date_tbd=changed == "date")
    if changed == "date":
        world.venue.sql("DELETE FROM private_booking_sms_queue")
    world.texts()
    world.later(minutes=10)
    if changed == "date":
        world.venue.sql("UPDATE private_bookings SET date_tbd = false")
    else:
        confirm(world, booking)
    for _ in range(8):
        world.later(minutes=10)
        world.texts()
    assert world.sent_to() or (SMS, booking) in world.gaps()


def test_the_same_is_seen_within_two_passes_where_the_row_says_when_it_changed(world: World) -> None:
    world.configure(bookings=", columns: {updated: updated_at}")
    booking = draft(world, 40 * DAY, updated_at=world.venue.now - 40 * DAY)
    world.texts()
    world.later(minutes=10)
    world.venue.sql(
        "UPDATE private_bookings SET status = 'confirmed', updated_at = %s WHERE id = %s", world.venue.now, booking
    )
    world.texts()
    world.later(minutes=10)
    world.texts()
    assert len(world.sent_to()) == 1


def test_a_mapped_moment_is_believed_and_nothing_is_stored(world: World) -> None:
    world.venue.alter("ALTER TABLE private_bookings ADD COLUMN confirmed_at timestamptz")
    world.venue.sql("GRANT SELECT ON private_bookings TO reconciler_job")
    world.configure(bookings=", columns: {due: confirmed_at}")
    old, fresh, unknown = (draft(world, 30 * DAY, number) for number in range(3))
    confirm(world, old, fresh, unknown)
    for booking, ago in ((old, 5 * DAY), (fresh, timedelta(hours=1))):
        moment = world.venue.now - ago
        world.venue.sql("UPDATE private_bookings SET confirmed_at = %s WHERE id = %s", moment, booking)
    world.texts()
    assert world.sent_to() == ["+447700900202"]
    assert {about: reason for (_, about), (_, reason) in world.gaps().items()} == {old: "old", unknown: "old"}
    assert moments(world) == {}


@pytest.mark.parametrize(("hours_ago", "texted"), [(1, False), (2.9, False), (3.5, True)])
def test_a_text_outside_the_queue_holds_if_it_may_have_been_sent_since_the_booking_was_due(
    world: World, hours_ago: float, texted: bool
) -> None:
    """Nobody scans for three hours. Within them the booking is confirmed, and the application may have texted it."""
    booking = draft(world, DAY, contact_phone="+447700900777")
    world.texts()
    world.later(minutes=180)
    confirm(world, booking)
    at = world.clock.now() - timedelta(hours=hours_ago)
    world.sandbox.twilio.add_message("+447700900777", "We look forward to it", at)
    for _ in range(3):
        world.texts()
        world.later(minutes=10)
    assert len(world.sent_to()) == 1 + texted
    assert (world.gaps() == {}) is texted


def test_losing_and_regaining_the_status_does_not_reset_the_moment(world: World) -> None:
    booking = draft(world, DAY)
    world.texts()
    confirm(world, booking)
    world.texts()
    text_of_application(world, booking)
    first = moments(world)[booking]
    for status in ("draft", "cancelled", "confirmed"):
        world.later(hours=2)
        world.venue.sql("UPDATE private_bookings SET status = %s", status)
        world.texts()
    assert moments(world)[booking] == first


def test_a_booking_that_is_over_leaves_no_moment(world: World) -> None:
    booking = draft(world, DAY)
    confirm(world, booking)
    world.texts()
    assert booking in moments(world)
    world.later(days=8)
    world.texts()
    assert moments(world) == {}


def test_a_look_stores_nothing(world: World) -> None:
    confirm(world, draft(world, DAY))
    world.texts(act=False)
    assert moments(world) == {}


def test_a_mapping_that_widens_does_not_make_old_bookings_new(world: World) -> None:
    """Confirmed long ago, and left out until today: nothing says that it is due since today."""
    world.configure(bookings=", statuses: [draft]")
    booking = draft(world, 10 * DAY)
    confirm(world, booking)
    world.texts()
    world.configure(bookings="")
    world.later(minutes=10)
    world.texts()
    assert (world.sent_to(), world.gaps()[SMS, booking]) == ([], ("too_late", "old"))


@pytest.mark.parametrize("lost", ["moments", "nothing"])
def test_after_a_failover_a_confirmation_without_a_moment_is_not_new(world: World, lost: str) -> None:
    """The ledger's last transactions may be lost, and with them the moment and the text."""
    booking = draft(world, 10 * DAY)
    world.texts()
    confirm(world, booking)
    if lost == "nothing":
        world.texts()
        text_of_application(world, booking)
    moment = world.clock.now() + timedelta(minutes=1)
    world.venue.sql("UPDATE reconciler.installation SET caution_since = %s, caution_reason = 'new_timeline'", moment)
    for _ in range(3):
        world.later(minutes=10)
        world.texts()
    assert world.sent_to() == []
    assert world.gaps().get((SMS, booking)) == (("too_late", "old") if lost == "moments" else None)


def test_a_moment_in_the_future_is_replaced(world: World) -> None:
    """A host's clock was ahead when it was stored."""
    booking = draft(world, DAY)
    world.texts()
    confirm(world, booking)
    world.texts()
    world.venue.sql("UPDATE reconciler.due SET due_at = due_at + interval '15 days'")
    for _ in range(9):
        world.later(minutes=10)
        world.texts()
    assert len(world.sent_to()) == 1


def test_an_event_is_due_since_the_confirmation_where_drafts_have_none(world: World) -> None:
    world.configure(bookings=", statuses: [confirmed]")
    booking = world.venue.booking(status="draft", created_at=world.venue.now - DAY)
    world.events()
    confirm(world, booking)
    world.later(minutes=10)
    assert world.events().repaired == 0
    world.later(minutes=10)
    assert world.events().repaired == 1
