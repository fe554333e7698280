"""Sentry: each report is one event, judged by the HTTP answer; the SDK builds it, and captures nothing by itself."""

import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import structlog

from reconciler.domain.alerting.alerts import Alert, AlertType, CheckIn, DeliveryStatus
from reconciler.domain.drill import DrillAlert
from reconciler.reporting.redact import clean
from reconciler.reporting.sentry.issues import IssueResolver
from reconciler.reporting.sentry.transport import SyncTransport

if TYPE_CHECKING:
    from sentry_sdk import Client

_log = structlog.get_logger()
_MARGIN = 5
"""Minutes a check-in may be late before Sentry calls it missed."""


@dataclass(frozen=True)
class SentryNotifier:
    """``ports.Reporter`` over one DSN."""

    dsn: str = field(repr=False)
    environment: str
    release: str
    issues: IssueResolver | None = None
    timeout: timedelta = timedelta(seconds=10)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def resolves(self) -> bool:
        return self.issues is not None

    def send(self, report: Alert) -> DeliveryStatus:
        if report.what is AlertType.RESOLVED:
            return self._resolve(report)
        told = self._send(_event(report), report.id)
        say = _log.info if told is DeliveryStatus.ACCEPTED else _log.error
        say(
            "told" if told is DeliveryStatus.ACCEPTED else "not_told",
            what=report.what.value,
            kind=report.kind.value,
            cause=report.cause.value,
            level=report.level.value,
            found=report.found,
            repaired=report.repaired,
            code=report.code,
        )
        return told

    def send_test_event(self, report: DrillAlert) -> DeliveryStatus:
        told = self._send(_drill(report), report.id)
        _log.info("drill_told" if told is DeliveryStatus.ACCEPTED else "drill_not_told")
        return told

    def check(self) -> str:
        """Sends a report about the client itself that has nothing to report: Sentry shows it to nobody.

        Relay asks key and project of it as of any other (Sentry developer docs, Client Reports).
        """
        from sentry_sdk.envelope import Envelope, Item, PayloadRef

        payload = {"timestamp": datetime.now(UTC).timestamp(), "discarded_events": []}
        envelope = Envelope(items=[Item(PayloadRef(json=payload), type="client_report")])
        with self._lock:
            transport = self._client.transport
            if not isinstance(transport, SyncTransport):
                return "no_transport"
            transport.capture_envelope(envelope)
            return "" if transport.delivery_status() is DeliveryStatus.ACCEPTED else transport.answered()

    def _resolve(self, report: Alert) -> DeliveryStatus:
        """An end is no event. What cannot be resolved keeps no other report from being told."""
        resolved = [self.issues.resolve(event) for event in report.events] if self.issues else []
        return DeliveryStatus.ACCEPTED if all(resolved) else DeliveryStatus.REFUSED

    def check_in(self, check_in: CheckIn) -> bool:
        return self._send(_check_in(check_in), None) is DeliveryStatus.ACCEPTED

    def _send(self, event: dict[str, Any], id_: str | None) -> DeliveryStatus:
        with self._lock:  # jobs tell from threads of their own, and the answer is the last envelope's
            self._client.capture_event(event | ({"event_id": id_} if id_ else {}))  # type: ignore[arg-type]  # as it wants
            transport = self._client.transport
            return transport.delivery_status() if isinstance(transport, SyncTransport) else DeliveryStatus.UNREACHABLE

    @cached_property
    def _client(self) -> "Client":
        # Imported here: the SDK takes a while, and `--help` needs none of it.
        from sentry_sdk import Client

        return Client(
            dsn=self.dsn,
            environment=self.environment,
            release=self.release,
            transport=SyncTransport.with_timeout(self.timeout),
            server_name="",  # a host's name tells nobody anything here
            default_integrations=False,
            auto_enabling_integrations=False,
            include_local_variables=False,
            include_source_context=False,
            max_breadcrumbs=0,
            send_client_reports=False,
            enable_metrics=False,
            before_send=_last_look,
        )


def _last_look(event: Any, _hint: Any) -> Any:
    """Check-ins pass through here too."""
    return clean(event)


def _event(report: Alert) -> dict[str, Any]:
    context: dict[str, Any] = {
        "found": report.found,
        "repaired": report.repaired,
        "open": report.open,
        "oldest": report.oldest_at.isoformat(),
        "references": list(report.references),
        "remedy": report.remedy,
    }
    context |= {
        name: value
        for name, value in (("seen", report.seen), ("sql", report.sql), ("command", report.command))
        if value
    }
    subject = [report.kind.value, report.cause.value]
    tags = {
        "kind": report.kind.value,
        "cause": report.cause.value,
        "what": report.what.value,
        "code": report.code or "none",
    }
    return {
        "level": report.level.value,
        "message": report.title,
        # A page is an issue of its own each time: it is heard although somebody archived the last one.
        "fingerprint": [
            "reconciler",
            *(["page", *subject, report.incident] if report.what is AlertType.PAGED else subject),
        ],
        "tags": tags,
        "contexts": {"reconciler": context},
        "timestamp": datetime.now(UTC),
    }


def _drill(report: DrillAlert) -> dict[str, Any]:
    """An issue of its own, which no alert rule for warnings and errors wakes anybody with."""
    return {
        "level": "info",
        "message": report.title,
        "fingerprint": ["reconciler", "fire_drill"],
        "tags": {"kind": "fire_drill", "drill": "true"},
        "contexts": {"reconciler": {"planted": [kind.value for kind in report.planted]}},
        "timestamp": report.at,
    }


def _check_in(check_in: CheckIn) -> dict[str, Any]:
    """Sentry developer docs, Check-Ins: the monitor is made or updated by what comes along (an upsert)."""
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
