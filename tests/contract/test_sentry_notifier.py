"""``ports.Reporter`` over Sentry's SDK, against the stand-in: what arrives, and that an answer is what counts."""

import json
import logging
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.domain.alerting.alerts import Alert, CheckIn, DeliveryStatus, Severity
from reconciler.domain.drill import DrillAlert
from reconciler.domain.gaps import Cause, GapKind
from reconciler.reporting.sentry.notifier import SentryNotifier
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.fakes.sentry import SentryStandIn

NOW = datetime(2026, 6, 10, 11, 0, tzinfo=UTC)
ALERT = Alert(
    id="5a4d" * 8,
    kind=GapKind.SMS_MISSING,
    cause=Cause.NEVER_QUEUED,
    severity=Severity.WARNING,
    found=3,
    repaired=3,
    oldest_at=NOW,
    references=("1a2b3c4d", "5e6f7a8b"),
    remedy="check the application's log",
)

DRILL = DrillAlert(id="5a4e" * 8, planted=(GapKind.SMS_MISSING, GapKind.CALENDAR_MISSING), at=NOW)


@pytest.fixture
def sentry() -> Iterator[SentryStandIn]:
    with SentryStandIn() as stand_in:
        yield stand_in


def notifier(sentry: SentryStandIn, dsn: str | None = None) -> SentryNotifier:
    return SentryNotifier(dsn or sentry.dsn, "venue", "reconciler@1.2.3", timeout=timedelta(seconds=1))


def test_an_alert_is_one_event_under_its_own_id(sentry: SentryStandIn) -> None:
    assert notifier(sentry).send(ALERT) is DeliveryStatus.ACCEPTED

    (event,) = sentry.events
    assert (event["event_id"], event["level"], event["environment"]) == (ALERT.id, "warning", "venue")
    assert event["release"] == "reconciler@1.2.3"
    assert event["message"] == "sms.missing / never_queued: 3 found, 3 repaired"
    assert event["fingerprint"] == ["reconciler", "sms.missing", "never_queued"]
    assert event["tags"] == {"kind": "sms.missing", "cause": "never_queued", "what": "opened", "code": "none"}
    assert event["contexts"]["reconciler"] == {
        "found": 3,
        "repaired": 3,
        "open": 0,
        "oldest": NOW.isoformat(),
        "references": ["1a2b3c4d", "5e6f7a8b"],
        "remedy": "check the application's log",
        "command": "reconciler explain 1a2b3c4d",
    }


def test_a_drill_event_is_marked_as_a_drill(sentry: SentryStandIn) -> None:
    notifier(sentry).send_test_event(DRILL)

    (event,) = sentry.events
    assert (event["event_id"], event["level"], event["environment"]) == (DRILL.id, "info", "venue")
    assert event["message"].startswith("fire drill: ")
    assert event["fingerprint"] == ["reconciler", "fire_drill"]
    assert event["tags"] == {"kind": "fire_drill", "drill": "true"}
    assert event["contexts"]["reconciler"] == {"planted": ["sms.missing", "calendar.missing"]}


def test_nothing_of_the_machine_goes_along(sentry: SentryStandIn) -> None:
    notifier(sentry).send(ALERT)

    (envelope,) = sentry.raw
    assert socket.gethostname() not in envelope
    (event,) = sentry.events
    assert not {"server_name", "breadcrumbs", "modules", "user", "extra"} & {k for k, v in event.items() if v}


def test_an_integration_alert_has_what_was_seen_and_the_sql(sentry: SentryStandIn) -> None:
    broken = replace(ALERT, kind=GapKind.INTEGRATION_SCHEMA, cause=Cause.BLOCKED, seen="queue lacks 1 column: a",
                     sql="ALTER TABLE ..", references=("text",), code="columns_missing")  # fmt: skip
    notifier(sentry).send(broken)

    (event,) = sentry.events
    assert event["message"] == "integration.schema: queue lacks 1 column: a"
    assert event["contexts"]["reconciler"]["sql"] == "ALTER TABLE .."


def test_what_was_overlooked_is_masked(sentry: SentryStandIn) -> None:
    slipped = replace(ALERT, remedy="call +44 7700 900123 or 07700 900123, see postgresql://job:s3cret@db/venue")
    notifier(sentry).send(slipped)

    (envelope,) = sentry.raw
    assert not [secret for secret in ("900123", "7700", "s3cret") if secret in envelope]


REFUSED = {
    "rate limited": Fault(kind=Misbehaviour.STATUS, status=429, headers=(("Retry-After", "3600"),)),
    "wrong key": Fault(kind=Misbehaviour.STATUS, status=403),
    "too large": Fault(kind=Misbehaviour.STATUS, status=413),
    "unavailable": Fault(kind=Misbehaviour.STATUS, status=503),
    "a proxy's redirect": Fault(kind=Misbehaviour.STATUS, status=302, headers=(("Location", "/login"),)),
    "a login page": Fault(kind=Misbehaviour.HTML, status=200),
    "a proxy that answers nothing": Fault(kind=Misbehaviour.STATUS, status=200),
    "cut off": Fault(kind=Misbehaviour.DROP),
    "silent": Fault(kind=Misbehaviour.HANG, seconds=2),
}


@pytest.mark.parametrize("fault", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_accepted_is_not_delivered(sentry: SentryStandIn, fault: Fault) -> None:
    sentry.faults.always("envelope", fault)

    delivery = notifier(sentry).send(ALERT)
    expected = {413: DeliveryStatus.REFUSED, 200: DeliveryStatus.UNREADABLE}
    assert delivery is expected.get(fault.status, DeliveryStatus.UNREACHABLE)
    assert notifier(sentry).send_test_event(DRILL) is delivery
    assert sentry.items == []


def test_no_server_listens(sentry: SentryStandIn) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nowhere = f"http://key@127.0.0.1:{listener.getsockname()[1]}/42"

    assert notifier(sentry, nowhere).send(ALERT) is DeliveryStatus.UNREACHABLE


@pytest.mark.parametrize("host", ["sentry..example", "a" * 70 + ".example"])
def test_a_host_that_cannot_be_one(sentry: SentryStandIn, host: str) -> None:
    """Neither the SDK nor urllib3 calls this a failed request."""
    assert notifier(sentry, f"https://key@{host}/42").send(ALERT) is DeliveryStatus.UNREACHABLE


def test_sent_again_it_is_the_same_event(sentry: SentryStandIn) -> None:
    sentry.faults.next_calls("envelope", Fault(kind=Misbehaviour.LOSE))
    sender = notifier(sentry)

    assert [sender.send(ALERT), sender.send(ALERT)] == [DeliveryStatus.UNREACHABLE, DeliveryStatus.ACCEPTED]
    assert [event["event_id"] for event in sentry.events] == [ALERT.id] * 2, "Sentry keeps one of them"


def test_a_rate_limit_for_events_does_not_stop_check_ins(sentry: SentryStandIn) -> None:
    limit = (("X-Sentry-Rate-Limits", "60:error;default:project"),)
    sentry.faults.next_calls("envelope", Fault(kind=Misbehaviour.STATUS, status=429, headers=limit))
    sender = notifier(sentry)

    assert sender.send(ALERT) is DeliveryStatus.UNREACHABLE
    assert sender.send(ALERT) is DeliveryStatus.UNREACHABLE, "no request is made: the limit lasts a minute"
    assert sender.check_in(CheckIn(monitor="reconciler", ok=True, every=timedelta(minutes=5)))
    assert (sentry.events, len(sentry.check_ins)) == ([], 1)


def test_a_check_in_creates_its_own_monitor(sentry: SentryStandIn) -> None:
    notifier(sentry).check_in(CheckIn(monitor="reconciler", ok=False, every=timedelta(minutes=5)))

    (check_in,) = sentry.check_ins
    assert (check_in["monitor_slug"], check_in["status"], check_in["environment"]) == ("reconciler", "error", "venue")
    config = check_in["monitor_config"]
    assert config["schedule"] == {"type": "interval", "value": 5, "unit": "minute"}
    assert (config["checkin_margin"], config["max_runtime"], config["timezone"]) == (5, 30, "UTC")
    assert (config["failure_issue_threshold"], config["recovery_threshold"]) == (1, 1)


def test_a_job_s_own_monitor_follows_its_crontab_line(sentry: SentryStandIn) -> None:
    notifier(sentry).check_in(CheckIn(monitor="reconciler-a", ok=True, cron="0 10 * * mon", zone="Europe/London"))

    (check_in,) = sentry.check_ins
    assert check_in["monitor_config"]["schedule"] == {"type": "crontab", "value": "0 10 * * mon"}
    assert check_in["monitor_config"]["timezone"] == "Europe/London"


def test_the_log_says_codes_and_counts_only(sentry: SentryStandIn, caplog: pytest.LogCaptureFixture) -> None:
    sentry.faults.always("envelope", Fault(kind=Misbehaviour.DROP))
    with caplog.at_level(logging.DEBUG):
        notifier(sentry).send(replace(ALERT, remedy="secret words"))

    assert "secret words" not in caplog.text
    assert json.dumps(sentry.dsn) not in caplog.text
