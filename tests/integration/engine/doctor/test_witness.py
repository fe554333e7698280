"""The doctor runs the very statements and verdicts of a pass on a few bookings: what would fail there fails here."""

import pytest

from reconciler.errors import Exit
from tests.support.doctor_runner import DoctorRunner
from tests.support.sandbox_world import World


@pytest.fixture
def runner(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> DoctorRunner:
    return DoctorRunner(world, monkeypatch, capsys)


def test_it_says_how_many_bookings_were_tried(runner: DoctorRunner) -> None:
    for _ in range(5):
        runner.world.venue.booking()
    seen = runner.doctor("--json")
    assert "scan and verdicts tried on 3 bookings" in seen.messages("schema", "OK")[0]


def test_without_a_booking_nothing_is_claimed(runner: DoctorRunner) -> None:
    assert "tried" not in runner.doctor("--json").messages("schema", "OK")[0]


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE private_bookings ALTER COLUMN guest_count TYPE numeric",
        "UPDATE private_bookings SET end_time = NULL, start_time = '24:00'",
        "UPDATE private_bookings SET customer_name = ''",
    ],
)
def test_odd_values_are_judged_and_no_bug(runner: DoctorRunner, sql: str) -> None:
    runner.world.venue.booking()
    runner.world.venue.alter(sql)
    seen = runner.doctor("--json")
    assert seen.statuses["schema"] == "OK"
    assert seen.code != Exit.BUG


def test_a_statement_that_a_pass_would_not_survive_is_a_fault(runner: DoctorRunner) -> None:
    """A view's function that fails for one row: the catalogue shows nothing of it."""
    runner.world.venue.booking()
    runner.world.venue.alter(
        "CREATE FUNCTION fails() RETURNS boolean LANGUAGE plpgsql STABLE AS $f$ BEGIN RAISE EXCEPTION 'no'; END $f$; "
        "CREATE POLICY fails ON private_bookings AS RESTRICTIVE FOR SELECT TO reconciler_job USING (fails())"
    )
    seen = runner.doctor("--json")
    assert "FAIL" in (seen.statuses["schema"], seen.statuses["database"])
    assert "Traceback" not in seen.out + seen.err
