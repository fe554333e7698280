"""A stand-in for Google Calendar and its token endpoint.

It follows Calendar's discovery document and error guide. The contract tests run the real client against it.
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from reconciler.sandbox.fakes.google_state import READERS, WRITERS, CalendarState, Event, GoogleError
from reconciler.sandbox.fakes.google_tokens import GoogleTokens, private_key
from reconciler.sandbox.fakes.server import Request, Response, StandIn

CALENDAR_ID = "sandbox-venue@group.calendar.google.example"
CLIENT_EMAIL = "reconciler@sandbox.iam.gserviceaccount.example"
EVENTS_PAGE_LIMIT = 2500
BEACON = "rclbeacon"
"""How the ids of beacons begin."""
_API = "/calendar/v3"


class GoogleStandIn(StandIn):
    """One calendar, and a service account and an OAuth client that may use it.

    ``calendar.events`` holds its events, including deleted ones.
    """

    calendar_id = CALENDAR_ID

    def __init__(self, now: Callable[[], datetime], zone: str = "Europe/London") -> None:
        super().__init__()
        self.calendar = CalendarState(now, zone)
        self.role = "writer"
        """The role with which the calendar is shared; 'none' if it is not shared."""
        self.page_size = EVENTS_PAGE_LIMIT
        self.tokens = GoogleTokens()
        self._tokens = self.tokens.issued

    @property
    def api_url(self) -> str:
        return f"{self.url}{_API}/"

    @property
    def token_url(self) -> str:
        return f"{self.url}/token"

    def service_account_info(self) -> dict[str, str]:
        """A key file as Google issues it."""
        return {
            "type": "service_account",
            "project_id": "sandbox",
            "private_key_id": "5a4d" * 10,
            "private_key": private_key(),
            "client_email": CLIENT_EMAIL,
            "client_id": "5" * 21,
            "token_uri": self.token_url,
        }

    def put(self, title: str, starts_at: datetime, ends_at: datetime, **more: Any) -> str:
        """Create an event as the application would; returns its id."""
        with self.lock:
            times = {"start": {"dateTime": starts_at.isoformat()}, "end": {"dateTime": ends_at.isoformat()}}
            event_id: str = self.calendar.insert({"summary": title, **times, **more})["id"]
            return event_id

    def delete_by_hand(self, event_id: str) -> None:
        with self.lock:
            self.calendar.delete(event_id, None)

    def live(self) -> list[Event]:
        """The events of bookings and of people, without the beacons."""
        return [event for event in self._live() if not event["id"].startswith(BEACON)]

    def beacons(self) -> list[Event]:
        return [event for event in self._live() if event["id"].startswith(BEACON)]

    def _live(self) -> list[Event]:
        with self.lock:
            return [event for event in self.calendar.events.values() if event["status"] != "cancelled"]

    def revoke_tokens(self) -> None:
        with self.lock:
            self._tokens.clear()

    def state(self) -> dict[str, Any]:
        return {**super().state(), "events": len(self.calendar.events)}

    def operation(self, request: Request) -> str:
        if request.path == "/token":
            return "token"
        if not request.path.endswith("/events") and "/events/" not in request.path:
            return "calendars.get"
        names = {"POST": "insert", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
        one = "/events/" in request.path
        if is_about_beacon(request):
            return f"beacon.{names.get(request.method, 'get' if one else 'list')}"
        return f"events.{names.get(request.method, 'get' if one else 'list')}"

    def answer(self, request: Request) -> Response:
        if request.path == "/token":
            return self.tokens.answer(request.form())
        try:
            return self._api(request)
        except GoogleError as error:
            return Response(
                error.status,
                google_error(error.status, error.reason, error.message).encode(),
                (("Content-Type", "application/json; charset=UTF-8"),),
            )

    def _api(self, request: Request) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self._tokens:
            raise GoogleError(401, "authError", "Invalid Credentials")
        parts = [unquote(part) for part in request.path.removeprefix(f"{_API}/").split("/")]
        # The stand-in has no list of calendars: a service account's own list is empty.
        if parts[:2] != ["calendars", CALENDAR_ID] or self.role == "none":
            raise GoogleError(404, "notFound", "Not Found")
        match request.method, parts[2:]:
            case "GET", []:
                return Response.of(200, {"id": CALENDAR_ID, "summary": "Venue", "timeZone": self.calendar.zone})
            case "GET" | "POST", ["events"]:
                return self._events(request, None)
            case "GET" | "PUT" | "PATCH" | "DELETE", ["events", event_id]:
                return self._events(request, event_id)
        raise GoogleError(404, "notFound", "Not Found")

    def _events(self, request: Request, event_id: str | None) -> Response:
        if request.method == "GET":
            if self.role not in READERS:
                raise GoogleError(403, "forbidden", "Forbidden")
            return Response.of(200, self.calendar.get(event_id)) if event_id else self._list(request)
        if self.role not in WRITERS:
            raise GoogleError(403, "requiredAccessLevel", "You need to have writer access to this calendar.")
        etag = request.headers.get("if-match")
        match request.method:
            case "POST":
                body: Event | None = self.calendar.insert(request.data())
            case "PATCH":
                body = self.calendar.patch(event_id or "", request.data(), etag)
            case "PUT":
                body = self.calendar.update(event_id or "", request.data(), etag)
            case _:
                self.calendar.delete(event_id or "", etag)
                body = None
        if not is_about_beacon(request):
            self.writes += 1
        return Response.of(200, body) if body else Response(204)

    def _list(self, request: Request) -> Response:
        found = self.calendar.list(request.query)
        size = min(int(request.query.get("maxResults", "250")), EVENTS_PAGE_LIMIT, self.page_size)
        start = int(request.query.get("pageToken", "0"))
        body: dict[str, Any] = {
            "kind": "calendar#events",
            "timeZone": self.calendar.zone,
            "accessRole": self.role,
            "items": found[start : start + size],
        }
        if start + size < len(found):
            body["nextPageToken"] = str(start + size)
        return Response.of(200, body)


def is_about_beacon(request: Request) -> bool:
    """Calls about beacons have names of their own, so that a fault that is meant for a booking's event meets it."""
    named = request.path.rpartition("/events/")[2].startswith(BEACON)
    listed = request.query.get("privateExtendedProperty", "").startswith("reconciler_beacon=")
    return named or listed or (request.method == "POST" and str(request.data().get("id", "")).startswith(BEACON))


def google_error(status: int, reason: str, message: str = "") -> str:
    """The JSON body of a Calendar error."""
    text = message or reason
    detail = {"domain": "calendar" if status != 404 else "global", "reason": reason, "message": text}
    return json.dumps({"error": {"code": status, "message": text, "errors": [detail]}})
