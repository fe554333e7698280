"""Twilio's HTTP client with a deadline for each whole call. It keeps the *Retry-After* header, which the SDK drops."""

from datetime import timedelta
from typing import Any

from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response

from reconciler.providers.http import new_session
from reconciler.timing.call_deadline import with_deadline


class HttpClient(TwilioHttpClient):  # type: ignore[misc]  # the SDK is not typed
    retry_after: str | None = None
    """*Retry-After* of the last answer, unparsed."""

    def request(self, *arguments: Any, **options: Any) -> Response:
        self.retry_after = None
        send = super().request
        # A new one for each call: an idle connection may be cut, and the next text on it would be *unknown*.
        with new_session() as self.session:
            response: Response = with_deadline(timedelta(seconds=self.timeout), lambda: send(*arguments, **options))
        self.retry_after = (response.headers or {}).get("Retry-After")
        return response
