"""The demo's bookings end as their authors wrote down, at any hour and on the days the clocks change."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from reconciler.cli.once import run_jobs
from reconciler.domain.rules.registry import find_aggregate
from reconciler.engine.jobs import available
from reconciler.engine.reconcile.results import PassResult
from reconciler.ports import Mandate
from reconciler.sandbox.demo import verify
from reconciler.sandbox.world import Sandbox
from reconciler.settings import Settings, load
from reconciler.wiring import assembly
from tests.support.application_db import Venue
from tests.support.clock import StandingClock

LONDON = ZoneInfo("Europe/London")
MOMENTS = {
    "at night": datetime(2026, 6, 10, 3, 0, tzinfo=LONDON),
    "at noon": datetime(2026, 6, 10, 12, 0, tzinfo=LONDON),
    "just before midnight": datetime(2026, 12, 31, 23, 59, tzinfo=LONDON),
    "the day the clocks go forward": datetime(2027, 3, 28, 0, 30, tzinfo=LONDON),
    "after they went forward": datetime(2027, 3, 28, 12, 0, tzinfo=LONDON),
    "the hour that comes twice, first": datetime(2026, 10, 25, 1, 30, tzinfo=LONDON),
    "the hour that comes twice, second": datetime(2026, 10, 25, 1, 30, fold=1, tzinfo=LONDON),
}


def passes(settings: Settings, clock: StandingClock) -> list[PassResult]:
    with assembly.services(settings, Mandate(act=True), clock) as services:
        return run_jobs(available(), services)


SHORT = ("at noon", "the hour that comes twice, second")


@pytest.mark.parametrize(
    "moment",
    [pytest.param(at, id=name, marks=[pytest.mark.long] * (name not in SHORT)) for name, at in MOMENTS.items()],
)
def test_the_demo_ends_as_expected_and_a_second_pass_writes_nothing(venue: Venue, moment: datetime) -> None:
    clock = StandingClock(moment)
    with Sandbox(postgres=venue.postgres, database=venue.name, now=clock.now) as sandbox:
        settings = load(sandbox.cron_yaml, sandbox.environment())
        first = passes(settings, clock)
        assert verify.surprises(sandbox) == []
        jobs_of_bookings = [result for result in first if result.kind and result.job != "unsettled_repairs"]
        for result in (result for result in jobs_of_bookings if not find_aggregate(result.kind)):
            assert result.plan is not None
            assert sum(result.plan.tally().values()) == result.plan.checked == len(sandbox.bookings)
        rows, calls = sandbox.checksum(), sandbox.writes()
        second = passes(settings, clock)
        assert (sandbox.checksum(), sandbox.writes()) == (rows, calls)
        assert sum(result.repaired for result in second) == 0


def test_a_missing_effect_is_a_surprise(venue: Venue) -> None:
    """The judgement itself can fail: without a pass, everything that is missing is silent."""
    with Sandbox(postgres=venue.postgres, database=venue.name) as sandbox:
        silent = {surprise.reference for surprise in verify.surprises(sandbox) if surprise.silent}
        lacking = ("sent", "stuck", "unproven")
        missing = {b.reference for b in sandbox.bookings if b.text in lacking or b.calendar == "created"}
        assert missing <= silent
