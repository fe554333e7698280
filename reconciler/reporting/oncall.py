"""On-call routes through apprise: every service it supports, from PagerDuty and e-mail to a plain webhook."""

import logging
from dataclasses import dataclass, field
from datetime import timedelta

from reconciler.domain.alerting.alerts import Alert, AlertType, DeliveryStatus, Severity
from reconciler.domain.drill import DrillAlert
from reconciler.reporting.border import guarded
from reconciler.reporting.logs import Log
from reconciler.reporting.redact import masked
from reconciler.timing.call_deadline import DeadlineOver, with_deadline

TIMEOUT = timedelta(seconds=20)
"""For the whole call, whatever the route; shorter than the time a stopping service has left, and than
``engine.alerting.DELIVERY_LEASE``."""
MOST_BYTES = 1024 * 1024
"""Of all answers to one message. apprise's notifiers keep whatever they are sent."""
LONGEST_TITLE, LONGEST_BODY = 250, 700
"""Characters; together within PagerDuty's limit of 1024."""
_log = Log()


@dataclass(frozen=True, slots=True, kw_only=True)
class OncallRoute:
    """``ports.Route`` over one apprise URL. What may not have arrived is sent again: better twice than never."""

    name: str
    url: str = field(repr=False)

    def send(self, alert: Alert) -> DeliveryStatus:
        message = _Message(
            title=f"reconciler: {alert.title}",
            body=_body(alert),
            incident=alert.incident or alert.id,
            type=_type(alert),
        )
        delivery = self._send(message)
        arrived = delivery is DeliveryStatus.ACCEPTED
        log = _log.info if arrived else _log.error
        log(
            "oncall_alert_sent" if arrived else "oncall_alert_not_sent",
            route=self.name,
            alert_type=alert.alert_type.value,
            kind=alert.kind.value,
            cause=alert.cause.value,
        )
        return delivery

    def send_test(self, alert: DrillAlert) -> DeliveryStatus:
        """At PagerDuty the end of an incident that does not exist: its key is tried, and nobody is woken."""
        message = _Message(title=f"reconciler: {alert.title}", body=_DRILL, incident=alert.id, type="info", closes=True)
        delivery = self._send(message)
        event = "oncall_drill_sent" if delivery is DeliveryStatus.ACCEPTED else "oncall_drill_not_sent"
        _log.info(event, route=self.name)
        return delivery

    def _send(self, message: "_Message") -> DeliveryStatus:
        return guarded(self.name, lambda: self._notify(message), DeliveryStatus.UNKNOWN)

    def _notify(self, message: "_Message") -> DeliveryStatus:
        # Imported here: the import is slow, and most passes alert no one. Its own log quotes URLs and messages.
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        from apprise import Apprise, AppriseAsset, NotifyType
        from apprise.plugins.pagerduty import NotifyPagerDuty

        asset = AppriseAsset(app_id="reconciler", app_desc="reconciler", http_redirects=False)
        service = Apprise.instantiate(self.url, asset=asset)
        if service is None:
            return DeliveryStatus.UNREACHABLE
        service.redirects = False  # the URL's own `redirect=yes` would win over ours
        if isinstance(service, NotifyPagerDuty):
            # Our incident is one PagerDuty incident: later alerts join it, and *resolved* closes it.
            service.action, service.dedup = "resolve" if message.closes else "map", message.incident
        sending = Apprise(service, asset=asset)

        def notify() -> bool:
            # Without apprise's own timeout: it stops waiting, and leaves the connection open behind it.
            return bool(
                sending.notify(
                    title=_cut(message.title, LONGEST_TITLE),
                    body=_cut(message.body, LONGEST_BODY),
                    notify_type=NotifyType(message.type),
                )
            )

        try:
            arrived = with_deadline(TIMEOUT, notify, most_bytes=MOST_BYTES)
        except DeadlineOver:
            arrived = False
        return DeliveryStatus.ACCEPTED if arrived else DeliveryStatus.UNREACHABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    title: str
    body: str
    incident: str
    type: str
    """apprise's type. PagerDuty opens a critical incident for a failure and resolves it at a success."""
    closes: bool = False
    """Whether it ends its incident at PagerDuty whatever its type."""


_DRILL = "The fire drill tests this on-call route. Nothing is wrong, and there is nothing to do."


def _cut(text: str, longest: int) -> str:
    text = masked(text)
    return text if len(text) <= longest else f"{text[: longest - 2]}.."


def _type(alert: Alert) -> str:
    if alert.alert_type is AlertType.RESOLVED:
        return "success"
    return "failure" if alert.severity is Severity.FATAL else "warning"


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
