"""Twilio's Message resource and error bodies, as the stand-in returns them."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from reconciler.sandbox.fakes.server import Response

ACCOUNT_SID = "AC" + "5a4d" * 8
MESSAGES_PATH = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages"
_ERROR_MESSAGES = {
    20003: "Authenticate",
    20404: "The requested resource was not found",
    21211: "The 'To' number is not a valid phone number",
    21212: "The 'From' number is not a valid phone number",
    21602: "Message body is required",
    21603: "A 'From' phone number is required",
    21604: "A 'To' phone number is required",
    21606: "The 'From' phone number is not a valid, SMS-capable number of this account",
    21617: "The concatenated message body exceeds the 1600 character limit",
    21705: "The Messaging Service Sid is invalid",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    sid: str
    to: str = field(repr=False)
    from_: str | None
    body: str = field(repr=False)
    status: str
    service: str | None
    validity: int | None
    date_created: datetime
    date_sent: datetime | None = None
    error_code: int | None = None
    direction: str = "outbound-api"


def message_sid(number: int) -> str:
    """An SID in Twilio's format, 32 hexadecimal digits; derived from the message's number."""
    return "SM" + hashlib.sha256(f"sandbox message {number}".encode()).hexdigest()[:32]


def message_resource(message: Message) -> dict[str, Any]:
    """The message as Twilio's Message resource."""
    return {
        "sid": message.sid,
        "account_sid": ACCOUNT_SID,
        "messaging_service_sid": message.service,
        "to": message.to,
        "from": message.from_,
        "body": message.body,
        "status": message.status,
        "direction": message.direction,
        "num_segments": "1" if message.from_ else "0",
        "num_media": "0",
        "error_code": message.error_code,
        "error_message": None,
        "price": None,
        "price_unit": "GBP",
        "api_version": "2010-04-01",
        "date_created": format_datetime(message.date_created.astimezone(UTC)),
        "date_updated": format_datetime(message.date_created.astimezone(UTC)),
        "date_sent": format_datetime(message.date_sent.astimezone(UTC)) if message.date_sent else None,
        "subresource_uris": {},
        "uri": f"{MESSAGES_PATH}/{message.sid}.json",
    }


def twilio_error(status: int, code: int) -> str:
    """The JSON body of a Twilio error."""
    return error_response(status, code).body.decode()


def error_response(status: int, code: int) -> Response:
    body = {
        "code": code,
        "message": _ERROR_MESSAGES.get(code, f"Error {code}"),
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return Response.of(status, body)
