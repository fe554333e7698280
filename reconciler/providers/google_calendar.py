"""Google Calendar v3 through the real client: every call with a timeout, every answer as an outcome of ours.

httplib2 sends a request again, POST included, when the server closes the connection without answering. Our own ids
make that harmless: the second insert collides with the first.
"""

import http.client
import logging
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from reconciler.domain.events import CalendarEvent, EventBody
from reconciler.domain.gaps import IntegrationFault
from reconciler.domain.intents import Outcome, Result
from reconciler.ports import ProviderFailure
from reconciler.providers import google_errors, google_faults
from reconciler.providers.google_credentials import Access

# Of a 403 it writes at WARNING what was answered, whole if it has no reason to it: that may quote the event.
logging.getLogger("googleapiclient.http").setLevel(logging.ERROR)

MARKER = "reconciler_booking"
GENERATION = "reconciler_generation"
CAN_WRITE = frozenset({"writer", "owner", "writerWithoutPrivateAccess"})
_PAGE = 250
_PAGE_KIND = "calendar#events"
_GONE = ("google:notFound", "google:deleted")
"""Calendar's own words about an event. A 404 or 410 without them comes of something on the way and proves nothing."""


@dataclass(frozen=True, kw_only=True)
class GoogleCalendar:
    """``ports.Calendar`` for one calendar and one way to authenticate. Not safe to share between threads."""

    access: Access
    calendar_id: str
    timeout: timedelta
    api_url: str | None

    def check(self) -> IntegrationFault | None:
        def ask() -> Outcome:
            request = self._events.list(calendarId=self.calendar_id, maxResults=1, fields="accessRole,timeZone")
            return Outcome(result=Result.DONE, code=str(request.execute()["accessRole"]))

        seen = _outcome_of(ask)
        if seen.result is Result.DONE:
            return None if seen.code in CAN_WRITE else google_faults.cannot_write(seen.code, self.access)
        if seen.result is Result.BROKEN and seen.code.startswith(("google:", "token:")):
            return google_faults.explained(seen.code, self.access)
        raise ProviderFailure(seen)

    def get(self, event_id: str) -> CalendarEvent | None:
        found: list[CalendarEvent] = []

        def ask() -> Outcome:
            event = _event(self._events.get(calendarId=self.calendar_id, eventId=event_id).execute())
            if event.id != event_id:
                return _UNREADABLE
            found.append(event)
            return Outcome(result=Result.DONE, code="found")

        # 404 may also mean the calendar: the caller has checked that first, one look tells both apart for a pass.
        seen = _outcome_of(ask)
        if seen.code in _GONE or seen.result is Result.REFUSED:
            return None  # refused: what is no id of Google's, some application's own perhaps, names no event here
        if seen.result is not Result.DONE:
            raise ProviderFailure(seen)
        return found[0]

    def around(self, starts_at: datetime, window: timedelta) -> Sequence[CalendarEvent]:
        found: list[CalendarEvent] = []

        def ask() -> Outcome:
            request = self._events.list(
                calendarId=self.calendar_id,
                timeMin=_rfc3339(starts_at - window),
                timeMax=_rfc3339(starts_at + window),
                showDeleted=True,
                singleEvents=False,  # a series shows as itself, so that it can be told from a single event
                maxResults=_PAGE,
            )
            while request is not None:
                page = request.execute()
                if page["kind"] != _PAGE_KIND:
                    return _UNREADABLE
                found.extend(_event(item) for item in page.get("items", ()))
                request = self._events.list_next(request, page)
            return Outcome(result=Result.DONE, code="read")

        seen = _outcome_of(ask)
        if seen.result is not Result.DONE:
            raise ProviderFailure(seen)
        return found

    def insert(self, event: EventBody) -> Outcome:
        body = {
            "id": event.id,
            "summary": event.title,
            "description": event.description,
            "start": {"dateTime": event.starts_at.isoformat(), "timeZone": event.zone},
            "end": {"dateTime": event.ends_at.isoformat(), "timeZone": event.zone},
            "extendedProperties": {"private": {MARKER: event.booking, GENERATION: str(event.generation)}},
        }

        def ask() -> Outcome:
            request = self._events.insert(calendarId=self.calendar_id, body=body, sendUpdates="none")
            if request.execute()["id"] != event.id:
                return _UNREADABLE
            return Outcome(result=Result.DONE, code="created", provider_id=event.id)

        return _outcome_of(ask)

    def delete(self, event_id: str) -> Outcome:
        def ask() -> Outcome:
            request = self._events.delete(calendarId=self.calendar_id, eventId=event_id, sendUpdates="none")
            if request.execute():
                return _UNREADABLE  # Calendar answers without a body
            return Outcome(result=Result.DONE, code="deleted")

        seen = _outcome_of(ask)
        if seen.code in _GONE:
            return Outcome(result=Result.DONE, code="already_gone")
        return seen

    def close(self) -> None:
        """Close what connections there are."""
        if "_service" in self.__dict__:
            self._service.close()

    @cached_property
    def _events(self) -> Any:
        return self._service.events()

    @cached_property
    def _service(self) -> Any:
        # Imported here: the SDK takes most of a second, and `--help` needs none of it.
        import httplib2
        from google_auth_httplib2 import AuthorizedHttp
        from googleapiclient.discovery import build

        authorized = AuthorizedHttp(
            self.access.credentials(),
            http=httplib2.Http(timeout=self.timeout.total_seconds()),
        )
        elsewhere = {"api_endpoint": self.api_url.rstrip("/") + "/"} if self.api_url else None
        return build("calendar", "v3", http=authorized, static_discovery=True, client_options=elsewhere)


_UNREADABLE = Outcome(result=Result.UNKNOWN, code="unreadable", stops_pass=True)
"""A success whose body is not what Calendar answers: a proxy's page, nothing at all, another event."""
_RESET = Outcome(result=Result.UNKNOWN, code="reset", stops_pass=True)
_NO_CONNECTION = Outcome(result=Result.BROKEN, code="no_connection", stops_pass=True)
_NEVER_OPENED = (ConnectionRefusedError, socket.gaierror, ssl.SSLCertVerificationError)
"""The socket was never opened: nothing can have left."""


def _outcome_of(call: Callable[[], Outcome]) -> Outcome:
    """Run ``call``; every way it can fail as an outcome. The SDK's messages hold URLs and titles: dropped here."""
    import httplib2
    from google.auth.exceptions import GoogleAuthError
    from googleapiclient.errors import Error, HttpError

    try:
        return call()
    except HttpError as error:
        return google_errors.outcome(int(error.resp.status), error.content, error.resp.get("retry-after"))
    except GoogleAuthError as error:
        return _token_failure(error)
    except (*_NEVER_OPENED, httplib2.ServerNotFoundError, httplib2.error.ProxiesUnavailableError) as error:
        # httplib2 opens a second connection where one was closed without an answer: it may have left by the first.
        return _RESET if isinstance(error.__context__, http.client.HTTPException) else _NO_CONNECTION
    except TimeoutError:
        return Outcome(result=Result.UNKNOWN, code="timeout", stops_pass=True)
    except (OSError, http.client.HTTPException):
        return _RESET
    except (Error, httplib2.HttpLib2Error, ValueError, LookupError, TypeError, AttributeError):
        # The SDK hands over whatever came, text or list, as if it were the object, and trips over some of it itself.
        return _UNREADABLE


def _token_failure(error: Any) -> Outcome:
    """No token, no call: certainly nothing happened. google-auth has tried a wobbling endpoint three times already."""
    said = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], dict) else {}
    name = said.get("error")
    if isinstance(name, str) and name.replace("_", "").isalpha() and not error.retryable:
        return Outcome(result=Result.BROKEN, code=f"token:{name}", stops_pass=True)
    if isinstance(error, ValueError):
        return Outcome(result=Result.BROKEN, code="token:unusable_key", stops_pass=True)
    return Outcome(result=Result.LATER, code="token:unavailable", stops_pass=True)


def _event(item: Mapping[str, Any]) -> CalendarEvent:
    starts_at = item.get("start", {}).get("dateTime")
    return CalendarEvent(
        id=str(item["id"]),
        live=item.get("status") != "cancelled",
        title=str(item.get("summary", "")),
        starts_at=datetime.fromisoformat(starts_at) if starts_at else None,
        recurring="recurrence" in item or "recurringEventId" in item,
        marker=item.get("extendedProperties", {}).get("private", {}).get(MARKER),
    )


def _rfc3339(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
