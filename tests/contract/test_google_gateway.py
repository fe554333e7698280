"""The Google adapter over the real client, against the stand-in: what each answer means, what Calendar then holds."""

import base64
import json
import logging
import socket
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import crypt

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.calendar_event import CalendarEvent, EventBody
from reconciler.domain.gaps import Cause, GapKind
from reconciler.domain.intents import Outcome, Result
from reconciler.ports import DUPLICATE, ProviderFailure
from reconciler.providers.google.calendar import GoogleCalendar
from reconciler.providers.google.credentials import ServiceAccountAccess
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.fakes.google import CLIENT_EMAIL, GoogleStandIn, google_error
from reconciler.sandbox.fakes.google_state import event_instant
from reconciler.sandbox.fakes.server import Request, Response
from tests.support.network import closed_port, impostor

NOW = datetime(2026, 6, 10, 11, 0, tzinfo=UTC)
LONDON = ZoneInfo("Europe/London")
ANA = "Ana Ashworth"
BOOKING = BookingId("1a2b3c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d")
EVENT = EventBody(
    id="rcl0123456789abcdefghijklmnopqrstuv",
    title=f"[CONFIRMED] - 1a2b3c4d - {ANA}",
    description=f"Booking 1a2b3c4d<br>{ANA}<br>Guests: 12",
    starts_at=datetime(2026, 6, 12, 18, 0, tzinfo=LONDON),
    ends_at=datetime(2026, 6, 12, 23, 0, tzinfo=LONDON),
    zone="Europe/London",
    booking=BOOKING,
    generation=2,
)

D, R, L, B, U = Result.DONE, Result.REFUSED, Result.LATER, Result.BROKEN, Result.UNKNOWN
BAD = Cause.UNUSABLE_DATA
SEVEN_SECONDS, HOUR, DAY = timedelta(seconds=7), timedelta(hours=1), timedelta(days=1)
READS = ["get", "around", "check"]
CALLS = ["insert", "delete", *READS]
OPERATIONS = ["events.insert", "events.delete", "events.get", "events.list"]
Open = Callable[..., GoogleCalendar]


@pytest.fixture
def google() -> Iterator[GoogleStandIn]:
    with GoogleStandIn(lambda: NOW) as stand_in:
        yield stand_in


read_key = cache(crypt.RSASigner.from_string)


@pytest.fixture(autouse=True)
def _key_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the same key in every test, and reading it takes longer than all the rest of one."""
    monkeypatch.setattr(crypt.RSASigner, "from_string", staticmethod(read_key))


@contextmanager
def opener(google: GoogleStandIn) -> Iterator[Open]:
    """Opens calendars, each to be closed in the end."""
    account: dict[str, Any] = {
        "key": google.service_account_info(),
        "delegate": None,
        "token_url": google.token_url,
    }
    usual: dict[str, Any] = {
        "calendar_id": google.calendar_id,
        "timeout": timedelta(seconds=5),
        "api_url": google.api_url,
    }
    with ExitStack() as stack:

        def open_(**changes: Any) -> GoogleCalendar:
            """``changes``: of the service account or of the calendar."""
            access = ServiceAccountAccess(**account | {name: changes.pop(name) for name in account if name in changes})
            return stack.enter_context(closing(GoogleCalendar(access=access, **usual | changes)))

        yield open_


@pytest.fixture
def opened(google: GoogleStandIn) -> Iterator[Open]:
    with opener(google) as opened:
        yield opened


@pytest.fixture
def calendar(opened: Open) -> GoogleCalendar:
    return opened()


@pytest.fixture
def hasty(opened: Open) -> GoogleCalendar:
    """Waits for nobody."""
    return opened(timeout=timedelta(seconds=0.3))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """google-auth asks a token endpoint that is unwell three times, with seconds in between."""
    monkeypatch.setattr("google.auth._exponential_backoff.time", SimpleNamespace(sleep=lambda _: None))


def failure(read: Callable[..., Any], *arguments: Any) -> Outcome:
    with pytest.raises(ProviderFailure) as caught:
        read(*arguments)
    assert caught.value.args == (caught.value.outcome.code,)
    return caught.value.outcome


NEW = replace(EVENT, id="rclnew")
OBJECTIONS = {"google:invalid", "google:required", "google:neverSeenBefore"}
"""To what is written. Whoever reads or deletes writes nothing."""


def of(call: str, answer: Outcome) -> Outcome:
    """What an answer to an insert means if it comes to this call, which leaves nothing behind and has not failed for
    good: it may simply be made again.
    """
    if call != "insert" and answer.code in OBJECTIONS:
        return Outcome(result=L, code=answer.code)
    if call == "insert" or answer.result not in (R, U):
        return answer
    return replace(answer, result=L, cause=None)


def of_each(answer: Outcome, calls: Iterable[str] | None = None) -> dict[str, Outcome]:
    return {call: of(call, answer) for call in calls or CALLS}


def asked(calendar: GoogleCalendar, call: str) -> Outcome:
    """What a write says became of it, or how a read failed."""
    match call:
        case "insert":
            return calendar.insert(NEW)
        case "delete":
            return calendar.delete(EVENT.id)
        case "get":
            return failure(calendar.get, EVENT.id)
        case "around":
            return failure(calendar.around, EVENT.starts_at, DAY)
        case _:
            return failure(calendar.check)


def all_asked(calendar: GoogleCalendar, calls: Iterable[str] = CALLS) -> dict[str, Outcome]:
    return {call: asked(calendar, call) for call in calls}


@pytest.fixture
def one_event(google: GoogleStandIn) -> None:
    """The one event there is."""
    google.put(EVENT.title, EVENT.starts_at, EVENT.ends_at, id=EVENT.id)


def assert_untouched(google: GoogleStandIn) -> None:
    assert [event["id"] for event in google.live()] == [EVENT.id]
    assert google.writes == 0


def always(google: GoogleStandIn, fault: Fault) -> None:
    """For every call about events, not for tokens."""
    for operation in OPERATIONS:
        google.faults.always(operation, fault)


# Insert


def test_an_event_is_made_once_as_written(calendar: GoogleCalendar, google: GoogleStandIn) -> None:
    outcome = calendar.insert(EVENT)

    assert outcome == Outcome(result=D, code="created", provider_id=EVENT.id)
    (event,) = google.live()
    assert {name: event[name] for name in ("id", "summary", "description", "start", "end", "status")} == {
        "id": EVENT.id,
        "summary": EVENT.title,
        "description": EVENT.description,
        "start": {"dateTime": "2026-06-12T18:00:00+01:00", "timeZone": "Europe/London"},
        "end": {"dateTime": "2026-06-12T23:00:00+01:00", "timeZone": "Europe/London"},
        "status": "confirmed",
    }
    assert event["extendedProperties"] == {"private": {"reconciler_booking": BOOKING, "reconciler_generation": "2"}}
    assert "attendees" not in event, "a service account may invite nobody"
    assert google.writes == 1


TIMES = [
    # start, end, zone, both on the wire, hours between them
    (
        datetime(2026, 6, 12, 22, 0, tzinfo=LONDON),
        datetime(2026, 6, 13, 2, 0, tzinfo=LONDON),
        "2026-06-12T22:00:00+01:00",
        "2026-06-13T02:00:00+01:00",
        4,
    ),
    (
        datetime(2026, 12, 31, 20, 0, tzinfo=LONDON),
        datetime(2027, 1, 1, 1, 0, tzinfo=LONDON),
        "2026-12-31T20:00:00+00:00",
        "2027-01-01T01:00:00+00:00",
        5,
    ),
    (
        datetime(2026, 3, 28, 23, 0, tzinfo=LONDON),
        datetime(2026, 3, 29, 3, 0, tzinfo=LONDON),
        "2026-03-28T23:00:00+00:00",
        "2026-03-29T03:00:00+01:00",
        3,
    ),
    (
        datetime(2026, 10, 24, 22, 0, tzinfo=LONDON),
        datetime(2026, 10, 25, 2, 0, tzinfo=LONDON),
        "2026-10-24T22:00:00+01:00",
        "2026-10-25T02:00:00+00:00",
        5,
    ),
    (
        datetime(2026, 10, 25, 1, 30, tzinfo=LONDON),
        datetime(2026, 10, 25, 1, 30, fold=1, tzinfo=LONDON),
        "2026-10-25T01:30:00+01:00",
        "2026-10-25T01:30:00+00:00",
        1,
    ),
    (
        datetime(2026, 10, 3, 22, 0, tzinfo=ZoneInfo("Australia/Melbourne")),
        datetime(2026, 10, 4, 4, 0, tzinfo=ZoneInfo("Australia/Melbourne")),
        "2026-10-03T22:00:00+10:00",
        "2026-10-04T04:00:00+11:00",
        5,
    ),
]


@pytest.mark.parametrize(("starts_at", "ends_at", "start", "end", "hours"), TIMES)
def test_times_are_instants_of_the_venues_zone(
    calendar: GoogleCalendar,
    google: GoogleStandIn,
    starts_at: datetime,
    ends_at: datetime,
    start: str,
    end: str,
    hours: int,
) -> None:
    zone = str(starts_at.tzinfo)

    assert calendar.insert(replace(EVENT, starts_at=starts_at, ends_at=ends_at, zone=zone)).result is D

    (event,) = google.live()
    assert event["start"] == {"dateTime": start, "timeZone": zone}
    assert event["end"] == {"dateTime": end, "timeZone": zone}
    assert event_instant(event["end"]) - event_instant(event["start"]) == timedelta(hours=hours)
    found = calendar.get(EVENT.id)
    assert found is not None
    assert found.starts_at is not None
    assert found.starts_at.astimezone(UTC) == starts_at.astimezone(UTC)


@pytest.mark.parametrize("deleted", [False, True])
def test_a_repeat_collides(calendar: GoogleCalendar, google: GoogleStandIn, deleted: bool) -> None:
    calendar.insert(EVENT)
    if deleted:
        google.delete_by_hand(EVENT.id)
    before = dict(google.calendar.events)

    assert calendar.insert(EVENT) == Outcome(result=R, code=DUPLICATE)
    assert google.calendar.events == before


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"ends_at": EVENT.starts_at}, Outcome(result=R, code="google:timeRangeEmpty", cause=BAD)),
        ({"id": "rcl-with-dashes"}, Outcome(result=B, code="google:invalid", stops_pass=True)),
        ({"id": "rclxyz"}, Outcome(result=B, code="google:invalid", stops_pass=True)),
    ],
)
def test_what_google_checks_by_itself(
    calendar: GoogleCalendar, google: GoogleStandIn, changes: dict[str, Any], expected: Outcome
) -> None:
    assert calendar.insert(replace(EVENT, **changes)) == expected
    assert google.calendar.events == {}


# Get


def test_an_event_of_ours(calendar: GoogleCalendar, google: GoogleStandIn) -> None:
    calendar.insert(EVENT)
    expected = CalendarEvent(
        id=EVENT.id, live=True, title=EVENT.title, starts_at=EVENT.starts_at, recurring=False, marker=BOOKING
    )

    assert calendar.get(EVENT.id) == expected
    google.delete_by_hand(EVENT.id)
    assert calendar.get(EVENT.id) == replace(expected, live=False)


def test_an_event_that_never_was(calendar: GoogleCalendar) -> None:
    assert calendar.get(EVENT.id) is None


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, {}),
        ({"start": {"date": "2026-06-12"}, "end": {"date": "2026-06-13"}}, {"starts_at": None}),
        ({"start": {"dateTime": "2026-06-12T17:00:00Z"}}, {}),
        ({"recurrence": ["RRULE:FREQ=WEEKLY"]}, {"recurring": True}),
        ({"recurringEventId": "appseries"}, {"recurring": True}),
        ({"summary": "Ana"}, {"title": "Ana"}),
        ({"extendedProperties": {"private": {"reconciler_booking": "other"}}}, {"marker": "other"}),
        ({"extendedProperties": {"private": {"colour": "red"}}}, {}),
        ({"extendedProperties": {"shared": {"reconciler_booking": "other"}}}, {}),
    ],
)
def test_an_event_of_the_applications(
    calendar: GoogleCalendar, google: GoogleStandIn, more: dict[str, Any], expected: dict[str, Any]
) -> None:
    google.put("party", EVENT.starts_at, EVENT.ends_at, id="appevent", **more)
    plain = CalendarEvent(
        id="appevent", live=True, title="party", starts_at=EVENT.starts_at, recurring=False, marker=None
    )

    assert calendar.get("appevent") == replace(plain, **expected)


def test_an_event_without_a_title(calendar: GoogleCalendar, google: GoogleStandIn) -> None:
    google.put("", EVENT.starts_at, EVENT.ends_at, id="appevent")
    del google.calendar.events["appevent"]["summary"]

    found = calendar.get("appevent")

    assert found is not None
    assert found.title == ""


def test_titles_are_not_in_a_repr(calendar: GoogleCalendar) -> None:
    calendar.insert(EVENT)

    assert ANA not in repr(calendar.get(EVENT.id)) + repr(calendar.around(EVENT.starts_at, DAY)) + repr(EVENT)


# Around


def test_around_finds_live_and_deleted_events_within_the_window(
    calendar: GoogleCalendar, google: GoogleStandIn
) -> None:
    before, after = EVENT.starts_at - DAY, EVENT.starts_at + DAY
    for name, start, end in [
        ("tooearly", before - HOUR, before),
        ("justbefore", before - HOUR, before + timedelta(seconds=1)),
        ("middle", EVENT.starts_at, EVENT.ends_at),
        ("deleted", EVENT.starts_at, EVENT.ends_at),
        ("justafter", after - timedelta(seconds=1), after + HOUR),
        ("toolate", after, after + HOUR),
    ]:
        # the alphabet of ids has no w to z
        google.put(name, start, end, id=name.replace("y", "i"))
    google.delete_by_hand("deleted")

    found = {event.title: event.live for event in calendar.around(EVENT.starts_at, DAY)}

    assert found == {"justbefore": True, "middle": True, "deleted": False, "justafter": True}


def test_a_series_is_shown_as_itself(calendar: GoogleCalendar, google: GoogleStandIn) -> None:
    google.put("quiz", EVENT.starts_at, EVENT.ends_at, recurrence=["RRULE:FREQ=WEEKLY"])

    assert [event.recurring for event in calendar.around(EVENT.starts_at, DAY)] == [True]


@pytest.mark.parametrize("page_size", [1, 2, 3, 7, 8])
def test_every_page_is_read(calendar: GoogleCalendar, google: GoogleStandIn, page_size: int) -> None:
    google.page_size = page_size
    for number in range(7):
        google.put(f"party {number}", EVENT.starts_at, EVENT.ends_at)

    found = sorted(event.title for event in calendar.around(EVENT.starts_at, DAY))

    assert found == [f"party {number}" for number in range(7)]


def test_a_calendar_with_nothing_in_it(calendar: GoogleCalendar) -> None:
    assert calendar.around(EVENT.starts_at, DAY) == []


class Paging(GoogleStandIn):
    """Faults can be ordered for the pages after the first."""

    def operation(self, request: Request) -> str:
        return "next page" if "pageToken" in request.query else super().operation(request)


def test_a_list_that_breaks_off_is_no_list() -> None:
    with Paging(lambda: NOW) as google, opener(google) as opened:
        google.page_size = 2
        for number in range(5):
            google.put(f"party {number}", EVENT.starts_at, EVENT.ends_at)
        google.faults.always("next page", Fault(kind=Misbehaviour.STATUS, status=503))

        outcome = failure(opened().around, EVENT.starts_at, DAY)

    assert outcome == Outcome(result=L, code="http:503", stops_pass=True)


# Delete


def test_delete_leaves_a_tombstone_and_everything_else(calendar: GoogleCalendar, google: GoogleStandIn) -> None:
    calendar.insert(EVENT)
    other = google.put("party", EVENT.starts_at, EVENT.ends_at)

    assert calendar.delete(EVENT.id) == Outcome(result=D, code="deleted")
    assert [event["id"] for event in google.live()] == [other]


@pytest.mark.parametrize("was", [True, False])
def test_what_is_gone_is_deleted(calendar: GoogleCalendar, google: GoogleStandIn, was: bool) -> None:
    if was:
        calendar.insert(EVENT)
        google.delete_by_hand(EVENT.id)

    assert calendar.delete(EVENT.id) == Outcome(result=D, code="already_gone")


class Listening(GoogleStandIn):
    """Remembers what only the wire shows."""

    def __init__(self) -> None:
        super().__init__(lambda: NOW)
        self.alerted: list[Request] = []

    def answer(self, request: Request) -> Response:
        self.alerted.append(request)
        return super().answer(request)


def test_nobody_gets_a_mail_about_it() -> None:
    with Listening() as google, opener(google) as opened:
        calendar = opened()
        calendar.insert(EVENT)
        calendar.delete(EVENT.id)

    notified = [(request.method, request.query.get("sendUpdates")) for request in google.alerted[1:]]
    assert notified == [("POST", "none"), ("DELETE", "none")]


# Turned down by Calendar: its error guide, written out by hand. For reads the failure says the same.

BY_REASON: list[tuple[int, str, str | None, Result, Cause | None, bool, timedelta | None]] = [
    # HTTP, reason, Retry-After, result, cause, stops the pass, retry after
    (403, "userRateLimitExceeded", None, L, None, True, None),
    (403, "rateLimitExceeded", None, L, None, True, None),
    (403, "rateLimitExceeded", "7", L, None, True, SEVEN_SECONDS),
    (403, "usageLimits", None, L, None, True, None),
    (429, "usageLimits", None, L, None, True, None),
    (429, "usageLimits", "7", L, None, True, SEVEN_SECONDS),
    (429, "rateLimitExceeded", None, L, None, True, None),
    (429, "rateLimitExceeded", "7", L, None, True, SEVEN_SECONDS),
    # a delay that cannot be read is none
    (429, "rateLimitExceeded", "later", L, None, True, None),
    (429, "rateLimitExceeded", "\N{SUPERSCRIPT TWO}", L, None, True, None),
    (429, "rateLimitExceeded", "999999999999999", L, None, True, None),
    (429, "rateLimitExceeded", "Wed, 10 Jun 2026 12:00:00 GMT", L, None, True, None),
    # these last for hours, whatever the header says
    (403, "quotaExceeded", None, L, None, True, HOUR),
    (403, "quotaExceeded", "7", L, None, True, HOUR),
    (403, "calendarUsageLimitsExceeded", None, L, None, True, HOUR),
    (403, "dailyLimitExceeded", None, L, None, True, HOUR),
    # about the event
    (400, "timeRangeEmpty", None, R, BAD, False, None),
    (400, "invalid", None, B, None, True, None),
    (400, "required", None, B, None, True, None),
    (400, "neverSeenBefore", None, B, None, True, None),
    (409, "duplicate", None, R, None, False, None),
    # about us
    (401, "authError", None, B, None, True, None),
    (403, "forbidden", None, B, None, True, None),
    (403, "requiredAccessLevel", None, B, None, True, None),
    (403, "insufficientPermissions", None, B, None, True, None),
    (403, "accessNotConfigured", None, B, None, True, None),
    (403, "forbiddenForServiceAccounts", None, B, None, True, None),
    (404, "notFound", None, B, None, True, None),
    # may have happened, here or before
    (409, "conflict", None, U, None, False, None),
    (410, "deleted", None, U, None, False, None),
    (410, "updatedMinTooLongAgo", None, U, None, False, None),
    (412, "conditionNotMet", None, U, None, False, None),
    (418, "teapot", None, U, None, False, None),
    (408, "requestTimeout", None, U, None, True, None),
    (500, "backendError", None, U, None, True, None),
    (502, "backendError", None, U, None, True, None),
    (503, "backendError", None, U, None, True, None),
    (504, "backendError", None, U, None, True, None),
    (503, "rateLimitExceeded", "7", U, None, True, None),
]
ANSWERS = [
    (
        status,
        reason,
        header,
        Outcome(result=result, code=f"google:{reason}", cause=cause, stops_pass=stops, retry_after=retry_after),
    )
    for status, reason, header, result, cause, stops, retry_after in BY_REASON
]
SAYS_IT_IS_GONE = {(404, "notFound"), (410, "deleted")}
IS_OUR_FAULT = {401, 403, 404}


def answering(status: int, reason: str, retry_after: str | None = None) -> Fault:
    headers = (("Retry-After", retry_after),) if retry_after else ()
    return Fault(kind=Misbehaviour.STATUS, status=status, body=google_error(status, reason), headers=headers)


@pytest.mark.parametrize(("status", "reason", "retry_after", "outcome"), ANSWERS)
def test_each_answer(
    calendar: GoogleCalendar,
    google: GoogleStandIn,
    one_event: None,
    status: int,
    reason: str,
    retry_after: str | None,
    outcome: Outcome,
) -> None:
    always(google, answering(status, reason, retry_after))

    assert all_asked(calendar, ["insert", "around"]) == of_each(outcome, ["insert", "around"])
    assert_untouched(google)


@pytest.mark.parametrize(
    ("status", "reason", "retry_after", "outcome"), [row for row in ANSWERS if row[:2] not in SAYS_IT_IS_GONE]
)
def test_each_answer_to_a_delete(
    calendar: GoogleCalendar,
    google: GoogleStandIn,
    one_event: None,
    status: int,
    reason: str,
    retry_after: str | None,
    outcome: Outcome,
) -> None:
    always(google, answering(status, reason, retry_after))

    assert calendar.delete(EVENT.id) == of("delete", outcome)
    assert_untouched(google)


@pytest.mark.parametrize(("status", "reason"), sorted(SAYS_IT_IS_GONE))
def test_what_calendar_says_is_gone_is_deleted(
    calendar: GoogleCalendar, google: GoogleStandIn, status: int, reason: str
) -> None:
    google.faults.always("events.delete", answering(status, reason))

    assert calendar.delete(EVENT.id) == Outcome(result=D, code="already_gone")


def test_a_404_says_nothing_about_the_event_where_the_calendar_itself_is_not_there(
    calendar: GoogleCalendar, google: GoogleStandIn, one_event: None
) -> None:
    google.role = "none"

    not_shared = Outcome(result=B, code="google:notFound", stops_pass=True)
    assert (calendar.delete(EVENT.id), failure(calendar.get, EVENT.id)) == (not_shared, not_shared)
    assert_untouched(google)


def test_nor_where_the_calendar_cannot_be_asked(
    calendar: GoogleCalendar, google: GoogleStandIn, one_event: None
) -> None:
    for operation in ("events.get", "events.delete"):
        google.faults.always(operation, answering(404, "notFound"))
    google.faults.always("events.list", Fault(kind=Misbehaviour.STATUS, status=503))

    later = Outcome(result=L, code="http:503", stops_pass=True)
    assert (calendar.delete(EVENT.id), failure(calendar.get, EVENT.id)) == (later, later)
    assert_untouched(google)


def test_a_410_is_a_tombstone(calendar: GoogleCalendar, google: GoogleStandIn) -> None:
    google.faults.always("events.get", answering(410, "deleted"))

    found = calendar.get(EVENT.id)
    assert found is not None
    assert (found.id, found.live) == (EVENT.id, False)


@pytest.mark.parametrize(
    ("status", "reason", "retry_after", "outcome"),
    [row for row in ANSWERS if row[0] != 400 and row[3].result is not R and row[:2] not in SAYS_IT_IS_GONE],
)
def test_each_answer_to_a_get(
    calendar: GoogleCalendar,
    google: GoogleStandIn,
    one_event: None,
    status: int,
    reason: str,
    retry_after: str | None,
    outcome: Outcome,
) -> None:
    always(google, answering(status, reason, retry_after))

    assert failure(calendar.get, EVENT.id) == of("get", outcome)


@pytest.mark.parametrize(("status", "reason"), [(404, "notFound"), (400, "invalid"), (400, "badRequest")])
def test_an_id_that_names_no_event(
    calendar: GoogleCalendar, google: GoogleStandIn, one_event: None, status: int, reason: str
) -> None:
    """400: it is no id of Google's at all."""
    google.faults.always("events.get", answering(status, reason))

    assert calendar.get(EVENT.id) is None


@pytest.mark.parametrize(
    ("status", "reason", "retry_after", "outcome"),
    [row for row in ANSWERS if row[0] not in IS_OUR_FAULT or row[3].result is L],
)
def test_each_answer_that_says_nothing_about_the_integration(
    calendar: GoogleCalendar,
    google: GoogleStandIn,
    status: int,
    reason: str,
    retry_after: str | None,
    outcome: Outcome,
) -> None:
    google.faults.always("events.list", answering(status, reason, retry_after))

    assert failure(calendar.check) == of("check", outcome)


# Turned down by something on the way


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (400, B),
        (401, B),
        (403, B),
        (404, B),
        (405, B),
        (407, B),
        (408, U),
        (409, U),
        (410, B),
        (412, U),
        (429, L),
        (500, U),
        (502, U),
        (503, U),
        (504, U),
    ],
)
def test_a_page_that_is_not_googles_says_nothing_about_an_event(
    calendar: GoogleCalendar, google: GoogleStandIn, one_event: None, status: int, result: Result
) -> None:
    always(google, Fault(kind=Misbehaviour.HTML, status=status))

    outcome = Outcome(result=result, code=f"http:{status}", stops_pass=True)
    assert all_asked(calendar) == of_each(outcome)
    assert_untouched(google)


def test_sent_elsewhere(calendar: GoogleCalendar, google: GoogleStandIn, one_event: None) -> None:
    """Nobody follows: what was sent may have been taken, and the address may be anybody's."""
    for status in (301, 302, 303, 307, 308):
        always(google, Fault(kind=Misbehaviour.HTML, status=status, headers=(("Location", "http://127.0.0.1:9/"),)))
        assert all_asked(calendar) == of_each(Outcome(result=U, code=f"http:{status}", stops_pass=True))
    assert_untouched(google)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_d3_no_secret_follows_a_redirect_of_the_token_endpoint(
    opened: Open, google: GoogleStandIn, impatient: None, status: int
) -> None:
    with Listening() as elsewhere:
        to = (("Location", f"{elsewhere.url}/token"),)
        google.faults.always("token", Fault(kind=Misbehaviour.HTML, status=status, headers=to))
        outcome = opened().insert(EVENT)
        assert (outcome.result in (L, B), outcome.stops_pass) == (True, True)
        assert elsewhere.alerted == []
    assert google.calendar.events == {}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_token_follows_a_redirect_of_the_calendar(
    calendar: GoogleCalendar, google: GoogleStandIn, status: int
) -> None:
    with Listening() as elsewhere:
        to = (("Location", f"{elsewhere.url}/events"),)
        always(google, Fault(kind=Misbehaviour.HTML, status=status, headers=to))
        all_asked(calendar)
        assert elsewhere.alerted == []


@pytest.mark.parametrize("body", ["", "[]", "null", "{}", '{"error": null}', '{"error": "notFound"}', "\\", "[1]"])
def test_an_error_without_calendars_reason(
    calendar: GoogleCalendar, google: GoogleStandIn, one_event: None, body: str
) -> None:
    for status, result in ((400, B), (404, B), (410, B), (500, U)):
        always(google, Fault(kind=Misbehaviour.STATUS, status=status, body=body))

        outcome = Outcome(result=result, code=f"http:{status}", stops_pass=True)
        assert all_asked(calendar) == of_each(outcome)
    assert_untouched(google)


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("", Outcome(result=B, code="http:403", stops_pass=True)),
        ("{}", Outcome(result=B, code="http:403", stops_pass=True)),
        ('{"error": "rateLimitExceeded"}', Outcome(result=B, code="http:403", stops_pass=True)),
        # the client stumbles over these itself
        ("[]", Outcome(result=U, code="unreadable", stops_pass=True)),
        ("null", Outcome(result=U, code="unreadable", stops_pass=True)),
        ('{"error": null}', Outcome(result=U, code="unreadable", stops_pass=True)),
    ],
)
def test_a_403_without_calendars_reason(
    calendar: GoogleCalendar, google: GoogleStandIn, one_event: None, body: str, outcome: Outcome
) -> None:
    always(google, Fault(kind=Misbehaviour.STATUS, status=403, body=body))

    assert all_asked(calendar) == of_each(outcome)
    assert_untouched(google)


# A success that is none

UNREADABLE = Outcome(result=U, code="unreadable", stops_pass=True)
ANOTHER = json.dumps({"id": "rclother", "status": "confirmed", "accessRole": None})


@pytest.mark.parametrize("status", [200, 201, 203])
def test_a_page_with_a_success(calendar: GoogleCalendar, google: GoogleStandIn, one_event: None, status: int) -> None:
    always(google, Fault(kind=Misbehaviour.HTML, status=status))

    assert all_asked(calendar) == of_each(UNREADABLE)
    assert_untouched(google)


NO_ANSWER = {
    "insert": ["", "[]", "null", "{}", "42", '"rcl"', ANOTHER, '{"id": null}'],
    "get": [
        *("", "[]", "null", "{}", "42", '"rcl"', ANOTHER, '{"id": null}'),
        json.dumps({"id": EVENT.id, "start": None}),
        json.dumps({"id": EVENT.id, "start": {"dateTime": "soon"}}),
        json.dumps({"id": EVENT.id, "start": {"dateTime": 5}}),
        json.dumps({"id": EVENT.id, "extendedProperties": []}),
    ],
    "around": [
        *("", "[]", "null", "{}", "42", '"rcl"', ANOTHER, '{"items": []}'),
        json.dumps({"kind": "calendar#event", "items": []}),
        json.dumps({"kind": "calendar#events", "items": None}),
        json.dumps({"kind": "calendar#events", "items": [None]}),
        json.dumps({"kind": "calendar#events", "items": [{}]}),
        json.dumps({"kind": "calendar#events", "items": [{"id": "rcl", "start": {"dateTime": "soon"}}]}),
    ],
    "check": ["", "[]", "null", "{}", "42", '"rcl"'],
    "delete": ["[]", "null", "{}", "42", '"rcl"', ANOTHER],
}


@pytest.mark.parametrize("call", CALLS)
def test_a_success_that_is_no_answer(
    calendar: GoogleCalendar, google: GoogleStandIn, one_event: None, call: str
) -> None:
    said: dict[str, Outcome] = {}
    for body in NO_ANSWER[call]:
        always(google, Fault(kind=Misbehaviour.STATUS, status=200, body=body))
        said[body] = asked(calendar, call)

    assert said == dict.fromkeys(NO_ANSWER[call], of(call, UNREADABLE))
    assert_untouched(google)


# Unclear. The client may send again by itself: the world holds one event all the same.


@pytest.mark.parametrize(
    ("fault", "code", "events"),
    [
        (Fault(kind=Misbehaviour.DROP), "reset", 0),
        (Fault(kind=Misbehaviour.LOSE), "reset", 1),
        (Fault(kind=Misbehaviour.HANG, seconds=0.6), "timeout", 0),
        (Fault(kind=Misbehaviour.HANG, seconds=0.05), "reset", 0),
        (Fault(kind=Misbehaviour.SLOW, seconds=0.6), "timeout", 1),
        (Fault(kind=Misbehaviour.EMPTY), "unreadable", 1),
        (
            Fault(kind=Misbehaviour.FAIL_AFTER, status=500, body=google_error(500, "backendError")),
            "google:backendError",
            1,
        ),
        (Fault(kind=Misbehaviour.FAIL_AFTER, status=503), "http:503", 1),
        (Fault(kind=Misbehaviour.FAIL_AFTER, status=504), "http:504", 1),
    ],
    ids=lambda value: value.kind.value if isinstance(value, Fault) else None,
)
def test_an_insert_of_unclear_outcome_is_settled_by_its_id(
    hasty: GoogleCalendar, google: GoogleStandIn, fault: Fault, code: str, events: int
) -> None:
    google.faults.always("events.insert", fault)

    assert hasty.insert(EVENT) == Outcome(result=U, code=code, stops_pass=True)
    assert len(google.live()) == google.writes == events
    assert (hasty.get(EVENT.id) is not None) == (events == 1)

    google.faults.clear()
    assert hasty.insert(EVENT).code == (DUPLICATE if events else "created")
    assert len(google.calendar.events) == google.writes == 1


@pytest.mark.parametrize(
    ("fault", "code", "live"),
    [
        (Fault(kind=Misbehaviour.DROP), "reset", 1),
        (Fault(kind=Misbehaviour.LOSE), "reset", 0),
        (Fault(kind=Misbehaviour.HANG, seconds=0.6), "timeout", 1),
        (Fault(kind=Misbehaviour.SLOW, seconds=0.6), "timeout", 0),
        (Fault(kind=Misbehaviour.FAIL_AFTER, status=503), "http:503", 0),
    ],
    ids=lambda value: value.kind.value if isinstance(value, Fault) else None,
)
def test_a_delete_of_unclear_outcome(
    hasty: GoogleCalendar, google: GoogleStandIn, fault: Fault, code: str, live: int
) -> None:
    hasty.insert(EVENT)
    google.faults.always("events.delete", fault)

    assert hasty.delete(EVENT.id) == Outcome(result=L, code=code, stops_pass=True)
    assert len(google.live()) == live

    google.faults.clear()
    assert hasty.delete(EVENT.id).code == ("deleted" if live else "already_gone")
    assert google.live() == []


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(kind=Misbehaviour.DROP), "reset"),
        (Fault(kind=Misbehaviour.LOSE), "reset"),
        (Fault(kind=Misbehaviour.HANG, seconds=0.6), "timeout"),
        (Fault(kind=Misbehaviour.SLOW, seconds=0.6), "timeout"),
        (Fault(kind=Misbehaviour.EMPTY), "unreadable"),
        (Fault(kind=Misbehaviour.FAIL_AFTER, status=503), "http:503"),
    ],
    ids=lambda value: value.kind.value if isinstance(value, Fault) else None,
)
def test_a_read_that_nobody_answered(
    hasty: GoogleCalendar, google: GoogleStandIn, one_event: None, fault: Fault, code: str
) -> None:
    always(google, fault)

    outcome = Outcome(result=U, code=code, stops_pass=True)
    assert all_asked(hasty, READS) == of_each(outcome, READS)


@pytest.mark.parametrize("fault", [Fault(kind=Misbehaviour.DROP), Fault(kind=Misbehaviour.HANG, seconds=0.05)])
def test_one_connection_closed_without_an_answer_is_not_repeated(
    calendar: GoogleCalendar, google: GoogleStandIn, one_event: None, fault: Fault
) -> None:
    """Nothing is sent twice by itself. The next pass asks for the event by its id."""
    for call, operation in (("insert", "insert"), ("delete", "delete"), ("get", "get"), ("around", "list")):
        google.faults.next_calls(f"events.{operation}", fault)
        assert asked(calendar, call) == of(call, Outcome(result=U, code="reset", stops_pass=True))
    assert google.writes == 0
    assert calendar.insert(replace(EVENT, id="rclagain")).result is D


def test_an_answer_that_is_cut_off(calendar: GoogleCalendar, google: GoogleStandIn, one_event: None) -> None:
    cut_off = (("Content-Length", "1000"), ("Connection", "close"))
    always(google, Fault(kind=Misbehaviour.STATUS, status=200, body='{"id": "rcl', headers=cut_off))

    outcome = Outcome(result=U, code="reset", stops_pass=True)
    assert all_asked(calendar) == of_each(outcome)
    assert_untouched(google)

    google.faults.clear()
    assert calendar.check() is None


def test_deleting_with_nothing_said_is_how_calendar_does_it(calendar: GoogleCalendar, google: GoogleStandIn) -> None:
    calendar.insert(EVENT)
    google.faults.always("events.delete", Fault(kind=Misbehaviour.EMPTY))

    assert calendar.delete(EVENT.id) == Outcome(result=D, code="deleted")
    assert google.live() == []


def test_an_answer_that_comes_too_late_is_nobodys(hasty: GoogleCalendar, google: GoogleStandIn) -> None:
    """A connection with an answer still to come must not serve the next call."""
    hasty.insert(EVENT)
    google.faults.next_calls("events.get", Fault(kind=Misbehaviour.SLOW, seconds=0.4))

    assert failure(hasty.get, EVENT.id).code == "timeout"
    assert hasty.get("rclother") is None
    assert hasty.delete(EVENT.id).code == "deleted"


def test_the_second_connection_says_nothing_about_the_first(opened: Open) -> None:
    """The call may have left before the server went: that nobody listens afterwards is no proof that it did not."""
    with vanishing() as url:
        calendar = opened(api_url=url)

        assert calendar.insert(EVENT) == Outcome(result=U, code="reset", stops_pass=True)


@contextmanager
def vanishing() -> Iterator[str]:
    """Takes one call, says nothing, and is gone."""

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            listener.close()

    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=serve, args=(listener,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    thread.join(5)


# Certainly nothing left

NO_CONNECTION = Outcome(result=B, code="no_connection", stops_pass=True)


def test_nobody_listens(opened: Open) -> None:
    assert all_asked(opened(api_url=closed_port())) == dict.fromkeys(CALLS, NO_CONNECTION)


def test_the_name_does_not_resolve(opened: Open) -> None:
    assert all_asked(opened(api_url="http://calendar.invalid/")) == dict.fromkeys(CALLS, NO_CONNECTION)


def test_a_proxy_that_the_client_cannot_use(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    calendar = opened(api_url="http://calendar.invalid/")
    calendar.insert(EVENT)  # has its token now
    calendar.close()
    monkeypatch.setenv("http_proxy", closed_port())

    assert calendar.insert(EVENT) == NO_CONNECTION


def test_a_certificate_nobody_vouches_for(opened: Open, tmp_path: Path) -> None:
    with impostor(tmp_path) as (url, heard):
        assert opened(api_url=f"{url}/").insert(EVENT) == NO_CONNECTION
    assert heard == []


def pem(key: Any, password: bytes | None = None) -> str:
    locked = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    text: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
    return text.decode()


# The check before a pass


@pytest.mark.parametrize("role", ["writer", "owner", "writerWithoutPrivateAccess"])
def test_all_is_well(calendar: GoogleCalendar, google: GoogleStandIn, role: str) -> None:
    google.role = role

    assert calendar.check() is None
    assert calendar.insert(EVENT).result is D
    assert google.writes == 1, "the check itself writes nothing"


def provider_fault(calendar: GoogleCalendar) -> tuple[str, str]:
    """Code and remedy."""
    fault = calendar.check()
    assert fault is not None
    assert fault.kind is GapKind.INTEGRATION_GOOGLE
    assert not fault.transient
    return fault.code, fault.remedy


@pytest.mark.parametrize("role", ["reader", "freeBusyReader", "none", "brandNew"])
def test_a_role_that_cannot_write(calendar: GoogleCalendar, google: GoogleStandIn, role: str) -> None:
    body = json.dumps({"accessRole": role, "timeZone": "Europe/London"})
    google.faults.always("events.list", Fault(kind=Misbehaviour.STATUS, status=200, body=body))

    code, remedy = provider_fault(calendar)

    assert code == f"role_{role}"
    assert CLIENT_EMAIL in remedy
    assert "Make changes to events" in remedy


@pytest.mark.parametrize(
    ("role", "code", "insert"),
    [
        ("none", "google:notFound", "google:notFound"),
        ("freeBusyReader", "google:forbidden", "google:requiredAccessLevel"),
        ("reader", "role_reader", "google:requiredAccessLevel"),
    ],
)
def test_a_calendar_shared_with_too_little(
    calendar: GoogleCalendar, google: GoogleStandIn, role: str, code: str, insert: str
) -> None:
    google.role = role

    assert provider_fault(calendar)[0] == code
    assert calendar.insert(EVENT) == Outcome(result=B, code=insert, stops_pass=True)
    assert google.calendar.events == {}


def test_another_calendar_than_ours(opened: Open, google: GoogleStandIn) -> None:
    calendar = opened(calendar_id="somebody@venue.example")

    code, remedy = provider_fault(calendar)

    assert code == "google:notFound"
    assert "GOOGLE_CALENDAR_ID" in remedy
    assert CLIENT_EMAIL in remedy
    assert calendar.insert(EVENT) == Outcome(result=B, code="google:notFound", stops_pass=True)
    assert google.calendar.events == {}


@pytest.mark.parametrize(
    ("status", "reason", "remedy"),
    [
        (401, "authError", "create a new key"),
        (403, "accessNotConfigured", "enable it"),
        (403, "insufficientPermissions", "look up the reason"),
        (403, "forbidden", "look up the reason"),
        (404, "notFound", "GOOGLE_CALENDAR_ID"),
    ],
)
def test_each_answer_that_means_a_broken_integration(
    calendar: GoogleCalendar, google: GoogleStandIn, status: int, reason: str, remedy: str
) -> None:
    google.faults.always("events.list", answering(status, reason))

    code, advice = provider_fault(calendar)

    assert code == f"google:{reason}"
    assert remedy in advice


# Tokens


def test_the_token_is_asked_for_the_account_itself() -> None:
    with Listening() as google, opener(google) as opened:
        opened().insert(EVENT)

    claims = claims_of(google.alerted[0])
    assert "sub" not in claims
    assert (claims["iss"], claims["scope"]) == (CLIENT_EMAIL, "https://www.googleapis.com/auth/calendar.events")


def test_the_token_is_asked_for_the_delegate() -> None:
    with Listening() as google, opener(google) as opened:
        calendar = opened(delegate="events@venue.example")

        assert calendar.check() is None
        assert calendar.insert(EVENT).result is D

    assert claims_of(google.alerted[0])["sub"] == "events@venue.example"


def claims_of(request: Request) -> dict[str, Any]:
    claims = request.form()["assertion"].split(".")[1]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    return decoded


def test_the_token_comes_from_the_key_file_if_nothing_else_is_said(opened: Open, google: GoogleStandIn) -> None:
    assert opened(token_url=None).insert(EVENT).result is D


def test_a_token_revoked_meanwhile_is_replaced(calendar: GoogleCalendar, google: GoogleStandIn) -> None:
    calendar.check()
    google.revoke_tokens()

    assert calendar.insert(EVENT).result is D
    assert len(google.live()) == 1


UNAVAILABLE = Outcome(result=L, code="token:unavailable", stops_pass=True)


def saying(status: int, body: object) -> Fault:
    return Fault(kind=Misbehaviour.STATUS, status=status, body=json.dumps(body))


NO_TOKEN = [
    (saying(400, {"error": "invalid_grant"}), Outcome(result=B, code="token:invalid_grant", stops_pass=True)),
    (saying(401, {"error": "invalid_client"}), Outcome(result=B, code="token:invalid_client", stops_pass=True)),
    (
        saying(401, {"error": "unauthorized_client", "error_description": "Client is unauthorized."}),
        Outcome(result=B, code="token:unauthorized_client", stops_pass=True),
    ),
    (saying(400, {"error": "invalid_scope"}), Outcome(result=B, code="token:invalid_scope", stops_pass=True)),
    # free text, or a wobble
    (saying(400, {"error": "Ana Ashworth!"}), UNAVAILABLE),
    (saying(400, {"error": "temporarily_unavailable"}), UNAVAILABLE),
    (saying(400, {"error": {"code": 400}}), UNAVAILABLE),
    (saying(400, {}), UNAVAILABLE),
    (saying(400, []), UNAVAILABLE),
    (saying(400, None), UNAVAILABLE),
    (saying(429, {"error": "rate_limited"}), UNAVAILABLE),
    (saying(500, {"error": "internal_failure"}), UNAVAILABLE),
    (saying(503, {"error": "backend_error"}), UNAVAILABLE),
    (Fault(kind=Misbehaviour.STATUS, status=503), UNAVAILABLE),
    (Fault(kind=Misbehaviour.HTML, status=400), UNAVAILABLE),
    (Fault(kind=Misbehaviour.HTML, status=403), UNAVAILABLE),
    (Fault(kind=Misbehaviour.HTML, status=404), UNAVAILABLE),
    (Fault(kind=Misbehaviour.HTML, status=429), UNAVAILABLE),
    (Fault(kind=Misbehaviour.HTML, status=502), UNAVAILABLE),
    # a success that is no token
    (Fault(kind=Misbehaviour.HTML, status=200), UNAVAILABLE),
    (Fault(kind=Misbehaviour.EMPTY), UNAVAILABLE),
    (saying(200, []), UNAVAILABLE),
    (saying(200, None), UNAVAILABLE),
    (saying(200, {}), UNAVAILABLE),
    (saying(200, {"access_token": None, "expires_in": 3600}), UNAVAILABLE),
    (saying(200, {"access_token": "t", "expires_in": "soon"}), UNAVAILABLE),
    (saying(200, {"access_token": "t", "expires_in": 0}), UNAVAILABLE),
    (saying(200, {"access_token": "t"}), UNAVAILABLE),
    # no answer
    (Fault(kind=Misbehaviour.DROP), UNAVAILABLE),
    (Fault(kind=Misbehaviour.LOSE), UNAVAILABLE),
    (Fault(kind=Misbehaviour.FAIL_AFTER, status=500), UNAVAILABLE),
    (Fault(kind=Misbehaviour.HANG, seconds=0.6), UNAVAILABLE),
    (Fault(kind=Misbehaviour.SLOW, seconds=0.6), UNAVAILABLE),
]


@pytest.mark.parametrize(("fault", "outcome"), NO_TOKEN)
def test_no_token_no_call(
    hasty: GoogleCalendar, google: GoogleStandIn, impatient: None, fault: Fault, outcome: Outcome
) -> None:
    google.faults.always("token", fault)

    assert hasty.insert(EVENT) == outcome
    assert google.calendar.events == {}

    google.faults.clear()
    assert hasty.insert(EVENT).result is D, "the next call asks again"


@pytest.mark.parametrize("fault", [Fault(kind=Misbehaviour.HTML, status=200), Fault(kind=Misbehaviour.STATUS)])
def test_no_token_for_any_call(
    calendar: GoogleCalendar, google: GoogleStandIn, impatient: None, one_event: None, fault: Fault
) -> None:
    google.faults.always("token", fault)

    assert all_asked(calendar) == dict.fromkeys(CALLS, UNAVAILABLE)
    assert_untouched(google)


def test_nobody_listens_at_the_token_endpoint(opened: Open, google: GoogleStandIn, one_event: None) -> None:
    assert all_asked(opened(token_url=closed_port())) == dict.fromkeys(CALLS, UNAVAILABLE)
    assert_untouched(google)


def test_the_token_endpoints_name_does_not_resolve(opened: Open, google: GoogleStandIn, one_event: None) -> None:
    calendar = opened(token_url="http://oauth2.invalid/token")

    assert all_asked(calendar) == dict.fromkeys(CALLS, UNAVAILABLE)
    assert_untouched(google)


@pytest.mark.parametrize("kind", [Misbehaviour.STATUS, Misbehaviour.HTML, Misbehaviour.DROP])
def test_a_token_endpoint_that_wobbles_costs_nothing(
    calendar: GoogleCalendar, google: GoogleStandIn, impatient: None, kind: Misbehaviour
) -> None:
    google.faults.next_calls("token", Fault(kind=kind))

    assert calendar.insert(EVENT).result is D


def test_no_new_token_for_a_revoked_one(calendar: GoogleCalendar, google: GoogleStandIn) -> None:
    calendar.check()
    google.revoke_tokens()
    google.faults.always("token", saying(400, {"error": "invalid_grant"}))

    assert calendar.insert(EVENT) == Outcome(result=B, code="token:invalid_grant", stops_pass=True)
    assert google.calendar.events == {}


UNUSABLE: dict[str, Callable[[dict[str, str]], dict[str, Any]]] = {
    "empty": lambda info: info | {"private_key": ""},
    "garbage": lambda info: info | {"private_key": "not a key"},
    "cut off": lambda info: info | {"private_key": info["private_key"][:300]},
    "literal line ends": lambda info: info | {"private_key": info["private_key"].replace("\n", "\\n")},
    "locked": lambda info: info | {"private_key": pem(rsa.generate_private_key(65537, 1024), password=b"?")},
    "nobody's": lambda info: {name: value for name, value in info.items() if name != "client_email"},
    "none": lambda info: {name: value for name, value in info.items() if name != "private_key"},
}


@pytest.mark.parametrize("damage", UNUSABLE)
def test_a_key_that_cannot_be_read(opened: Open, google: GoogleStandIn, damage: str) -> None:
    calendar = opened(key=UNUSABLE[damage](google.service_account_info()))

    code, remedy = provider_fault(calendar)

    assert code == "token:unusable_key"
    assert "GOOGLE_SERVICE_ACCOUNT_KEY" in remedy
    others = ["insert", "delete", "get", "around"]
    outcome = Outcome(result=B, code="token:unusable_key", stops_pass=True)
    assert all_asked(calendar, others) == dict.fromkeys(others, outcome)


def test_a_key_that_was_deleted(opened: Open, google: GoogleStandIn) -> None:
    other = pem(rsa.generate_private_key(65537, 1024))
    calendar = opened(key=google.service_account_info() | {"private_key": other})

    code, remedy = provider_fault(calendar)

    assert code == "token:invalid_grant"
    assert "clock" in remedy
    assert CLIENT_EMAIL in remedy
    assert calendar.insert(EVENT) == Outcome(result=B, code="token:invalid_grant", stops_pass=True)
    assert google.calendar.events == {}


# Nothing leaves by another way


def test_closing_is_harmless(opened: Open, google: GoogleStandIn) -> None:
    calendar = opened()
    calendar.close()

    assert calendar.insert(EVENT).result is D
    calendar.close()
    calendar.close()
    assert calendar.delete(EVENT.id).result is D


@pytest.mark.parametrize("delegate", [None, "events@venue.example"])
def test_nothing_is_asked_of_anybody_else(
    opened: Open, google: GoogleStandIn, delegate: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """google-auth would look its account up at iamcredentials.googleapis.com, in a thread of its own."""
    looked_up: list[str] = []
    resolve = socket.getaddrinfo

    def listening(host: str, *rest: Any, **options: Any) -> Any:
        looked_up.append(host)
        return resolve(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", listening)
    before = set(threading.enumerate())
    calendar = opened(delegate=delegate)

    calendar.check()
    calendar.insert(EVENT)
    calendar.get(EVENT.id)
    calendar.around(EVENT.starts_at, DAY)
    calendar.delete(EVENT.id)
    calendar.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(1)

    assert set(looked_up) == {"127.0.0.1"}


# Nothing personal comes out


@pytest.mark.parametrize("where", ["token", "events"])
@pytest.mark.parametrize("status", [400, 403])
@pytest.mark.parametrize("kind", [*Misbehaviour, None])
def test_codes_come_out_and_nothing_else(
    opened: Open,
    google: GoogleStandIn,
    impatient: None,
    kind: Misbehaviour | None,
    status: int,
    where: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging.getLogger("google"), "propagate", True)  # google-auth turns it off on the way
    key = google.service_account_info()["private_key"]
    quoted = f"{EVENT.title} {EVENT.description} {BOOKING} {key}"
    leaking = {
        "token": {"error": quoted, "error_description": quoted},
        "events": {"error": {"code": status, "message": quoted, "errors": [{"reason": quoted, "message": quoted}]}},
    }
    if kind:
        fault = Fault(kind=kind, status=status, body=json.dumps(leaking[where]), seconds=0.06)
        for operation in ["token"] if where == "token" else OPERATIONS:
            google.faults.always(operation, fault)
    calendar = opened(timeout=timedelta(seconds=0.04) if kind in WAITING else timedelta(seconds=1))
    said = [repr(calendar)]

    with caplog.at_level(logging.DEBUG):
        for call in (
            lambda: calendar.insert(EVENT),
            lambda: bool(calendar.get(EVENT.id)),
            lambda: len(calendar.around(EVENT.starts_at, DAY)),
            calendar.check,
            lambda: calendar.delete(EVENT.id),
        ):
            try:
                said.append(repr(call()))
            except ProviderFailure as failed:
                said += ["".join(traceback.format_exception(failed)), repr(failed), repr(failed.outcome)]

    assert len(said) >= 6
    everything = "\n".join([*said, caplog.text])
    secrets = [EVENT.title, ANA, "Ana", EVENT.description, BOOKING, *key.split("\n")[1:-2], *google._tokens]
    for secret in secrets:
        assert secret not in everything


WAITING = (
    Misbehaviour.HANG, Misbehaviour.SLOW, Misbehaviour.HOLD, Misbehaviour.TRICKLE_HEADERS, Misbehaviour.TRICKLE_BODY,
)  # fmt: skip
