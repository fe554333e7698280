"""The HTTP client of Google's SDK with a deadline for each whole call: token, redirects and repeats included."""

from datetime import timedelta
from typing import Any

import httplib2
from google_auth_httplib2 import AuthorizedHttp

from reconciler.providers.google.credentials import Access
from reconciler.timing.call_deadline import DeadlineOver, with_deadline


class DeadlineHttp:
    """What the SDK uses of ``httplib2.Http``."""

    def __init__(self, access: Access, deadline: timedelta) -> None:
        self._access = access
        self._deadline = deadline
        self._http = self._new()

    def request(self, *arguments: Any, **options: Any) -> Any:
        http = self._http
        try:
            return with_deadline(self._deadline, lambda: http.request(*arguments, **options))
        except DeadlineOver:
            # A call that still waits for a name holds the old client, which two threads cannot share.
            self._http = self._new()
            http.close()
            raise

    def close(self) -> None:
        self._http.close()

    def _new(self) -> Any:
        # The timeout ends a thread that was left behind; the deadline comes first.
        return AuthorizedHttp(self._access.credentials(), http=httplib2.Http(timeout=self._deadline.total_seconds()))
