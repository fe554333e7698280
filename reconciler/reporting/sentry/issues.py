"""Resolves issues at Sentry. An issue is found by one of its events: the API has no lookup by fingerprint."""

from dataclasses import dataclass, field
from datetime import timedelta

import requests
import structlog
from urllib3.exceptions import HTTPError

from reconciler.timing.call_deadline import DeadlineOver, with_deadline

_log = structlog.get_logger()
_NOT_FOUND = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueResolver:
    """The issues of one organization (Sentry's docs, API: Resolve an Event ID, Update an Issue)."""

    url: str
    organization: str
    token: str = field(repr=False)
    timeout: timedelta = timedelta(seconds=10)
    """For each whole call."""

    def resolve(self, event: str) -> bool:
        """Whether the issue of this event is resolved or no longer exists: Sentry deletes old events."""
        found = self._call("GET", f"eventids/{event}/")
        if found is None:
            return False
        if found.status_code == _NOT_FOUND:
            _log.warning("issue_not_found")
            return True
        issue = _issue_id(found)
        if not found.ok or not issue:
            _log.warning("issue_not_resolved", status=found.status_code)
            return False
        updated = self._call("PUT", f"issues/{issue}/", {"status": "resolved"})
        if updated is not None and not updated.ok:
            _log.warning("issue_not_resolved", status=updated.status_code)
        return updated is not None and updated.ok

    def _call(self, method: str, path: str, body: object = None) -> requests.Response | None:
        try:
            return with_deadline(self.timeout, lambda: self._request(method, path, body))
        except (requests.RequestException, HTTPError, ValueError, DeadlineOver) as error:
            _log.warning("issue_not_resolved", error=type(error).__name__)
            return None

    def _request(self, method: str, path: str, body: object) -> requests.Response:
        return requests.request(
            method,
            f"{self.url}/api/0/organizations/{self.organization}/{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=self.timeout.total_seconds(),
            allow_redirects=False,
        )


def _issue_id(answer: requests.Response) -> str:
    """The issue's id; '' if the answer is not one of Sentry's."""
    try:
        data = answer.json()
    except ValueError:
        return ""
    found = str(data.get("groupId", "")) if isinstance(data, dict) else ""
    return found if found.isdecimal() else ""
