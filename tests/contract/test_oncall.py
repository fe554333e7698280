"""``ports.Route`` through apprise: what arrives over real HTTP, what PagerDuty would get, and what is never shown."""

import logging
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from apprise.plugins import pagerduty

from reconciler.domain.alerting.alerts import Alert, AlertType, DeliveryStatus, Severity
from reconciler.domain.gaps import Cause, GapKind
from reconciler.reporting.oncall import OncallRoute
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from tests.support.webhook import Webhook

PAGE = Alert(
    id="5a4d" * 8,
    kind=GapKind.SMS_MISSING,
    cause=Cause.NEVER_QUEUED,
    severity=Severity.FATAL,
    alert_type=AlertType.PAGED,
    incident="0b5c2f0e-3c1d-4d53-9a38-31b5a1b0c001",
    found=13,
    repaired=12,
    open=1,
    oldest_at=datetime(2026, 6, 10, 11, 0, tzinfo=UTC),
    references=("1a2b3c4d",),
    code="suspended",
    remedy="check the application's log",
)
RESOLVED_ALERT = replace(PAGE, alert_type=AlertType.RESOLVED, severity=Severity.INFO, open=0)


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook() as webhook:
        yield webhook


def route(webhook: Webhook) -> OncallRoute:
    return OncallRoute(name="PAGER_URL", url=webhook.route)


def test_a_page_says_what_is_wrong_and_what_to_do(webhook: Webhook) -> None:
    assert route(webhook).send(PAGE) is DeliveryStatus.ACCEPTED

    (call,) = webhook.alerted
    assert call["type"] == "failure"
    assert call["title"] == "reconciler: sms.missing / never_queued, open for hours: 13 found, 12 repaired"
    assert call["message"].splitlines() == [
        "1 open, the oldest since 2026-06-10T11:00Z",
        "code suspended",
        "references 1a2b3c4d",
        "reconciler explain 1a2b3c4d",
        "check the application's log",
    ]


def test_resolved_and_fallback_alerts_have_types_of_their_own(webhook: Webhook) -> None:
    for alert in (replace(PAGE, severity=Severity.ERROR, alert_type=AlertType.OPENED), RESOLVED_ALERT):
        assert route(webhook).send(alert) is DeliveryStatus.ACCEPTED

    assert [call["type"] for call in webhook.alerted] == ["warning", "success"]


def test_what_was_overlooked_is_masked_and_what_is_long_is_cut(webhook: Webhook) -> None:
    slipped = "call +44 7700 900123, see postgresql://job:s3cret@db/venue " * 40
    broken = replace(PAGE, kind=GapKind.INTEGRATION_SCHEMA, cause=Cause.BLOCKED, seen=slipped, remedy=slipped)
    route(webhook).send(broken)

    (body,) = webhook.raw
    assert not [secret for secret in ("900123", "7700", "s3cret") if secret in body]
    (call,) = webhook.alerted
    assert len(call["title"]) + len(call["message"]) < 1024


REFUSED = {
    "unavailable": Fault(kind=Misbehaviour.STATUS, status=503),
    "wrong token": Fault(kind=Misbehaviour.STATUS, status=403),
    "a proxy's redirect": Fault(kind=Misbehaviour.STATUS, status=302, headers=(("Location", "/login"),)),
    "cut off": Fault(kind=Misbehaviour.DROP),
}


@pytest.mark.parametrize("fault", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_accepted_is_not_delivered(webhook: Webhook, fault: Fault) -> None:
    webhook.faults.always("hook", fault)

    assert route(webhook).send(PAGE) is DeliveryStatus.UNREACHABLE


@pytest.mark.parametrize("host", ["sentry..example", "a" * 70 + ".example", "nowhere.example"])
def test_a_host_that_cannot_be_one(host: str) -> None:
    assert OncallRoute(name="PAGER_URL", url=f"json://{host}/").send(PAGE) is DeliveryStatus.UNREACHABLE


def test_no_server_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nowhere = f"json://127.0.0.1:{listener.getsockname()[1]}/"

    assert OncallRoute(name="PAGER_URL", url=nowhere).send(PAGE) is DeliveryStatus.UNREACHABLE


def test_neither_the_log_nor_the_repr_shows_the_url(
    webhook: Webhook, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    webhook.faults.next_calls("hook", Fault(kind=Misbehaviour.STATUS, status=403))
    oncall = route(webhook)
    with caplog.at_level(logging.DEBUG):
        assert [oncall.send(PAGE), oncall.send(PAGE)] == [DeliveryStatus.UNREACHABLE, DeliveryStatus.ACCEPTED]

    log = caplog.text + capsys.readouterr().out
    assert "oncall_alert_not_sent" in log
    assert not [word for word in ("t0ken", "1a2b3c4d", "application's log") if word in log + repr(oncall)]


@pytest.fixture
def enqueued(webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> Webhook:
    """apprise has PagerDuty's address in a table of its own; here it points to the webhook."""
    monkeypatch.setitem(pagerduty.PAGERDUTY_API_LOOKUP, "us", f"{webhook.url}/v2/enqueue")
    return webhook


PAGERDUTY = "pagerduty://1ntegrati0nkey@ap1key?action=trigger"


def test_pagerduty_has_one_incident_per_incident_and_resolved_closes_it(enqueued: Webhook) -> None:
    pager = OncallRoute(name="PAGER_URL", url=PAGERDUTY)
    assert [pager.send(PAGE), pager.send(RESOLVED_ALERT)] == [DeliveryStatus.ACCEPTED] * 2

    page, end = enqueued.alerted
    assert enqueued.paths == ["/v2/enqueue"] * 2
    assert (page["event_action"], page["dedup_key"], page["payload"]["severity"]) == (
        "trigger", PAGE.incident, "critical",
    )  # fmt: skip
    assert page["payload"]["summary"].startswith("reconciler: sms.missing / never_queued, open for hours")
    assert end == {"routing_key": "1ntegrati0nkey", "event_action": "resolve", "dedup_key": PAGE.incident}


def test_a_fallback_alert_is_less_urgent_at_pagerduty(enqueued: Webhook) -> None:
    opened = replace(PAGE, alert_type=AlertType.OPENED, severity=Severity.ERROR)
    OncallRoute(name="PAGER_URL", url=PAGERDUTY).send(opened)

    (call,) = enqueued.alerted
    assert (call["event_action"], call["payload"]["severity"]) == ("trigger", "warning")
