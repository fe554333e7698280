"""The Google stand-in, asked by the real client: it must answer as Google's documents say Calendar does."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
import requests
from google.auth import crypt, jwt
from google.oauth2 import credentials as oauth2
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from reconciler.providers.google.credentials import credentials
from reconciler.providers.google.http import GoogleHttp
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.fakes.google import GoogleStandIn

NOW = datetime(2026, 6, 10, 11, 0, tzinfo=UTC)
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EVENT_PATH = "/calendar/v3/calendars/sandbox-venue@group.calendar.google.example/events/event1"
LIST_PATH = EVENT_PATH.removesuffix("/event1")
ROLES = ["freeBusyReader", "reader", "writerWithoutPrivateAccess", "writer", "owner"]


def at(clock: str, day: int = 12) -> dict[str, str]:
    """A moment of June, as the API writes it."""
    return {"dateTime": f"2026-06-{day:02}T{clock}:00+01:00"}


START, END = at("18:00"), at("23:00")


@pytest.fixture
def google() -> Iterator[GoogleStandIn]:
    with GoogleStandIn(lambda: NOW) as stand_in:
        yield stand_in


@pytest.fixture
def service(google: GoogleStandIn) -> Iterator[Any]:
    token = bearer(google)["Authorization"].removeprefix("Bearer ")
    with service_of(google, oauth2.Credentials(token)) as service:
        yield service


@dataclass(frozen=True)
class _Opened:
    """Credentials of any kind, as the product's client takes them."""

    opened: Any

    def credentials(self) -> Any:
        return self.opened


def service_of(google: GoogleStandIn, opened_by: Any) -> Any:
    """The real client, to be closed."""
    authorized = GoogleHttp(_Opened(opened_by), timedelta(seconds=2))
    api = {"api_endpoint": google.api_url}
    return build("calendar", "v3", http=authorized, static_discovery=True, client_options=api)


class Calendar:
    """The client's events of the one calendar, with the calendar's id filled in."""

    def __init__(self, service: Any, calendar_id: str) -> None:
        self.events = service.events()
        self.calendar_id = calendar_id

    def ask(self, method: str, **arguments: Any) -> Any:
        return getattr(self.events, method)(calendarId=self.calendar_id, **arguments)

    def insert(self, **body: Any) -> Any:
        return self.ask("insert", body={"summary": "Party", "start": START, "end": END} | body).execute()

    def get(self, event_id: str) -> Any:
        return self.ask("get", eventId=event_id).execute()

    def patch(self, event_id: str, **body: Any) -> Any:
        return self.ask("patch", eventId=event_id, body=body).execute()

    def update(self, event_id: str, **body: Any) -> Any:
        return self.ask("update", eventId=event_id, body={"start": START, "end": END} | body).execute()

    def delete(self, event_id: str) -> Any:
        return self.ask("delete", eventId=event_id).execute()

    def list(self, **query: Any) -> list[str]:
        """The ids on the first page."""
        return [event["id"] for event in self.ask("list", **query).execute()["items"]]


@pytest.fixture
def calendar(service: Any, google: GoogleStandIn) -> Calendar:
    return Calendar(service, google.calendar_id)


def refusal(call: Callable[..., Any], *arguments: Any, **named: Any) -> tuple[int, str]:
    with pytest.raises(HttpError) as caught:
        call(*arguments, **named)
    return caught.value.status_code, reason(json.loads(caught.value.content))


def reason(body: Any) -> str:
    return str(body["error"]["errors"][0]["reason"])


@cache
def signer(private_key: str) -> Any:
    """Reading a key takes longer than most tests here."""
    return crypt.RSASigner.from_string(private_key)


def assertion(google: GoogleStandIn, **claims: Any) -> str:
    key = signer(google.service_account_info()["private_key"])
    return str(jwt.encode(key, {"iss": "us", "exp": 1} | claims).decode())


def ask_token(google: GoogleStandIn, **form: str) -> requests.Response:
    return requests.post(google.token_url, data=form, timeout=2)


def bearer(google: GoogleStandIn) -> dict[str, str]:
    answer = ask_token(google, grant_type=JWT_GRANT, assertion=assertion(google))
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


# It cannot be mistaken for the real thing


def test_every_answer_says_what_it_is(google: GoogleStandIn) -> None:
    ours, event_id = bearer(google), google.put("Party", NOW, NOW + timedelta(hours=1), id="event1")
    calls = [
        ("GET", "/_sandbox/state", {}, 200),
        ("POST", "/token", {}, 400),
        ("GET", EVENT_PATH, {}, 401),
        ("GET", EVENT_PATH, ours, 200),
        ("DELETE", EVENT_PATH, ours, 204),
        ("DELETE", EVENT_PATH, ours, 410),
        ("GET", "/calendar/v3/calendars/other", ours, 404),
    ]
    for method, path, headers, status in calls:
        answer = requests.request(method, google.url + path, headers=headers, timeout=2)

        assert (answer.status_code, answer.headers["X-Reconciler-Sandbox"]) == (status, "stand-in")
    assert event_id == "event1"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/calendar/v3/calendars/sandbox-venue@group.calendar.google.example"),
        ("GET", "/calendar/v3/users/me/calendarList"),
        ("GET", LIST_PATH),
        ("POST", LIST_PATH),
        ("GET", EVENT_PATH),
        ("PATCH", EVENT_PATH),
        ("PUT", EVENT_PATH),
        ("DELETE", EVENT_PATH),
    ],
)
def test_only_its_own_credentials_open_it(google: GoogleStandIn, method: str, path: str) -> None:
    google.put("Party", NOW, NOW + timedelta(hours=1), id="event1")
    token = bearer(google)["Authorization"].removeprefix("Bearer ")
    for authorization in (None, "Bearer ya29.a-real-one", "Bearer", token, f"Basic {token}"):
        headers = {"Authorization": authorization} if authorization else {}
        answer = requests.request(method, google.url + path, headers=headers, json={"summary": "Mine"}, timeout=2)

        assert (answer.status_code, reason(answer.json())) == (401, "authError")
    assert [event["summary"] for event in google.live()] == ["Party"]
    assert google.writes == 0


def test_a_revoked_token_opens_nothing(google: GoogleStandIn, calendar: Calendar) -> None:
    ours = bearer(google)
    calendar.insert(id="event1")
    assert requests.get(google.url + EVENT_PATH, headers=ours, timeout=2).status_code == 200

    google.revoke_tokens()

    answer = requests.get(google.url + EVENT_PATH, headers=ours, timeout=2)
    assert (answer.status_code, reason(answer.json())) == (401, "authError")


def test_the_client_fetches_another_token_for_a_revoked_one(google: GoogleStandIn) -> None:
    with service_of(google, credentials(google.service_account_info(), None, None)) as service:
        calendar = Calendar(service, google.calendar_id)
        calendar.insert(id="event1")

        google.revoke_tokens()

        assert calendar.get("event1")["status"] == "confirmed"


# Tokens


def test_a_signed_assertion_is_worth_a_token(google: GoogleStandIn) -> None:
    answer = ask_token(google, grant_type=JWT_GRANT, assertion=assertion(google))

    assert answer.status_code == 200
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("Bearer", 3600)


SIGNED_BY_SOMEBODY_ELSE = "eyJhbGciOiAiUlMyNTYifQ.eyJpc3MiOiAidXMifQ." + "A" * 342


@pytest.mark.parametrize("wrong", ["", "x", "a.b.c", "a.b.ä", SIGNED_BY_SOMEBODY_ELSE])
def test_a_signature_that_is_not_ours_is_worth_none(google: GoogleStandIn, wrong: str) -> None:
    answer = ask_token(google, grant_type=JWT_GRANT, assertion=wrong)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_an_assertion_that_was_altered_is_worth_none(google: GoogleStandIn) -> None:
    header, _, signature = assertion(google).split(".")
    _, claims, _ = assertion(google, sub="the-owner@venue.example").split(".")

    answer = ask_token(google, grant_type=JWT_GRANT, assertion=f"{header}.{claims}.{signature}")

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize("grant", ["", "refresh_token", "authorization_code"])
def test_another_grant_is_worth_none(google: GoogleStandIn, grant: str) -> None:
    answer = ask_token(google, grant_type=grant, assertion=assertion(google))

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


# Insert


def test_an_event_under_our_own_id(calendar: Calendar, google: GoogleStandIn) -> None:
    made = calendar.insert(id="event1", description="<b>12</b> guests")

    assert (made["id"], made["status"], made["summary"]) == ("event1", "confirmed", "Party")
    assert (made["start"], made["end"], made["description"]) == (START, END, "<b>12</b> guests")
    assert made["created"] == made["updated"] == "2026-06-10T11:00:00.000Z"
    assert made["iCalUID"] == "event1@google.com"
    assert google.calendar.events == {"event1": made}
    assert google.writes == 1


def test_an_event_under_an_id_of_its_own(calendar: Calendar) -> None:
    made = [calendar.insert()["id"] for _ in range(2)]

    assert made[0] != made[1]
    assert all(re.fullmatch("[a-v0-9]{5,1024}", event_id) for event_id in made)


@pytest.mark.parametrize("event_id", ["abcde", "vvvvv", "00000", "0" * 1024])
def test_ids_of_base32hex_are_fine(calendar: Calendar, event_id: str) -> None:
    assert calendar.insert(id=event_id)["id"] == event_id


@pytest.mark.parametrize(
    "event_id",
    ["abcd", "0" * 1025, "abcdw", "abcdx", "abcdy", "abcdz", "ABCDE", "evt_1", "abcde-f", "abc de", "abcdé", "abcd٣"],
)
def test_other_ids_are_not(calendar: Calendar, google: GoogleStandIn, event_id: str) -> None:
    assert refusal(calendar.insert, id=event_id) == (400, "invalid")
    assert (google.calendar.events, google.writes) == ({}, 0)


def test_an_id_is_taken_once(calendar: Calendar, google: GoogleStandIn) -> None:
    calendar.insert(id="event1")

    assert refusal(calendar.insert, id="event1", summary="Another") == (409, "duplicate")
    assert [event["summary"] for event in google.live()] == ["Party"]
    assert google.writes == 1


def test_deleting_does_not_free_an_id(calendar: Calendar, google: GoogleStandIn) -> None:
    calendar.insert(id="event1")
    calendar.delete("event1")

    assert refusal(calendar.insert, id="event1") == (409, "duplicate")
    assert google.live() == []


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (at("18:00"), at("18:00")),
        (at("18:00"), at("02:00")),
        ({"dateTime": "2026-06-12T18:00:00+01:00"}, {"dateTime": "2026-06-12T17:00:00Z"}),
        ({"date": "2026-06-12"}, {"date": "2026-06-12"}),
    ],
)
def test_an_event_that_ends_before_it_starts(calendar: Calendar, google: GoogleStandIn, start: Any, end: Any) -> None:
    assert refusal(calendar.insert, start=start, end=end) == (400, "timeRangeEmpty")
    assert google.calendar.events == {}


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (at("22:00"), at("02:00", day=13)),
        ({"dateTime": "2026-06-12T18:00:00+02:00"}, {"dateTime": "2026-06-12T17:30:00+01:00"}),
        ({"date": "2026-06-12"}, {"date": "2026-06-13"}),
    ],
)
def test_an_event_that_ends_later_as_an_instant(calendar: Calendar, start: Any, end: Any) -> None:
    assert calendar.insert(start=start, end=end)["end"] == end


@pytest.mark.parametrize(
    "broken", [None, {}, {"dateTime": "tomorrow"}, {"dateTime": "2026-06-12T18:00:00"}, {"date": None}, "18:00"]
)
@pytest.mark.parametrize("edge", ["start", "end"])
def test_times_are_needed_and_whole(calendar: Calendar, google: GoogleStandIn, edge: str, broken: Any) -> None:
    assert refusal(calendar.insert, **{edge: broken}) == (400, "required")
    assert google.calendar.events == {}


# Get


def test_get_shows_live_and_deleted_events(calendar: Calendar) -> None:
    calendar.insert(id="event1")
    assert calendar.get("event1")["status"] == "confirmed"

    calendar.delete("event1")

    assert calendar.get("event1")["status"] == "cancelled"
    assert calendar.get("event1")["summary"] == "Party"


def test_get_of_what_never_was(calendar: Calendar) -> None:
    assert refusal(calendar.get, "event1") == (404, "notFound")


# List


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["early", "night", "middle", "later"]),
        # timeMin bounds the end, timeMax the start, and both exclude
        ({"timeMin": "2026-06-12T12:00:00+01:00"}, ["night", "middle", "later"]),
        ({"timeMin": "2026-06-12T11:59:59+01:00"}, ["early", "night", "middle", "later"]),
        ({"timeMax": "2026-06-12T22:00:00+01:00"}, ["early", "middle"]),
        ({"timeMax": "2026-06-12T22:00:01+01:00"}, ["early", "night", "middle"]),
        ({"timeMin": "2026-06-13T00:00:00Z", "timeMax": "2026-06-13T00:30:00Z"}, ["night"]),
        ({"timeMin": "2026-06-12T16:00:00Z", "timeMax": "2026-06-12T21:00:00Z"}, ["middle"]),
    ],
)
def test_a_list_is_bounded_in_time(calendar: Calendar, query: dict[str, str], found: list[str]) -> None:
    events = {
        "early": (at("08:00"), at("12:00")),
        "night": (at("22:00"), at("02:00", day=13)),
        "middle": (at("17:00"), at("18:00")),
        "later": (at("10:00", day=14), at("11:00", day=14)),
    }
    ids = {calendar.insert(summary=name, start=start, end=end)["id"]: name for name, (start, end) in events.items()}

    assert {ids[event_id] for event_id in calendar.list(**query)} == set(found)


@pytest.mark.parametrize("bound", ["timeMin", "timeMax"])
@pytest.mark.parametrize("moment", ["2026-06-12T12:00:00", "yesterday"])
def test_a_bound_needs_an_offset(calendar: Calendar, bound: str, moment: str) -> None:
    assert refusal(calendar.list, **{bound: moment}) == (400, "badRequest")


def test_deleted_events_are_shown_on_request(calendar: Calendar) -> None:
    calendar.insert(id="event1")
    calendar.insert(id="event2")
    calendar.delete("event2")

    assert calendar.list() == ["event1"]
    assert calendar.list(showDeleted=True) == ["event1", "event2"]


@pytest.mark.parametrize(
    ("page_size", "asked", "pages"),
    [(2500, {}, [5]), (2500, {"maxResults": 2}, [2, 2, 1]), (3, {}, [3, 2]), (3, {"maxResults": 4}, [3, 2])],
)
def test_pages_follow_each_other(
    calendar: Calendar, google: GoogleStandIn, page_size: int, asked: dict[str, int], pages: list[int]
) -> None:
    google.page_size = page_size
    for number in range(5):
        calendar.insert(id=f"event{number}")
    seen: list[list[str]] = []

    request = calendar.ask("list", **asked)
    while request is not None:
        page = request.execute()
        seen.append([event["id"] for event in page["items"]])
        request = calendar.events.list_next(request, page)

    assert [len(page) for page in seen] == pages
    assert [event_id for page in seen for event_id in page] == [f"event{number}" for number in range(5)]


def test_a_list_by_private_property(calendar: Calendar) -> None:
    calendar.insert(id="event1", extendedProperties={"private": {"booking": "1"}})
    calendar.insert(id="event2", extendedProperties={"private": {"booking": "2"}})
    calendar.insert(id="event3", extendedProperties={"shared": {"booking": "1"}})
    calendar.insert(id="event4")

    assert calendar.list(privateExtendedProperty="booking=1") == ["event1"]
    assert calendar.list(privateExtendedProperty="booking=3") == []


def test_a_list_by_uid(calendar: Calendar) -> None:
    calendar.insert(id="event1")
    elsewhere = calendar.insert(iCalUID="7F3K@venue.example")["id"]

    assert calendar.list(iCalUID="event1@google.com") == ["event1"]
    assert calendar.list(iCalUID="7F3K@venue.example") == [elsewhere]


@pytest.mark.parametrize("role", ROLES[1:])
def test_a_list_says_role_and_zone(calendar: Calendar, google: GoogleStandIn, role: str) -> None:
    google.role = role

    page = calendar.ask("list", maxResults=1, fields="accessRole,timeZone").execute()

    assert (page["accessRole"], page["timeZone"], page["kind"]) == (role, "Europe/London", "calendar#events")


# Change


def test_patch_keeps_what_it_does_not_name(calendar: Calendar, google: GoogleStandIn) -> None:
    made = calendar.insert(id="event1", colorId="3", extendedProperties={"private": {"booking": "1"}})

    changed = calendar.patch(
        "event1", id="other", summary="Wedding", colorId=None, extendedProperties={"private": {"generation": "2"}}
    )

    assert (changed["id"], changed["summary"], changed["start"]) == ("event1", "Wedding", START)
    assert "colorId" not in changed
    assert changed["extendedProperties"]["private"] == {"booking": "1", "generation": "2"}
    assert changed["etag"] != made["etag"]
    assert calendar.get("event1") == changed
    assert google.writes == 2


def test_update_replaces_everything(calendar: Calendar, google: GoogleStandIn) -> None:
    made = calendar.insert(id="event1", description="12 guests", extendedProperties={"private": {"booking": "1"}})

    changed = calendar.update("event1", summary="Wedding", iCalUID="other")

    assert (changed["summary"], changed["status"]) == ("Wedding", "confirmed")
    assert not {"description", "extendedProperties"} & changed.keys()
    assert [changed[name] for name in ("id", "iCalUID", "created")] == ["event1", made["iCalUID"], made["created"]]
    assert calendar.get("event1") == changed
    assert google.writes == 2


@pytest.mark.parametrize("method", ["patch", "update"])
def test_a_change_may_not_empty_the_time_range(calendar: Calendar, method: str) -> None:
    calendar.insert(id="event1")

    assert refusal(getattr(calendar, method), "event1", end=START) == (400, "timeRangeEmpty")
    assert calendar.get("event1")["end"] == END


@pytest.mark.parametrize("method", ["patch", "update", "delete"])
def test_a_change_of_what_never_was(calendar: Calendar, method: str) -> None:
    assert refusal(getattr(calendar, method), "event1") == (404, "notFound")


@pytest.mark.parametrize("method", ["patch", "update"])
def test_a_deleted_event_cannot_be_revived(calendar: Calendar, google: GoogleStandIn, method: str) -> None:
    calendar.insert(id="event1")
    calendar.delete("event1")

    assert refusal(getattr(calendar, method), "event1", status="confirmed") == (403, "forbidden")
    assert google.live() == []


def test_delete_leaves_a_tombstone(calendar: Calendar, google: GoogleStandIn) -> None:
    calendar.insert(id="event1")

    assert calendar.delete("event1") == ""
    assert google.live() == []
    assert google.calendar.events["event1"]["status"] == "cancelled"
    assert google.writes == 2


def test_nothing_is_deleted_twice(calendar: Calendar, google: GoogleStandIn) -> None:
    calendar.insert(id="event1")
    calendar.delete("event1")

    assert refusal(calendar.delete, "event1") == (410, "deleted")
    assert google.writes == 2


@pytest.mark.parametrize("method", ["patch", "update", "delete"])
def test_a_change_on_condition(calendar: Calendar, google: GoogleStandIn, method: str) -> None:
    body = {} if method == "delete" else {"body": {"start": START, "end": END, "summary": "Wedding"}}
    seen = calendar.insert(id="event1")["etag"]
    calendar.patch("event1", description="somebody was quicker")

    def change(etag: str) -> Any:
        request = calendar.ask(method, eventId="event1", **body)
        request.headers["If-Match"] = etag
        return request.execute()

    assert refusal(change, seen) == (412, "conditionNotMet")
    assert google.calendar.events["event1"]["summary"] == "Party"
    assert google.live() != []
    change(calendar.get("event1")["etag"])
    assert [event["summary"] for event in google.live()] == ([] if method == "delete" else ["Wedding"])


# Who may do what


def everything(calendar: Calendar) -> dict[str, Callable[[], Any]]:
    return {
        "get": lambda: calendar.get("event1"),
        "list": calendar.list,
        "insert": lambda: calendar.insert(id="event2"),
        "patch": lambda: calendar.patch("event1", summary="Wedding"),
        "update": lambda: calendar.update("event1", summary="Wedding"),
        "delete": lambda: calendar.delete("event1"),
    }


BY_ROLE: dict[str, dict[str, tuple[int, str] | None]] = {
    # nothing of it: as if the calendar were not there
    "none": dict.fromkeys(["get", "list", "insert", "patch", "update", "delete"], (404, "notFound")),
    "freeBusyReader": {
        **dict.fromkeys(["get", "list"], (403, "forbidden")),
        **dict.fromkeys(["insert", "patch", "update", "delete"], (403, "requiredAccessLevel")),
    },
    "reader": {
        **dict.fromkeys(["get", "list"], None),
        **dict.fromkeys(["insert", "patch", "update", "delete"], (403, "requiredAccessLevel")),
    },
    "writerWithoutPrivateAccess": dict.fromkeys(["get", "list", "insert", "patch", "update", "delete"], None),
    "writer": dict.fromkeys(["get", "list", "insert", "patch", "update", "delete"], None),
    "owner": dict.fromkeys(["get", "list", "insert", "patch", "update", "delete"], None),
}


@pytest.mark.parametrize("role", ["none", *ROLES])
def test_what_a_role_may(calendar: Calendar, google: GoogleStandIn, role: str) -> None:
    google.put("Party", NOW, NOW + timedelta(hours=1), id="event1")
    google.role = role

    for name, call in everything(calendar).items():
        expected = BY_ROLE[role][name]
        if expected is None:
            call()
        else:
            assert refusal(call) == expected, name

    assert google.writes == (4 if "writer" in role or role == "owner" else 0)


@pytest.mark.parametrize("role", ROLES)
def test_the_calendar_itself(service: Any, google: GoogleStandIn, role: str) -> None:
    google.role = role

    found = service.calendars().get(calendarId=google.calendar_id).execute()

    assert (found["id"], found["timeZone"]) == (google.calendar_id, "Europe/London")


@pytest.mark.parametrize("role", ["none", "owner"])
def test_what_is_not_there(service: Any, google: GoogleStandIn, role: str) -> None:
    """A service account's own list of calendars is empty, whatever is shared with it."""
    google.role = role
    elsewhere = {"calendarId": "other@group.calendar.google.example"}

    for request in (
        service.calendarList().get(calendarId=google.calendar_id),
        service.calendars().get(**elsewhere),
        service.events().list(**elsewhere),
        service.events().insert(**elsewhere, body={"start": START, "end": END}),
        service.acl().list(calendarId=google.calendar_id),
        service.events().quickAdd(calendarId=google.calendar_id, text="Party"),
        service.events().instances(calendarId=google.calendar_id, eventId="event1"),
    ):
        assert refusal(request.execute) == (404, "notFound")
    assert google.calendar.events == {}


def test_a_calendar_that_is_not_shared_does_not_exist(service: Any, google: GoogleStandIn) -> None:
    google.role = "none"

    assert refusal(service.calendars().get(calendarId=google.calendar_id).execute) == (404, "notFound")


# The application, and other processes


def test_an_event_of_the_applications(calendar: Calendar, google: GoogleStandIn) -> None:
    event_id = google.put("[CONFIRMED] - 1a2b3c4d - Ana", NOW, NOW + timedelta(hours=3), colorId="10")

    found = calendar.get(event_id)
    assert (found["summary"], found["colorId"]) == ("[CONFIRMED] - 1a2b3c4d - Ana", "10")
    assert found["start"]["dateTime"] == "2026-06-10T11:00:00+00:00"

    google.delete_by_hand(event_id)

    assert calendar.get(event_id)["status"] == "cancelled"
    assert google.writes == 0, "only calls count"


def test_the_state_is_counts_only(calendar: Calendar, google: GoogleStandIn) -> None:
    calendar.insert(id="event1")
    calendar.insert(id="event2")
    calendar.delete("event2")
    refusal(calendar.insert, id="event2")
    calendar.list()

    assert requests.get(f"{google.url}/_sandbox/state", timeout=2).json() == {"writes": 3, "events": 2}


def test_another_process_orders_faults(calendar: Calendar, google: GoogleStandIn) -> None:
    order = {"seed": 1, "rate": 1.0, "kinds": ["html"], "operations": ["events.insert"]}

    assert requests.post(f"{google.url}/_sandbox/faults", json=order, timeout=2).ok
    with pytest.raises(HttpError):
        calendar.insert()
    assert calendar.list() == [], "other operations are well"

    assert requests.delete(f"{google.url}/_sandbox/faults", timeout=2).ok
    assert calendar.insert()["id"]


@pytest.mark.parametrize(
    ("operation", "call"),
    [
        ("events.insert", lambda calendar: calendar.insert()),
        ("events.get", lambda calendar: calendar.get("event1")),
        ("events.list", lambda calendar: calendar.list()),
        ("events.patch", lambda calendar: calendar.patch("event1")),
        ("events.update", lambda calendar: calendar.update("event1")),
        ("events.delete", lambda calendar: calendar.delete("event1")),
    ],
)
def test_a_fault_meets_one_operation(
    calendar: Calendar, google: GoogleStandIn, operation: str, call: Callable[[Calendar], Any]
) -> None:
    google.put("Party", NOW, NOW + timedelta(hours=1), id="event1")
    fault = Fault(kind=Misbehaviour.STATUS, status=418, body='{"error": {"errors": [{"reason": "teapot"}]}}')
    google.faults.next_calls(operation, fault)

    assert refusal(call, calendar) == (418, "teapot")
    call(calendar)


# Misbehaviour, as a client meets it


@pytest.mark.parametrize(
    ("fault", "error", "made"),
    [
        (Fault(kind=Misbehaviour.DROP), requests.exceptions.ConnectionError, 0),
        (Fault(kind=Misbehaviour.LOSE), requests.exceptions.ConnectionError, 1),
        (Fault(kind=Misbehaviour.HANG, seconds=0.1), requests.exceptions.ConnectionError, 0),
        (Fault(kind=Misbehaviour.FAIL_AFTER, status=500), HttpError, 1),
        (Fault(kind=Misbehaviour.STATUS, status=429), HttpError, 0),
        (Fault(kind=Misbehaviour.HTML, status=502), HttpError, 0),
    ],
    ids=lambda value: value.kind.value if isinstance(value, Fault) else None,
)
def test_what_a_fault_leaves(
    calendar: Calendar, google: GoogleStandIn, fault: Fault, error: type[Exception], made: int
) -> None:
    google.faults.always("events.insert", fault)

    with pytest.raises(error):
        calendar.insert()

    assert len(google.live()) == google.writes == made
    google.faults.clear()
    assert calendar.insert()["id"], "the fault is over"


def test_success_without_a_word(calendar: Calendar, google: GoogleStandIn) -> None:
    google.faults.next_calls("events.insert", Fault(kind=Misbehaviour.EMPTY))

    assert calendar.insert() == ""
    assert len(google.live()) == 1


def test_slow_is_late_and_well(calendar: Calendar, google: GoogleStandIn) -> None:
    google.faults.next_calls("events.insert", Fault(kind=Misbehaviour.SLOW, seconds=0.1))

    assert calendar.insert(id="event1")["id"] == "event1"


def test_headers_of_a_fault_arrive(calendar: Calendar, google: GoogleStandIn) -> None:
    fault = Fault(kind=Misbehaviour.STATUS, status=429, headers=(("Retry-After", "7"),))
    google.faults.next_calls("events.list", fault)

    with pytest.raises(HttpError) as caught:
        calendar.list()

    assert caught.value.resp["retry-after"] == "7"
