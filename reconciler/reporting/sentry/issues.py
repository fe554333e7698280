"""Resolving an issue at Sentry: found by one of its events, since its API finds none by fingerprint."""

from dataclasses import dataclass, field
from datetime import timedelta

import requests
import structlog
from urllib3.exceptions import HTTPError

_log = structlog.get_logger()
_NOT_THERE = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueResolver:
    """The issues of one organization (Sentry's docs, API: Resolve an Event ID, Update an Issue)."""

    url: str
    organization: str
    token: str = field(repr=False)
    timeout: timedelta = timedelta(seconds=10)

    def resolve(self, event: str) -> bool:
        """Whether the issue of this event is resolved, or there is none: Sentry may keep no event for ever."""
        found = self._call("GET", f"eventids/{event}/")
        if found is None:
            return False
        if found.status_code == _NOT_THERE:
            _log.warning("issue_not_found")
            return True
        issue = _group(found)
        if not found.ok or not issue:
            _log.warning("issue_not_resolved", status=found.status_code)
            return False
        done = self._call("PUT", f"issues/{issue}/", {"status": "resolved"})
        if done is not None and not done.ok:
            _log.warning("issue_not_resolved", status=done.status_code)
        return done is not None and done.ok

    def _call(self, method: str, path: str, body: object = None) -> requests.Response | None:
        try:
            return requests.request(
                method,
                f"{self.url}/api/0/organizations/{self.organization}/{path}",
                json=body,
                headers={"Authorization": f"Bearer {self.token}"},
                timeout=self.timeout.total_seconds(),
                allow_redirects=False,
            )
        except (requests.RequestException, HTTPError, ValueError) as error:
            _log.warning("issue_not_resolved", error=type(error).__name__)
            return None


def _group(answer: requests.Response) -> str:
    """The issue's id, '' if the answer is none of Sentry's."""
    try:
        data = answer.json()
    except ValueError:
        return ""
    found = str(data.get("groupId", "")) if isinstance(data, dict) else ""
    return found if found.isdecimal() else ""
