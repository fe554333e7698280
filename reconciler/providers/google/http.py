"""The HTTP client of Google's SDK, over requests, with a deadline for each whole call: its token included."""

from datetime import timedelta
from typing import Any

import httplib2
from google.auth.transport.requests import AuthorizedSession, Request
from urllib3.util import Retry

from reconciler.providers.google.credentials import Access
from reconciler.providers.http import new_session
from reconciler.timing.call_deadline import DeadlineOver, with_deadline

_OF_A_TOKEN = Retry(total=1, status=0, redirect=0, allowed_methods=None)
"""A token may be asked for again where the connection was closed without an answer."""


class GoogleHttp:
    """What the SDK uses of ``httplib2.Http``."""

    def __init__(self, access: Access, deadline: timedelta) -> None:
        self._access = access
        self._deadline = deadline
        self._sessions = _Sessions(access)

    def request(
        self, uri: str, method: str = "GET", body: Any = None, headers: Any = None, **_: Any
    ) -> tuple[httplib2.Response, bytes]:
        """The answer as httplib2 gives it. A redirect is an answer too: none is followed.

        Raises:
            DeadlineOver, requests.RequestException, google.auth.exceptions.GoogleAuthError: there is none.
        """
        sessions = self._sessions
        options = {"data": body, "headers": headers, "allow_redirects": False}
        # The timeout ends a thread that was left behind; the deadline comes first.
        options["timeout"] = self._deadline.total_seconds()
        try:
            answer = with_deadline(self._deadline, lambda: sessions.calls.request(method, uri, **options))
        except DeadlineOver:
            # A call that still waits for a name holds the old session, which two threads cannot share.
            self._sessions = _Sessions(self._access)
            sessions.close()
            raise
        response = httplib2.Response({**answer.headers, "status": str(answer.status_code)})
        response.reason = answer.reason or ""
        return response, answer.content

    def close(self) -> None:
        self._sessions.close()


class _Sessions:
    """One for the calls, and one for their tokens."""

    def __init__(self, access: Access) -> None:
        self._tokens = new_session(retries=_OF_A_TOKEN)
        self.calls = AuthorizedSession(access.credentials(), auth_request=Request(self._tokens))
        new_session(self.calls)

    def close(self) -> None:
        self.calls.close()
        self._tokens.close()
