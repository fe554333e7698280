"""``ports.Calendar``, one suite over every implementation: Google's against the stand-in, and the one in memory."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.calendar_event import EventBody
from reconciler.domain.intents import Outcome, Result
from reconciler.ports import DUPLICATE, Calendar
from reconciler.providers.google.calendar import CAN_WRITE, GoogleCalendar
from reconciler.providers.google.credentials import ServiceAccountAccess
from reconciler.providers.memory import MemoryCalendar
from reconciler.sandbox.fakes.google import GoogleStandIn

NOW = datetime(2026, 6, 10, 11, 0, tzinfo=UTC)
LONDON = ZoneInfo("Europe/London")
A_DAY = timedelta(days=1)
EVENT = EventBody(
    id="rcl0123456789abcdefghijklmnopqrstuv",
    title="[CONFIRMED] - 1a2b3c4d - Ana Ashworth",
    description="Booking 1a2b3c4d<br>Ana Ashworth",
    starts_at=datetime(2026, 6, 12, 18, 0, tzinfo=LONDON),
    ends_at=datetime(2026, 6, 12, 23, 0, tzinfo=LONDON),
    zone="Europe/London",
    booking=BookingId("1a2b3c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d"),
    generation=2,
)


@pytest.fixture(params=["google", "memory"])
def calendar(request: pytest.FixtureRequest) -> Iterator[Calendar]:
    if request.param == "memory":
        yield MemoryCalendar()
        return
    with GoogleStandIn(lambda: NOW) as google:
        access = ServiceAccountAccess(key=google.service_account_info(), delegate=None, token_url=google.token_url)
        adapter = GoogleCalendar(
            access=access, calendar_id=google.calendar_id, timeout=timedelta(seconds=5), api_url=google.api_url
        )
        with closing(adapter):
            yield adapter


def test_all_is_well(calendar: Calendar) -> None:
    assert calendar.check() is None
    facts = calendar.about()
    assert (facts.role in CAN_WRITE, ZoneInfo(facts.zone).key) == (True, facts.zone)


def test_an_event_is_made_under_its_own_id_and_is_there(calendar: Calendar) -> None:
    assert calendar.insert(EVENT) == Outcome(result=Result.DONE, code="created", provider_id=EVENT.id)
    found = calendar.get(EVENT.id)
    assert found is not None
    assert (found.id, found.live, found.title, found.starts_at) == (EVENT.id, True, EVENT.title, EVENT.starts_at)
    assert (found.recurring, found.marker) == (False, EVENT.booking)


@pytest.mark.parametrize("deleted", [False, True])
def test_a_repeat_collides_also_with_a_tombstone(calendar: Calendar, deleted: bool) -> None:
    calendar.insert(EVENT)
    if deleted:
        calendar.delete(EVENT.id)
    again = calendar.insert(replace(EVENT, title="another"))
    assert (again.result, again.code, again.provider_id) == (Result.REFUSED, DUPLICATE, None)
    found = calendar.get(EVENT.id)
    assert found is not None
    assert found.live is not deleted


def test_deleting_leaves_a_tombstone_and_may_be_repeated(calendar: Calendar) -> None:
    calendar.insert(EVENT)
    outcomes = [calendar.delete(EVENT.id), calendar.delete(EVENT.id), calendar.delete("rclneverwas")]
    assert [(one.result, one.code) for one in outcomes] == [
        (Result.DONE, "deleted"), (Result.DONE, "already_gone"), (Result.DONE, "already_gone")
    ]  # fmt: skip
    found = calendar.get(EVENT.id)
    assert found is not None
    assert not found.live
    assert calendar.get("rclneverwas") is None


def test_around_shows_live_and_deleted_events_of_the_window(calendar: Calendar) -> None:
    assert list(calendar.around(EVENT.starts_at, A_DAY)) == []
    for number, hours in enumerate((-30, -26, 0, 23, 25)):  # each lasts five hours
        moved = {name: getattr(EVENT, name) + timedelta(hours=hours) for name in ("starts_at", "ends_at")}
        calendar.insert(replace(EVENT, id=f"rcl0{number}", **moved))
    calendar.delete("rcl02")
    seen = {event.id: event.live for event in calendar.around(EVENT.starts_at, A_DAY)}
    assert seen == {"rcl01": True, "rcl02": False, "rcl03": True}


def test_nothing_personal_is_in_a_repr(calendar: Calendar) -> None:
    calendar.insert(EVENT)
    assert "Ana" not in repr(calendar) + repr(calendar.get(EVENT.id))
