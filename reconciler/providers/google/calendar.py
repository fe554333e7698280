"""Google Calendar v3 through the real client: every call has a deadline, every answer becomes one of our outcomes.

An insert under our own event id may be repeated: the second collides with the first.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from reconciler.domain.decide.calendar_decision_table import RESULTS, Seen, Whose, step
from reconciler.domain.decide.calendar_event import CalendarEvent, EventBody
from reconciler.domain.gaps import IntegrationFault
from reconciler.domain.intents import Outcome, Result
from reconciler.ports import CalendarFacts, ProviderFailure
from reconciler.providers.google import codes, errors, remedies
from reconciler.providers.google.credentials import Access
from reconciler.timing.call_deadline import DeadlineOver

# It logs the answer to a 403 at WARNING, the whole body if it has no reason, which may quote the event.
logging.getLogger("googleapiclient.http").setLevel(logging.ERROR)

MARKER = "reconciler_booking"
GENERATION = "reconciler_generation"
CAN_WRITE = frozenset({"writer", "owner", "writerWithoutPrivateAccess"})
HIDDEN_EVENT = {"visibility": "private", "transparency": "transparent", "reminders": {"useDefault": False}}
PAGE = 250
PAGE_KIND = "calendar#events"
DELETED = "google:deleted"
"""Calendar's own reason. A 410 without it comes from a proxy and proves nothing."""


@dataclass(frozen=True, kw_only=True)
class GoogleCalendar:
    """``ports.Calendar`` for one calendar and one way to authenticate. Not safe to share between threads."""

    access: Access
    calendar_id: str
    timeout: timedelta
    """For each whole call, from the token and the name's resolution to the last byte of the answer."""
    api_url: str | None

    def check(self) -> IntegrationFault | None:
        seen, _ = self._fetch_calendar()
        if seen.result is Result.DONE:
            return None if seen.code in CAN_WRITE else remedies.cannot_write(seen.code, self.access)
        if seen.result is Result.BROKEN and seen.code.startswith(("google:", "token:")):
            return remedies.fault_of(seen.code, self.access)
        raise ProviderFailure(seen)

    def about(self) -> CalendarFacts:
        seen, zone = self._fetch_calendar()
        if seen.result is not Result.DONE:
            raise ProviderFailure(seen)
        return CalendarFacts(role=seen.code, zone=zone, is_the_accounts_own=self.access.owns(self.calendar_id))

    def get(self, event_id: str) -> CalendarEvent | None:
        found: list[CalendarEvent] = []

        def call() -> Outcome:
            event = _event(self.events.get(calendarId=self.calendar_id, eventId=event_id).execute())
            if event.id != event_id:
                raise UnreadableError
            found.append(event)
            return Outcome(result=Result.DONE, code="found")

        seen = self.event_or_calendar(calendar_outcome(call, Whose.ASKED))
        if seen.code == DELETED:
            return CalendarEvent(id=event_id, live=False, title="", starts_at=None, recurring=False, marker=None)
        if seen.result is Result.REFUSED:
            return None  # also for an id that is not Google's, such as the application's own: it names no event here
        if seen.result is not Result.DONE:
            raise ProviderFailure(seen)
        return found[0]

    def around(self, starts_at: datetime, window: timedelta) -> Sequence[CalendarEvent]:
        found: list[CalendarEvent] = []

        def call() -> Outcome:
            request = self.events.list(
                calendarId=self.calendar_id,
                timeMin=_rfc3339(starts_at - window),
                timeMax=_rfc3339(starts_at + window),
                showDeleted=True,
                singleEvents=False,  # a series is listed as itself, so that it can be distinguished from a single event
                maxResults=PAGE,
            )
            while request is not None:
                page = request.execute()
                if page["kind"] != PAGE_KIND:
                    raise UnreadableError
                found.extend(_event(item) for item in page.get("items", ()))
                request = self.events.list_next(request, page)
            return Outcome(result=Result.DONE, code="read")

        seen = calendar_outcome(call, Whose.CANDIDATE)
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
            **(HIDDEN_EVENT if event.is_canary else {}),
        }

        def call() -> Outcome:
            request = self.events.insert(calendarId=self.calendar_id, body=body, sendUpdates="none")
            if request.execute()["id"] != event.id:
                raise UnreadableError
            return Outcome(result=Result.DONE, code="created", provider_id=event.id)

        return calendar_outcome(call, Whose.INSERTED)

    def delete(self, event_id: str) -> Outcome:
        def call() -> Outcome:
            request = self.events.delete(calendarId=self.calendar_id, eventId=event_id, sendUpdates="none")
            if request.execute():
                raise UnreadableError  # Calendar answers without a body
            return Outcome(result=Result.DONE, code="deleted")

        seen = self.event_or_calendar(calendar_outcome(call, Whose.UNWANTED))
        if seen is _NO_EVENT or seen.code == DELETED:
            return Outcome(result=Result.DONE, code="already_gone")
        return seen

    def close(self) -> None:
        """Close the open connections."""
        if "_service" in self.__dict__:
            self._service.close()

    def event_or_calendar(self, seen: Outcome) -> Outcome:
        """Resolve *notFound*, which may mean the event or the calendar, by reading the calendar itself."""
        if seen.code != codes.NOT_FOUND:
            return seen
        calendar, _ = self._fetch_calendar()
        return _NO_EVENT if calendar.result is Result.DONE else calendar

    def _fetch_calendar(self) -> tuple[Outcome, str]:
        """Read the calendar itself: an outcome whose code is our role in it, and its time zone."""
        zone = ""

        def call() -> Outcome:
            nonlocal zone
            request = self.events.list(calendarId=self.calendar_id, maxResults=1, fields="accessRole,timeZone")
            answer = request.execute()
            zone = str(answer.get("timeZone", ""))
            return Outcome(result=Result.DONE, code=str(answer["accessRole"]))

        return calendar_outcome(call, Whose.CANDIDATE), zone

    @cached_property
    def events(self) -> Any:
        """The client's events."""
        return self._service.events()

    @cached_property
    def _service(self) -> Any:
        # Imported here: the SDK takes most of a second, and `--help` needs none of it.
        from googleapiclient.discovery import build

        from reconciler.providers.google.http import GoogleHttp

        http = GoogleHttp(self.access, self.timeout)
        elsewhere = {"api_endpoint": self.api_url.rstrip("/") + "/"} if self.api_url else None
        return build("calendar", "v3", http=http, static_discovery=True, client_options=elsewhere)


_NO_EVENT = Outcome(result=Result.REFUSED, code=codes.NOT_FOUND)
"""The event was not found although the calendar exists."""


class UnreadableError(Exception):
    """A success whose body is not Calendar's answer: a proxy's page, empty, or another event."""


def calendar_outcome(call: Callable[[], Outcome], whose: Whose) -> Outcome:
    """Run ``call`` about an event of kind ``whose``; returns its outcome, or that of its failure.

    The SDK's messages contain URLs and titles, and are dropped here.
    """
    import requests
    from google.auth.exceptions import GoogleAuthError
    from googleapiclient.errors import Error, HttpError

    from reconciler.providers.http import never_connected

    try:
        return call()
    except HttpError as error:
        return errors.calendar_error_outcome(
            int(error.resp.status), error.content, error.resp.get("retry-after"), whose
        )
    except GoogleAuthError as error:
        seen, code = _token_failure(error)
    except DeadlineOver as error:
        seen, code = _step_at_deadline(error)
    except requests.exceptions.ConnectTimeout:
        seen, code = _NO_CONNECTION
    except requests.exceptions.Timeout:
        seen, code = Seen.NO_ANSWER, "timeout"
    except requests.exceptions.ConnectionError as error:
        seen, code = _NO_CONNECTION if never_connected(error) else _CUT_OFF
    except requests.exceptions.ChunkedEncodingError:
        seen, code = _CUT_OFF
    except (requests.exceptions.RequestException, UnreadableError, Error, *_UNREADABLE):
        # The SDK returns whatever it received, text or list, as if it were the object, and fails on some of it itself.
        seen, code = Seen.UNREADABLE, "unreadable"
    return Outcome(result=RESULTS[step(seen, whose)], code=code, stops_pass=True)


_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError)
"""What an answer of any shape makes the SDK or us raise."""
_NO_CONNECTION = (Seen.NO_CONNECTION, "no_connection")
_CUT_OFF = (Seen.CUT_OFF, "reset")
_NO_TOKEN = (Seen.NO_ACCESS, "token:unavailable")


def _step_at_deadline(error: DeadlineOver) -> tuple[Seen, str]:
    if error.may_have_left:
        return Seen.NO_ANSWER, "timeout"
    return _NO_TOKEN if error.was_preparing else _NO_CONNECTION


def _token_failure(error: Any) -> tuple[Seen, str]:
    """Without a token there was no call, so nothing happened. google-auth has already retried an unstable endpoint."""
    said = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], dict) else {}
    name = said.get("error")
    if isinstance(name, str) and name.replace("_", "").isalpha() and not error.retryable:
        return Seen.UNAUTHORIZED, f"token:{name}"
    if isinstance(error, ValueError):
        return Seen.UNAUTHORIZED, "token:unusable_key"
    return _NO_TOKEN


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
