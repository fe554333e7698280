"""A stand-in for Twilio: Messages (create, list, fetch), the account, its numbers and messaging services.

It follows Twilio's API description and error dictionary. The contract tests run the real client against it.
"""

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from reconciler.sandbox.fakes.server import Request, Response, StandIn
from reconciler.sandbox.fakes.twilio_messages import (
    ACCOUNT_SID,
    MESSAGES_PATH,
    Message,
    error_response,
    message_resource,
    message_sid,
)

API_KEY = "SK" + "5a4d" * 8
API_SECRET = "sandbox-secret-that-opens-nothing"  # noqa: S105 - valid for the stand-in only
AUTH_TOKEN = "sandbox-token-that-opens-nothing"  # noqa: S105 - valid for the stand-in only
PHONE_NUMBER = "+447700900000"
SERVICE_SID = "MG" + "5a4d" * 8
MAX_BODY_LENGTH = 1600
MESSAGES_PAGE_LIMIT = 1000
TRIAL_PREFIX = "Sent from your Twilio trial account - "
_E164 = re.compile(r"\+[1-9]\d{6,14}")
_SENDER_ID = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 +_&-]{1,11}")


class TwilioStandIn(StandIn):
    """Accepts only its own fake credentials. ``messages`` holds what it accepted, oldest first."""

    account_sid = ACCOUNT_SID
    auth_token = AUTH_TOKEN
    phone_number = PHONE_NUMBER
    service_sid = SERVICE_SID

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._now = now
        self._refused: dict[str, tuple[int, int]] = {}
        self.messages: list[Message] = []
        self.account_status = "active"
        self.pool: list[str] = [PHONE_NUMBER]
        """Numbers of the messaging service."""
        self.owned: list[str] = [PHONE_NUMBER]
        self.list_lag = timedelta(0)
        """Delay until a message appears in lists."""
        self.transit = timedelta(seconds=1)
        """Time until a message is delivered."""
        self.redacts = False
        """Whether a delivered message hides its body and the number's last digits, also from list filters."""
        self.hides_bodies = False
        """Whether a delivered message hides its body alone: redaction keeps the number if it is set up so."""
        self.fates: dict[str, tuple[str, int | None]] = {}
        """Number -> final status and error code of texts to it; texts to other numbers are delivered."""
        self.incapable: set[str] = set()
        """Numbers of the account that cannot send texts."""
        self.balance = "20.00"
        self.trial = False
        """Whether the account is a trial account: Twilio then adds a sentence at the start of every text."""

    def refuse(self, to: str, status: int, code: int) -> None:
        """Answer every create to this number with an error, as Twilio does (REST errors 21xxx with HTTP 400)."""
        self._refused[to] = (status, code)

    def accept(self, to: str) -> None:
        """Refuse this number no longer."""
        self._refused.pop(to, None)

    def add_message(self, to: str, body: str, date_created: datetime, direction: str = "outbound-api") -> Message:
        """Add a text that the application itself sent, or a person, or (``inbound``) that somebody sent to us."""
        with self.lock:
            message = replace(self._add(to, body, {"From": PHONE_NUMBER}, date_created), direction=direction)
            self.messages[-1] = message
            return message

    def operation(self, request: Request) -> str:
        if request.path == f"{MESSAGES_PATH}.json":
            return "messages.create" if request.method == "POST" else "messages.list"
        if request.path.startswith(f"{MESSAGES_PATH}/"):
            return "messages.fetch"
        if "/IncomingPhoneNumbers" in request.path:
            return "numbers.list"
        return "services" if request.path.startswith("/v1/Services") else "account.fetch"

    def answer(self, request: Request) -> Response:
        opens = (_basic(ACCOUNT_SID, AUTH_TOKEN), _basic(API_KEY, API_SECRET))
        if request.headers.get("authorization") not in opens:
            return error_response(401, 20003)
        account = f"/2010-04-01/Accounts/{ACCOUNT_SID}"
        of_the_account = request.path in (f"{account}.json", f"{account}/Balance.json")
        if of_the_account and request.headers.get("authorization") == opens[1]:
            return error_response(401, 20003)  # a standard key may not read the account (Twilio docs, API keys)
        match request.method, request.path:
            case "POST", path if path == f"{MESSAGES_PATH}.json":
                return self._create(request.form())
            case "GET", path if path == f"{MESSAGES_PATH}.json":
                return self._list(request)
            case "GET", path if path.startswith(f"{MESSAGES_PATH}/"):
                return self._fetch(path.removeprefix(f"{MESSAGES_PATH}/").removesuffix(".json"))
            case "GET", path if path == f"{account}.json":
                return Response.of(200, self._account())
            case "GET", path if path == f"{account}/Balance.json":
                return Response.of(200, {"account_sid": ACCOUNT_SID, "balance": self.balance, "currency": "GBP"})
            case "GET", path if path == f"{account}/IncomingPhoneNumbers.json":
                return self._numbers(request)
            case "GET", path if path.startswith("/v1/Services/"):
                return self._service(path)
        return error_response(404, 20404)

    def state(self) -> dict[str, Any]:
        return {**super().state(), "messages": len(self.messages)}

    def _create(self, form: dict[str, str]) -> Response:
        code = self._wrong(form)
        if code:
            return error_response(400, code)
        if form["To"] in self._refused:
            return error_response(*self._refused[form["To"]])
        self.writes += 1
        body = f"{TRIAL_PREFIX}{form['Body']}" if self.trial else form["Body"]
        return Response.of(201, message_resource(self._add(form["To"], body, form, self._now())))

    def _add(self, to: str, body: str, form: dict[str, str], created: datetime) -> Message:
        message = Message(
            sid=message_sid(len(self.messages)),
            to=to,
            from_=form.get("From"),
            body=body,
            status="queued" if form.get("From") else "accepted",
            service=form.get("MessagingServiceSid"),
            validity=int(form["ValidityPeriod"]) if "ValidityPeriod" in form else None,
            date_created=created,
        )
        self.messages.append(message)
        return message

    def _wrong(self, form: dict[str, str]) -> int | None:
        sender, service = form.get("From"), form.get("MessagingServiceSid")
        checks = (
            (not form.get("To"), 21604),
            (not _E164.fullmatch(form.get("To", "")), 21211),
            (form.get("To") == sender, 21211),
            (not form.get("Body"), 21602),
            (len(form.get("Body", "")) > MAX_BODY_LENGTH, 21617),
            (not sender and not service, 21603),
            (service not in (None, SERVICE_SID), 21705),
            (sender is not None and not _E164.fullmatch(sender) and not _SENDER_ID.fullmatch(sender), 21212),
            (sender is not None and sender.startswith("+") and sender not in self.owned, 21606),
            (sender is not None and not sender.startswith("+") and self.trial, 21267),
        )
        return next((code for wrong, code in checks if wrong), None)

    def _list(self, request: Request) -> Response:
        size = int(request.query.get("PageSize", "50"))
        if not 1 <= size <= MESSAGES_PAGE_LIMIT:
            return error_response(400, 20001)
        page = int(request.query.get("Page", "0"))
        found = self._matching(request)
        shown = found[page * size : (page + 1) * size]
        following = None
        if len(found) > (page + 1) * size:
            query = {**request.query, "Page": str(page + 1), "PageSize": str(size)}
            following = f"{MESSAGES_PATH}.json?{urlencode(query)}"
        body = {
            "messages": [message_resource(self._seen(message)) for message in shown],
            "page": page,
            "page_size": size,
            "next_page_uri": following,
            "uri": request.path,
        }
        return Response.of(200, body)

    def _matching(self, request: Request) -> Sequence[Message]:
        """The messages that match To, From and DateSent (by GMT day), as documented. Unsent ones have no DateSent."""
        query = request.query
        if "To" in query and not self.redacts:  # a sandbox may have many thousands
            found = [m for m in self.messages if m.to == query["To"]]
        else:
            found = self.messages
        found = [m for m in found if m.date_created + self.list_lag <= self._now()]
        if "To" in query:
            found = [m for m in found if self._seen(m).to == query["To"]]
        if "From" in query:
            found = [m for m in found if m.from_ == query["From"]]
        for name, holds in _BY_DAY.items():
            if name in query:
                day = query[name][:10]
                found = [m for m in found if m.date_sent and holds(_day(m.date_sent), day)]
        return sorted(found, key=lambda m: m.date_sent or m.date_created, reverse=True)

    def _fetch(self, sid: str) -> Response:
        found = next((message for message in self.messages if message.sid == sid), None)
        return Response.of(200, message_resource(self._seen(found))) if found else error_response(404, 20404)

    def _seen(self, message: Message) -> Message:
        """The message as the API returns it now: in transit until delivered, and redacted only after delivery."""
        if message.status not in ("queued", "accepted") or self._now() < message.date_created + self.transit:
            return message
        if message.to in self.fates:
            status, code = self.fates[message.to]
            return replace(message, status=status, error_code=code)
        arrived = replace(message, status="delivered", date_sent=message.date_sent or message.date_created)
        if self.redacts:
            return replace(arrived, to=f"{message.to[:-4]}XXXX", body="")
        return replace(arrived, body="") if self.hides_bodies else arrived

    def _account(self) -> dict[str, Any]:
        return {
            "sid": ACCOUNT_SID,
            "friendly_name": "Sandbox",
            "status": self.account_status,
            "type": "Trial" if self.trial else "Full",
            "auth_token": AUTH_TOKEN,
            "owner_account_sid": ACCOUNT_SID,
        }

    def _numbers(self, request: Request) -> Response:
        wanted = request.query.get("PhoneNumber")
        numbers = [
            {
                "sid": f"PN{index:032x}",
                "phone_number": number,
                "capabilities": {"sms": number not in self.incapable, "mms": False, "voice": True},
            }
            for index, number in enumerate(self.owned)
            if wanted in (None, number)
        ]
        return Response.of(200, {"incoming_phone_numbers": numbers, "page": 0, "page_size": 50, "next_page_uri": None})

    def _service(self, path: str) -> Response:
        service = f"/v1/Services/{SERVICE_SID}"
        if path == service:
            return Response.of(200, {"sid": SERVICE_SID, "account_sid": ACCOUNT_SID, "friendly_name": "Sandbox"})
        if path != f"{service}/PhoneNumbers":
            return error_response(404, 20404)
        numbers = [
            {"sid": f"PN{index:032x}", "service_sid": SERVICE_SID, "phone_number": number, "capabilities": ["SMS"]}
            for index, number in enumerate(self.pool)
        ]
        meta = {"key": "phone_numbers", "page": 0, "page_size": 50, "next_page_url": None, "url": path}
        return Response.of(200, {"phone_numbers": numbers, "meta": meta})


_BY_DAY: dict[str, Callable[[str, str], bool]] = {
    "DateSent": lambda sent, day: sent == day,
    "DateSent<": lambda sent, day: sent <= day,
    "DateSent>": lambda sent, day: sent >= day,
}


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}"


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
