"""On-call routes through apprise: every service it supports, from PagerDuty and e-mail to a plain webhook."""

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from reconciler.domain.alerting.alerts import Alert, AlertType, DeliveryStatus, Severity
from reconciler.reporting.redact import masked
from reconciler.timing.call_deadline import DeadlineOver, with_deadline

if TYPE_CHECKING:
    from apprise import NotifyType

TIMEOUT = timedelta(seconds=20)
"""For the whole call, whatever the route; shorter than the time a stopping service has left, and than
``engine.alerting.DELIVERY_LEASE``."""
LONGEST_TITLE, LONGEST_BODY = 250, 700
"""Characters; together within PagerDuty's limit of 1024."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class OncallRoute:
    """``ports.Route`` over one apprise URL. What may not have arrived is sent again: better twice than never."""

    name: str
    url: str = field(repr=False)

    def send(self, alert: Alert) -> DeliveryStatus:
        arrived = self._send(alert)
        log = _log.info if arrived else _log.error
        log(
            "oncall_alert_sent" if arrived else "oncall_alert_not_sent",
            route=self.name,
            alert_type=alert.alert_type.value,
            kind=alert.kind.value,
            cause=alert.cause.value,
        )
        return DeliveryStatus.ACCEPTED if arrived else DeliveryStatus.UNREACHABLE

    def _send(self, alert: Alert) -> bool:
        # Imported here: the import is slow, and most passes alert no one. Its own log quotes URLs and messages.
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        from apprise import Apprise, AppriseAsset
        from apprise.plugins.pagerduty import NotifyPagerDuty

        asset = AppriseAsset(app_id="reconciler", app_desc="reconciler", http_redirects=False)
        service = Apprise.instantiate(self.url, asset=asset)
        if isinstance(service, NotifyPagerDuty):
            # Our incident is one PagerDuty incident: later alerts join it, and *resolved* closes it.
            service.action, service.dedup = "map", alert.incident or alert.id
        sending = Apprise(service, asset=asset)

        def notify() -> bool:
            # Without apprise's own timeout: it stops waiting, and leaves the connection open behind it.
            return bool(
                sending.notify(
                    title=_cut(f"reconciler: {alert.title}", LONGEST_TITLE),
                    body=_cut(_body(alert), LONGEST_BODY),
                    notify_type=_type(alert),
                )
            )

        try:
            return with_deadline(TIMEOUT, notify)
        except DeadlineOver:
            return False


def _cut(text: str, longest: int) -> str:
    text = masked(text)
    return text if len(text) <= longest else f"{text[: longest - 2]}.."


def _type(alert: Alert) -> "NotifyType":
    """apprise's type; PagerDuty opens a critical incident for a failure and resolves it at a success."""
    from apprise import NotifyType

    if alert.alert_type is AlertType.RESOLVED:
        return NotifyType.SUCCESS
    return NotifyType.FAILURE if alert.severity is Severity.FATAL else NotifyType.WARNING


def _body(alert: Alert) -> str:
    if alert.alert_type is AlertType.RESOLVED:
        return (
            f"Resolved: no such gap has been found for a while. The incident began {alert.oldest_at:%Y-%m-%dT%H:%MZ}."
        )
    lines = [f"{alert.open} open, the oldest since {alert.oldest_at:%Y-%m-%dT%H:%MZ}"]
    lines += [f"code {alert.code}"] if alert.code else []
    lines += [f"references {', '.join(alert.references)}"] if alert.references else []
    lines += [alert.command] if alert.command else []
    return "\n".join([*lines, alert.remedy])
