"""On-call routes through apprise: whatever it knows to notify, from PagerDuty and e-mail to a plain webhook."""

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from reconciler.domain.alerting.alerts import Alert, AlertType, DeliveryStatus, Severity
from reconciler.reporting.redact import masked

if TYPE_CHECKING:
    from apprise import NotifyType

TIMEOUT = 20.0
"""Seconds; less than a service that was asked to stop has left, and than the claim on what is told."""
LONGEST_TITLE, LONGEST_BODY = 250, 700
"""Together within PagerDuty's 1024 characters."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class OncallRoute:
    """``ports.Route`` over one apprise URL. What did not certainly arrive is sent again: rather twice than never."""

    name: str
    url: str = field(repr=False)

    def send(self, report: Alert) -> DeliveryStatus:
        arrived = self._send(report)
        say = _log.info if arrived else _log.error
        say(
            "told_oncall" if arrived else "not_told_oncall",
            route=self.name,
            what=report.what.value,
            kind=report.kind.value,
            cause=report.cause.value,
        )
        return DeliveryStatus.ACCEPTED if arrived else DeliveryStatus.UNREACHABLE

    def _send(self, report: Alert) -> bool:
        # Imported here: it takes a while, and most passes tell nobody. Its own log quotes URLs and what is sent.
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        from apprise import Apprise, AppriseAsset
        from apprise.plugins.pagerduty import NotifyPagerDuty

        asset = AppriseAsset(app_id="reconciler", app_desc="reconciler", http_redirects=False)
        service = Apprise.instantiate(self.url, asset=asset)
        if isinstance(service, NotifyPagerDuty):
            # One incident per incident: what follows belongs to it, and the end resolves it.
            service.action, service.dedup = "map", report.incident or report.id
        sending = Apprise(service, asset=asset)
        return bool(
            sending.notify(
                title=_cut(f"reconciler: {report.title}", LONGEST_TITLE),
                body=_cut(_body(report), LONGEST_BODY),
                notify_type=_type(report),
                timeout=TIMEOUT,
            )
        )


def _cut(text: str, longest: int) -> str:
    text = masked(text)
    return text if len(text) <= longest else f"{text[: longest - 2]}.."


def _type(report: Alert) -> "NotifyType":
    """As apprise calls it; PagerDuty makes a critical incident of a failure, and resolves it at a success."""
    from apprise import NotifyType

    if report.what is AlertType.RESOLVED:
        return NotifyType.SUCCESS
    return NotifyType.FAILURE if report.level is Severity.FATAL else NotifyType.WARNING


def _body(report: Alert) -> str:
    if report.what is AlertType.RESOLVED:
        return f"Nothing of it has been there for a while. It began {report.oldest_at:%Y-%m-%dT%H:%MZ}."
    lines = [f"{report.open} open, the oldest since {report.oldest_at:%Y-%m-%dT%H:%MZ}"]
    lines += [f"code {report.code}"] if report.code else []
    lines += [f"references {', '.join(report.references)}"] if report.references else []
    lines += [report.command] if report.command else []
    return "\n".join([*lines, report.remedy])
