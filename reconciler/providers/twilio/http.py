"""Twilio's own HTTP client, which keeps what the SDK's exceptions drop: how long we are asked to wait."""

from typing import Any

from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response


class HttpClient(TwilioHttpClient):  # type: ignore[misc]  # the SDK is not typed
    wait: str | None = None
    """*Retry-After* of the last answer, as it was sent."""

    def request(self, *arguments: Any, **options: Any) -> Response:
        self.wait = None
        response = super().request(*arguments, **options)
        self.wait = (response.headers or {}).get("Retry-After")
        return response
