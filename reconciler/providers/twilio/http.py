"""Twilio's own HTTP client, which keeps what the SDK's exceptions drop: how long we are asked to wait."""

from typing import Any

from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response


class HttpClient(TwilioHttpClient):  # type: ignore[misc]  # the SDK is not typed
    retry_after: str | None = None
    """*Retry-After* of the last answer, as it was sent."""

    def request(self, *arguments: Any, **options: Any) -> Response:
        self.retry_after = None
        response = super().request(*arguments, **options)
        self.retry_after = (response.headers or {}).get("Retry-After")
        return response
