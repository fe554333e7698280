"""Sentry: each alert is one event, judged by the HTTP answer. The SDK only builds it, and captures nothing itself."""

import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from reconciler.domain.alerting.alerts import Alert, AlertType, CheckIn, DeliveryStatus
from reconciler.domain.drill import DrillAlert
from reconciler.reporting.border import guarded
from reconciler.reporting.logs import Log
from reconciler.reporting.redact import clean
from reconciler.reporting.sentry.issues import IssueResolver
from reconciler.reporting.sentry.transport import SyncTransport, empty_report

if TYPE_CHECKING:
    from sentry_sdk import Client

_log = Log()
UNEXPECTED = "unexpected"
"""The code of what nobody thought of; the log has its place."""
_MARGIN = 5
"""Minutes a check-in may be late before Sentry calls it missed."""


@dataclass(frozen=True)
class SentryNotifier:
    """``ports.Notifier`` over one DSN."""

    dsn: str = field(repr=False)
    environment: str
    release: str
    issues: IssueResolver | None = None
    timeout: timedelta = timedelta(seconds=10)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def resolves(self) -> bool:
        return self.issues is not None

    def send(self, alert: Alert) -> DeliveryStatus:
        return guarded("sentry", lambda: self._send_alert(alert), DeliveryStatus.UNKNOWN)

    def _send_alert(self, alert: Alert) -> DeliveryStatus:
        if alert.alert_type is AlertType.RESOLVED:
            return self._resolve(alert)
        delivery = self._send(_event(alert), alert.id)
        log = _log.info if delivery is DeliveryStatus.ACCEPTED else _log.error
        log(
            "alert_sent" if delivery is DeliveryStatus.ACCEPTED else "alert_not_sent",
            alert_type=alert.alert_type.value,
            kind=alert.kind.value,
            cause=alert.cause.value,
            severity=alert.severity.value,
            found=alert.found,
            repaired=alert.repaired,
            code=alert.code,
        )
        return delivery

    def send_test_event(self, alert: DrillAlert) -> DeliveryStatus:
        delivery = guarded("sentry", lambda: self._send(_drill_event(alert), alert.id), DeliveryStatus.UNKNOWN)
        _log.info("drill_event_sent" if delivery is DeliveryStatus.ACCEPTED else "drill_event_not_sent")
        return delivery

    def check(self) -> str:
        """Send an empty client report, which appears nowhere in Sentry.

        Relay checks its key and project as for any envelope (Sentry developer docs, Client Reports).
        """
        return guarded("sentry", self._check, UNEXPECTED)

    def _check(self) -> str:
        with self._lock:
            self._transport.forget()
            self._transport.capture_envelope(empty_report())
            accepted = self._transport.delivery_status() is DeliveryStatus.ACCEPTED
            return "" if accepted else self._transport.error_code()

    def _resolve(self, alert: Alert) -> DeliveryStatus:
        """Resolve the incident's issues. Sends no event. A failure is *refused*: it must not hold up others."""
        resolved = [self.issues.resolve(event) for event in alert.events] if self.issues else []
        return DeliveryStatus.ACCEPTED if all(resolved) else DeliveryStatus.REFUSED

    def check_in(self, check_in: CheckIn) -> bool:
        answer = guarded("sentry", lambda: self._send(_check_in(check_in), None), DeliveryStatus.UNKNOWN)
        return answer is DeliveryStatus.ACCEPTED

    def _send(self, event: dict[str, Any], id_: str | None) -> DeliveryStatus:
        with self._lock:  # jobs send from several threads, and the transport keeps only the last answer
            self._transport.forget()
            self._client.capture_event(event | ({"event_id": id_} if id_ else {}))  # type: ignore[arg-type]  # as it wants
            return self._transport.delivery_status()

    @property
    def _transport(self) -> SyncTransport:
        transport = self._client.transport
        if not isinstance(transport, SyncTransport):
            raise TypeError("the SDK has made no transport of ours")
        return transport

    @cached_property
    def _client(self) -> "Client":
        # Imported here: the SDK is slow to import, and `--help` does not need it.
        from sentry_sdk import Client

        return Client(
            dsn=self.dsn,
            environment=self.environment,
            release=self.release,
            transport=SyncTransport.with_timeout(self.timeout),
            server_name="",  # container host names mean nothing
            default_integrations=False,
            auto_enabling_integrations=False,
            include_local_variables=False,
            include_source_context=False,
            max_breadcrumbs=0,
            send_client_reports=False,
            enable_metrics=False,
            before_send=_scrub_before_send,
        )


def _scrub_before_send(event: Any, _hint: Any) -> Any:
    """Also called for check-ins."""
    return clean(event)


def _event(alert: Alert) -> dict[str, Any]:
    context: dict[str, Any] = {
        "found": alert.found,
        "repaired": alert.repaired,
        "open": alert.open,
        "oldest": alert.oldest_at.isoformat(),
        "references": list(alert.references),
        "remedy": alert.remedy,
    }
    context |= {
        name: value for name, value in (("seen", alert.seen), ("sql", alert.sql), ("command", alert.command)) if value
    }
    kind_and_cause = [alert.kind.value, alert.cause.value]
    tags = {
        "kind": alert.kind.value,
        "cause": alert.cause.value,
        "what": alert.alert_type.value,
        "code": alert.code or "none",
    }
    return {
        "level": alert.severity.value,
        "message": alert.title,
        # Each page is an issue of its own: it alerts even if the previous page's issue was archived.
        "fingerprint": [
            "reconciler",
            *(["page", *kind_and_cause, alert.incident] if alert.alert_type is AlertType.PAGED else kind_and_cause),
        ],
        "tags": tags,
        "contexts": {"reconciler": context},
        "timestamp": datetime.now(UTC),
    }


def _drill_event(alert: DrillAlert) -> dict[str, Any]:
    """An issue of its own at level info, so that no alert rule for warnings and errors matches it."""
    return {
        "level": "info",
        "message": alert.title,
        "fingerprint": ["reconciler", "fire_drill"],
        "tags": {"kind": "fire_drill", "drill": "true"},
        "contexts": {"reconciler": {"planted": [kind.value for kind in alert.planted]}},
        "timestamp": alert.at,
    }


def _check_in(check_in: CheckIn) -> dict[str, Any]:
    """Sentry developer docs, Check-Ins: the check-in creates or updates its monitor (an upsert)."""
    return {
        "type": "check_in",
        "monitor_slug": check_in.monitor,
        "check_in_id": uuid.uuid4().hex,
        "status": "ok" if check_in.ok else "error",
        "monitor_config": {
            "schedule": _schedule(check_in),
            "checkin_margin": _MARGIN,
            "max_runtime": max(1, round(check_in.longest.total_seconds() / 60)),
            "failure_issue_threshold": 1,
            "recovery_threshold": 1,
            "timezone": check_in.zone,
        },
    }


def _schedule(check_in: CheckIn) -> dict[str, Any]:
    if check_in.cron:
        return {"type": "crontab", "value": check_in.cron}
    every = check_in.every or timedelta(minutes=1)
    return {"type": "interval", "value": max(1, round(every.total_seconds() / 60)), "unit": "minute"}
