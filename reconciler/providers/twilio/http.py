"""Twilio's HTTP client, extended to keep the *Retry-After* header that the SDK's exceptions drop."""

from typing import Any

from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response


class HttpClient(TwilioHttpClient):  # type: ignore[misc]  # the SDK is not typed
    retry_after: str | None = None
    """*Retry-After* of the last answer, unparsed."""

    def request(self, *arguments: Any, **options: Any) -> Response:
        self.retry_after = None
        response = super().request(*arguments, **options)
        self.retry_after = (response.headers or {}).get("Retry-After")
        return response
