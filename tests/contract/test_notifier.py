"""``ports.Notifier``, one suite over every implementation: Sentry's against the stand-in, and the one in memory."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.domain.alerting.alerts import Alert, CheckIn, DeliveryStatus, Severity
from reconciler.domain.drill import DrillAlert
from reconciler.domain.gaps import Cause, GapKind
from reconciler.ports import Notifier
from reconciler.reporting.memory import MemoryNotifier
from reconciler.reporting.sentry.notifier import SentryNotifier
from reconciler.sandbox.fakes.sentry import SentryStandIn

NOW = datetime(2026, 6, 10, 11, 0, tzinfo=UTC)
ALERT = Alert(
    id="5a4d" * 8, kind=GapKind.SMS_MISSING, cause=Cause.NEVER_QUEUED, severity=Severity.WARNING, found=3, repaired=3,
    oldest_at=NOW,
)  # fmt: skip


@pytest.fixture(params=["sentry", "memory"])
def notifier(request: pytest.FixtureRequest) -> Iterator[Notifier]:
    if request.param == "memory":
        yield MemoryNotifier()
        return
    with SentryStandIn() as sentry:
        yield SentryNotifier(sentry.dsn, "venue", "reconciler@1.2.3", timeout=timedelta(seconds=5))


def test_an_alert_is_accepted_and_so_is_a_repeat(notifier: Notifier) -> None:
    assert [notifier.send(ALERT), notifier.send(ALERT)] == [DeliveryStatus.ACCEPTED] * 2


def test_it_would_accept_an_alert(notifier: Notifier) -> None:
    assert notifier.check() == ""


def test_a_drill_event_and_a_check_in_are_accepted(notifier: Notifier) -> None:
    assert (
        notifier.send_test_event(DrillAlert(id="5a4e" * 8, planted=(GapKind.SMS_STUCK,), at=NOW))
        is DeliveryStatus.ACCEPTED
    )
    assert notifier.check_in(CheckIn(monitor="reconciler", ok=True, every=timedelta(minutes=5)))
