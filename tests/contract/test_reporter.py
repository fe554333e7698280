"""``ports.Reporter``, one suite over every implementation: Sentry's against the stand-in, and the one in memory."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.domain.alerting.alerts import CheckIn, Level, Report, Told
from reconciler.domain.drill import DrillReport
from reconciler.domain.gaps import Cause, GapKind
from reconciler.ports import Reporter
from reconciler.reporting.memory import MemoryReporter
from reconciler.reporting.sentry.notifier import SentryReporter
from reconciler.sandbox.fakes.sentry import SentryStandIn

NOW = datetime(2026, 6, 10, 11, 0, tzinfo=UTC)
REPORT = Report(
    id="5a4d" * 8, kind=GapKind.SMS_MISSING, cause=Cause.NEVER_QUEUED, level=Level.WARNING, found=3, repaired=3,
    oldest_at=NOW,
)  # fmt: skip


@pytest.fixture(params=["sentry", "memory"])
def reporter(request: pytest.FixtureRequest) -> Iterator[Reporter]:
    if request.param == "memory":
        yield MemoryReporter()
        return
    with SentryStandIn() as sentry:
        yield SentryReporter(sentry.dsn, "venue", "reconciler@1.2.3", timeout=timedelta(seconds=5))


def test_what_is_told_is_accepted_and_so_is_a_repeat(reporter: Reporter) -> None:
    assert [reporter.tell(REPORT), reporter.tell(REPORT)] == [Told.ACCEPTED] * 2


def test_it_would_take_a_report(reporter: Reporter) -> None:
    assert reporter.check() == ""


def test_a_drill_and_a_sign_of_life_are_accepted(reporter: Reporter) -> None:
    assert reporter.rehearse(DrillReport(id="5a4e" * 8, planted=(GapKind.SMS_STUCK,), at=NOW)) is Told.ACCEPTED
    assert reporter.check_in(CheckIn(monitor="reconciler", ok=True, every=timedelta(minutes=5)))
