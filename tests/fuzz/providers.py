"""Calls of both gateways to a server that answers anything: each ends as a known outcome, or as a failed read."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.calendar_event import EventBody
from reconciler.domain.intents import Outcome, Result
from reconciler.ports import OutgoingSms, ProviderFailure
from reconciler.providers.google.calendar import GoogleCalendar
from reconciler.providers.google.credentials import OAuthAccess
from reconciler.providers.twilio.gateway import TwilioGateway
from tests.fuzz.drawing import SECRET

NOON = datetime(2026, 6, 12, 12, 0, tzinfo=UTC)
TEXT = OutgoingSms(number="+447700900101", body=f"Hi {SECRET}", validity=timedelta(hours=1))
EVENT = EventBody(
    id="rcl0123456789abcdefghijklmnopqrstuv",
    title=SECRET,
    description=SECRET,
    starts_at=NOON,
    ends_at=NOON + timedelta(hours=3),
    zone="Europe/London",
    booking=BookingId("b1"),
    generation=1,
)


def codes_of(host: str, deadline: timedelta) -> list[str]:
    """The codes of what ended otherwise than well. Whatever else a gateway returns or raises is a problem."""
    return [code for code in (_code(name, call) for name, call in _calls(host, deadline).items()) if code]


def _calls(host: str, deadline: timedelta) -> Mapping[str, Callable[[], Any]]:
    sms = TwilioGateway(
        account_sid="AC" + "0a" * 16,
        secret=SECRET,
        api_key=None,
        sender="+447700900321",
        service_sid="MG" + "0a" * 16,
        timeout=deadline,
        api_url=f"http://{host}",
    )
    access = OAuthAccess(client_id="i", client_secret=SECRET, refresh_token=SECRET, token_url=f"http://{host}/token")
    calendar = GoogleCalendar(  # most calls are to get as far as the calendar
        access=_Opened(),  # type: ignore[arg-type]  # neither of the two ways to authenticate
        calendar_id="venue@example.com",
        timeout=deadline,
        api_url=f"http://{host}/calendar/v3",
    )
    by_token = GoogleCalendar(
        access=access, calendar_id="venue@example.com", timeout=deadline, api_url=f"http://{host}/calendar/v3"
    )
    return {
        "send": lambda: sms.send(TEXT),
        "check": sms.check,
        "sent_to": lambda: sms.sent_to(TEXT.number, NOON),
        "recent": sms.recent,
        "delivery": lambda: sms.delivery("SM" + "0a" * 16),
        "notes": sms.notes,
        "insert": lambda: calendar.insert(EVENT),
        "get": lambda: calendar.get(EVENT.id),
        "around": lambda: calendar.around(NOON, timedelta(hours=1)),
        "delete": lambda: calendar.delete(EVENT.id),
        "about": calendar.about,
        "by token": lambda: by_token.insert(EVENT),
    }


class _Opened:
    """Access that needs no token."""

    def credentials(self) -> Any:
        from google.auth.credentials import AnonymousCredentials

        return AnonymousCredentials()

    def owns(self, calendar_id: str) -> bool:
        return False


def _code(name: str, call: Callable[[], Any]) -> str:
    try:
        found = call()
    except ProviderFailure as failure:
        return _known(name, failure.outcome)
    if isinstance(found, Outcome):
        return _known(name, found)
    return getattr(found, "code", "") if found is not None else ""


def _known(name: str, outcome: Outcome) -> str:
    if not isinstance(outcome.result, Result) or len(outcome.code) > 100:
        raise TypeError(f"{name}: {outcome}")
    return "" if outcome.result is Result.DONE else outcome.code
