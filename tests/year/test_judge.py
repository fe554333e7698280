"""The judge notices each wrong that a year must not have: otherwise a year without one would show nothing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from reconciler.sandbox.fakes.twilio_messages import Message
from tests.support.application_db import LONDON
from tests.support.sandbox_world import World
from tests.year.days import WEEKS, Breakage, stretch
from tests.year.drawing import CONFIRMED, DRAFT, EVENT, Booking
from tests.year.judge import Judge
from tests.year.life import Agenda, Life, Silence

pytestmark = pytest.mark.one_server

NOW = datetime(2026, 3, 24, 12, tzinfo=LONDON)
NUMBER = "+447911123456"


@pytest.fixture
def judge(world: World) -> Judge:
    """Of a venue with one confirmed booking, which starts in two weeks; Twilio was away two days ago."""
    size = replace(WEEKS, stretches=(stretch(Breakage.TWILIO_AWAY, 3, 22, 11, hours=6),))
    with world.venue.postgres.connect(world.venue.name, "venue_app") as connection:
        life = Life(connection, world.sandbox, size, 1, Agenda(), lambda *_: None)
    booking = Booking(
        id="1a2b3c4d-0000-4000-8000-000000000000",
        name="Ana Lima",
        number=NUMBER,
        phone=NUMBER,
        customer=None,
        made_at=NOW - timedelta(hours=1),
        starts_at=datetime(2026, 4, 7, 19, 30, tzinfo=LONDON),
        status=CONFIRMED,
        confirmed_at=NOW - timedelta(hours=1),
    )
    life.bookings[booking.reference] = booking
    return Judge(life, world.venue)


def booking_of(judge: Judge) -> Booking:
    return next(iter(judge.life.bookings.values()))


def send(judge: Judge, **changes: object) -> list[str]:
    """Our text for the booking arrives, changed like this; what the judge says."""
    words = "Hi Ana, your party on Tuesday 7 April at 19:30 is confirmed. We look forward to seeing you! Ref 1a2b3c4d"
    right = {"to": NUMBER, "body": words, "date_created": NOW, "validity": 14400, **changes}
    twilio = judge.life.sandbox.twilio
    message: Message = twilio.add_message(right["to"], right["body"], right["date_created"])  # type: ignore[arg-type]
    twilio.messages[-1] = replace(message, validity=right["validity"])  # type: ignore[arg-type]
    judge.check(NOW)
    return [problem.what for problem in judge.problems]


def test_a_right_text_is_none(judge: Judge) -> None:
    assert send(judge) == []
    assert judge.counts["texts"] == 1


def cancel(booking: Booking) -> None:
    booking.status = "cancelled"


def opt_out(booking: Booking) -> None:
    booking.opted_out = True


def text(booking: Booking) -> None:
    booking.texted.add(CONFIRMED)


def move(booking: Booking) -> None:
    booking.starts_at += timedelta(days=1)


def make_it_old(booking: Booking) -> None:
    booking.confirmed_at = NOW - timedelta(hours=73)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (cancel, "the booking is cancelled"),
        (opt_out, "the customer has opted out"),
        (text, "it has had this text"),
        (move, "with another date"),
        (make_it_old, "after its deadline"),
    ],
)
def test_a_text_that_the_booking_does_not_want(judge: Judge, change: Callable[[Booking], None], says: str) -> None:
    change(booking_of(judge))
    assert send(judge) == [f"1a2b3c4d {CONFIRMED}: {says}"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"to": "+447911000000"}, "to another number"),
        ({"date_created": NOW.replace(hour=21, minute=1), "validity": 60}, "in quiet hours"),
        ({"date_created": NOW.replace(hour=8, minute=59)}, "in quiet hours"),
        ({"date_created": NOW.replace(hour=19)}, "in quiet hours"),
    ],
)
def test_a_text_at_the_wrong_hour_or_number(judge: Judge, changes: dict[str, object], says: str) -> None:
    assert send(judge, **changes) == [f"1a2b3c4d {CONFIRMED}: {says}"]


def test_a_second_text(judge: Judge) -> None:
    send(judge)
    assert send(judge) == [f"1a2b3c4d {CONFIRMED}: it has had this text"]


def put(judge: Judge, days: int = 0, title: str = "[CONFIRMED] - 1a2b3c4d - Ana Lima @ Venue") -> str:
    starts_at = booking_of(judge).starts_at + timedelta(days=days)
    return judge.life.sandbox.google.put(title, starts_at, starts_at + timedelta(hours=3))


def test_a_second_event_and_one_at_another_time(judge: Judge) -> None:
    put(judge)
    judge.check(NOW)
    assert judge.problems == []
    put(judge, days=1)
    judge.check(NOW)
    assert [one.what for one in judge.problems] == ["1a2b3c4d has one already", "1a2b3c4d starts at another time"]


@pytest.mark.parametrize("status", [CONFIRMED, "cancelled"])
def test_a_removal(judge: Judge, status: str) -> None:
    event_id = put(judge)
    judge.check(NOW)
    booking_of(judge).status = status
    judge.life.sandbox.google.delete_by_hand(event_id)
    judge.check(NOW)
    assert judge.counts["removals"] == 1
    assert [one.kind for one in judge.problems] == (["removal"] if status == CONFIRMED else [])


def alert(judge: Judge, kind: str, what: str, at: datetime, cause: str = "blocked") -> list[str]:
    tags = {"kind": kind, "cause": cause, "what": what, "code": "none"}
    judge.life.sandbox.sentry.items.append(_Item({"tags": tags, "message": kind}))  # type: ignore[arg-type]
    judge.check(at)
    return [problem.kind for problem in judge.problems]


class _Item:
    type = "event"

    def __init__(self, payload: dict[str, object]) -> None:
        self.payload = payload


@pytest.mark.parametrize(
    ("kind", "what", "days_ago", "says"),
    [
        ("integration.twilio", "paged", 0, ["page", "alert"]),
        ("integration.twilio", "opened", 0, ["alert"]),
        ("integration.twilio", "paged", 2, []),
        ("calendar.missing", "paged", 2, ["page"]),
        ("sms.missing", "opened", 0, []),
        ("sms.missing", "paged", 0, ["page"]),
        ("coverage.dropped", "opened", 0, ["coverage"]),
        ("coverage.no_bookings", "opened", 0, ["coverage"]),
    ],
)
def test_an_alert(judge: Judge, kind: str, what: str, days_ago: int, says: list[str]) -> None:
    assert alert(judge, kind, what, NOW - timedelta(days=days_ago)) == says


@pytest.mark.parametrize(("noted_after", "says"), [(20, []), (60, ["silent"]), (None, ["silent", "silent"])])
def test_a_silence(judge: Judge, world: World, noted_after: int | None, says: list[str]) -> None:
    """Told in time, late, and never: then the booking also lacks its text at the end."""
    booking = booking_of(judge)
    booking.events.add("app1")
    due_at = booking.due_at(CONFIRMED)
    judge.life.silences.append(Silence(booking, CONFIRMED, due_at, alone=True))
    if noted_after is not None:
        note_gap(world, booking, due_at + timedelta(minutes=noted_after))
    if noted_after is not None:
        alert(judge, "sms.missing", "opened", due_at + timedelta(minutes=noted_after), "never_queued")
    judge.check(NOW)
    judge.conclude(NOW)
    assert [problem.kind for problem in judge.problems] == says


@pytest.mark.parametrize(("later", "found"), [(timedelta(0), []), (timedelta(hours=25), ["counted"])])
def test_a_silence_that_was_counted_and_never_alerted(
    judge: Judge, world: World, later: timedelta, found: list[str]
) -> None:
    """Within a day its incident may still be alerted."""
    booking = booking_of(judge)
    booking.events.add("app1")
    judge.life.silences.append(Silence(booking, CONFIRMED, booking.due_at(CONFIRMED), alone=True))
    note_gap(world, booking, booking.due_at(CONFIRMED) + timedelta(minutes=20))
    judge.check(NOW)
    judge.conclude(NOW + later)
    assert [problem.what.partition("counted")[1] for problem in judge.problems] == found


def note_gap(world: World, booking: Booking, at: datetime) -> None:
    columns = "scope, source, kind, about, cause, key, reason, detail, opened_at, seen_at, noted_at"
    values = ("", "", "sms.missing", booking.id, "never_queued", "", "", "{}", at, at, at)
    holders = ", ".join(["%s"] * len(values))
    world.venue.sql(f"INSERT INTO reconciler.gap ({columns}) VALUES ({holders})", *values)


def test_a_silence_that_was_over_at_once(judge: Judge) -> None:
    booking = booking_of(judge)
    booking.over_at, booking.status = NOW - timedelta(minutes=55), "cancelled"
    for what in (DRAFT, EVENT):
        judge.life.silences.append(Silence(booking, what, booking.made_at, alone=True))
    judge.conclude(NOW)
    assert judge.problems == []
    assert judge.counts["silences over before they were due"] == judge.counts["silences"] == 2


def test_a_silence_that_is_not_due_yet(judge: Judge) -> None:
    judge.life.silences.append(Silence(booking_of(judge), CONFIRMED, NOW - timedelta(minutes=20), alone=True))
    judge.conclude(NOW)
    assert judge.counts["silences not due yet"] == judge.counts["silences"] == 1
