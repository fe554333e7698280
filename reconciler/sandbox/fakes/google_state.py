"""One calendar as Google keeps it: event ids stay taken after deletion, and events change by Google's rules."""

import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

ID_ALPHABET = frozenset("abcdefghijklmnopqrstuv0123456789")
WRITERS = frozenset({"writer", "owner", "writerWithoutPrivateAccess"})
READERS = WRITERS | {"reader"}
Event = dict[str, Any]
LONG, MOST_DAYS = timedelta(days=2), timedelta(days=30)


class GoogleError(Exception):
    """An error response: the HTTP status and Calendar's reason."""

    def __init__(self, status: int, reason: str, message: str = "") -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.message = message or reason


class CalendarState:
    """Events of one calendar (Calendar API v3, Events). Raises ``GoogleError`` where Google answers with an error."""

    def __init__(self, now: Callable[[], datetime], zone: str) -> None:
        self._now = now
        self.zone = zone
        self.events: dict[str, Event] = {}
        self._by_day: dict[date | None, set[str]] = defaultdict(set)
        """Ids by the day (UTC) on which they have ever started; ``None``: those that last longer than ``LONG``."""

    def insert(self, body: Mapping[str, Any]) -> Event:
        event_id = body.get("id") or secrets.token_hex(13).translate(str.maketrans("wxyz", "0123"))
        if not 5 <= len(event_id) <= 1024 or not ID_ALPHABET.issuperset(event_id):
            raise GoogleError(400, "invalid", "Invalid resource id value.")
        if event_id in self.events:
            # Deleting does not free an id.
            raise GoogleError(409, "duplicate", "The requested identifier already exists.")
        _check_times(body)
        event = {**body, "id": event_id, "status": body.get("status", "confirmed"), "kind": "calendar#event"}
        event |= {"iCalUID": body.get("iCalUID", f"{event_id}@google.com"), "created": self._stamp()}
        return self._keep(event)

    def get(self, event_id: str) -> Event:
        """The event, live or cancelled: Google's ``get`` returns both."""
        if event_id not in self.events:
            raise GoogleError(404, "notFound", "Not Found")
        return self.events[event_id]

    def patch(self, event_id: str, body: Mapping[str, Any], etag: str | None) -> Event:
        """Apply a merge patch: fields that the body does not name stay unchanged, also inside objects."""
        return self._change(event_id, {**_merged(self.get(event_id), body), "id": event_id}, etag)

    def update(self, event_id: str, body: Mapping[str, Any], etag: str | None) -> Event:
        """Replace the event: fields that the body does not contain are removed, including private properties."""
        old = self.get(event_id)
        kept = {name: old[name] for name in ("id", "kind", "iCalUID", "created")}
        return self._change(event_id, {"status": "confirmed", **body, **kept}, etag)

    def delete(self, event_id: str, etag: str | None) -> None:
        event = self.get(event_id)
        if event["status"] == "cancelled":
            raise GoogleError(410, "deleted", "Resource has been deleted")
        self._match(event, etag)
        self._keep({**event, "status": "cancelled"})

    def list(self, query: Mapping[str, str]) -> list[Event]:
        """The matching events: they end after timeMin and start before timeMax, both exclusive."""
        earliest, latest = _bound(query, "timeMin"), _bound(query, "timeMax")
        found = [event for event in self._near(earliest, latest) if _within(event, earliest, latest)]
        if query.get("showDeleted") != "true":
            found = [event for event in found if event["status"] != "cancelled"]
        if "privateExtendedProperty" in query:
            name, _, value = query["privateExtendedProperty"].partition("=")
            found = [event for event in found if _private(event).get(name) == value]
        if "iCalUID" in query:
            found = [event for event in found if event["iCalUID"] == query["iCalUID"]]
        return sorted(found, key=lambda event: event["id"])

    def _change(self, event_id: str, event: Event, etag: str | None) -> Event:
        self._match(self.get(event_id), etag)
        if self.events[event_id]["status"] == "cancelled":
            # Reported for cancelled events of service accounts (google-api-python-client #846).
            raise GoogleError(403, "forbidden", "Forbidden")
        _check_times(event)
        return self._keep(event)

    def _match(self, event: Event, etag: str | None) -> None:
        if etag is not None and etag != event["etag"]:
            raise GoogleError(412, "conditionNotMet", "Precondition Failed")

    def _keep(self, event: Event) -> Event:
        event = {**event, "etag": f'"{secrets.randbits(48)}"', "updated": self._stamp()}
        self.events[event["id"]] = event
        start, end = (event_instant(event[edge]) for edge in ("start", "end"))
        self._by_day[start.astimezone(UTC).date() if end - start <= LONG else None].add(event["id"])
        return event

    def _near(self, earliest: datetime | None, latest: datetime | None) -> Iterable[Event]:
        """Every event that may be within these bounds: a sandbox may have many thousands of others."""
        if earliest is None or latest is None or latest - earliest > MOST_DAYS:
            return self.events.values()
        first, last = (earliest - LONG).astimezone(UTC).date(), latest.astimezone(UTC).date()
        days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        ids = set().union(*(self._by_day[day] for day in (None, *days) if day in self._by_day))
        return [self.events[one] for one in ids if one in self.events]

    def _stamp(self) -> str:
        return f"{self._now().astimezone(UTC):%Y-%m-%dT%H:%M:%S.000Z}"


def _check_times(body: Mapping[str, Any]) -> None:
    try:
        start, end = (event_instant(body[edge]) for edge in ("start", "end"))
    except (KeyError, ValueError, TypeError) as error:
        raise GoogleError(400, "required", "Missing or malformed start or end time.") from error
    if end <= start:
        raise GoogleError(400, "timeRangeEmpty", "The specified time range is empty.")


def event_instant(edge: Mapping[str, str]) -> datetime:
    """The instant of an event's start or end; here an all-day date starts at midnight UTC."""
    if "date" in edge:
        return datetime.fromisoformat(edge["date"]).replace(tzinfo=UTC)
    found = datetime.fromisoformat(edge["dateTime"])
    if found.tzinfo is None:
        raise ValueError("a dateTime of the stand-in needs an offset")
    return found


def _bound(query: Mapping[str, str], name: str) -> datetime | None:
    """A time of a query, in which the UTC offset is mandatory."""
    if name not in query:
        return None
    try:
        return event_instant({"dateTime": query[name]})
    except ValueError as error:
        raise GoogleError(400, "badRequest", "Bad Request") from error


def _within(event: Event, earliest: datetime | None, latest: datetime | None) -> bool:
    if earliest is not None and event_instant(event["end"]) <= earliest:
        return False
    return latest is None or event_instant(event["start"]) < latest


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> Event:
    """Apply a merge patch (RFC 7396): objects merge, null removes, any other value replaces."""
    merged = dict(old)
    for name, value in new.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(old.get(name) or {}, value) if isinstance(value, dict) else value
    return merged


def _private(event: Event) -> Mapping[str, str]:
    found: Mapping[str, str] = event.get("extendedProperties", {}).get("private", {})
    return found
