"""Resolves issues at Sentry. An issue is found by one of its events: the API has no lookup by fingerprint."""

import json
from dataclasses import dataclass, field
from datetime import timedelta

from reconciler.reporting.border import Answer
from reconciler.reporting.logs import Log
from reconciler.reporting.sink_call import call_sink

_log = Log()
_NOT_FOUND = 404
_LONGEST_ID = 30


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
        if found.status == _NOT_FOUND:
            _log.warning("issue_not_found")
            return True
        issue = _issue_id(found)
        if not found.is_success or not issue:
            return _not_resolved(found)
        updated = self._call("PUT", f"issues/{issue}/", {"status": "resolved"})
        return updated.is_success or _not_resolved(updated)

    def _call(self, method: str, path: str, body: object = None) -> Answer:
        return call_sink(
            method,
            f"{self.url}/api/0/organizations/{self.organization}/{path}",
            limit=self.timeout,
            body=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )


def _not_resolved(answer: Answer) -> bool:
    _log.warning("issue_not_resolved", status=answer.status, error=answer.problem)
    return False


def _issue_id(answer: Answer) -> str:
    """The issue's id; '' if the answer is not one of Sentry's."""
    data = answer.data()
    found = str(data.get("groupId", "")) if isinstance(data, dict) else ""
    return found if found.isdecimal() and len(found) <= _LONGEST_ID else ""
