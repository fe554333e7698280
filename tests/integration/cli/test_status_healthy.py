"""``reconciler status --healthy``: whether the jobs run when they should, as a container's healthcheck asks it."""

from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.cli.main import run
from reconciler.errors import Exit
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.fakes.twilio_messages import twilio_error
from tests.support.application_db import Venue
from tests.support.sandbox_world import World

pytestmark = pytest.mark.one_server

REJECTED = Fault(kind=Misbehaviour.STATUS, status=401, body=twilio_error(401, 20003))
JOBS = ("sms_missing", "calendar_missing", "sms_delivery", "unsettled_repairs", "integrations", "coverage")


class Asked:
    """The command in this process: its exit code and its lines."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.file = folder / "cron.yaml"
        self._capsys = capsys

    def __call__(self, cron_yaml: str = "{}") -> tuple[int, list[str]]:
        self.file.write_text(cron_yaml)
        self._capsys.readouterr()
        code = run(["status", "--healthy", "--config", str(self.file)])
        said = self._capsys.readouterr()
        return code, (said.out + said.err).splitlines()


@pytest.fixture
def asked(venue: Venue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Asked:
    monkeypatch.setenv("DATABASE_URL", venue.url())
    return Asked(tmp_path, capsys)


def ran(venue: Venue, job: str, *, began: int, took: int | None = 0, scope: str = "") -> None:
    """A run that began so many minutes ago; ``took=None``: it never ended."""
    venue.sql(
        "INSERT INTO reconciler.run (job, scope, settings, started_at, finished_at, full_scan)"
        " VALUES (%s, %s, '', now() - %s, now() - %s::interval, true)",
        job, scope, timedelta(minutes=began), None if took is None else timedelta(minutes=began - took),
    )  # fmt: skip


def to_the_present(world: World) -> None:
    """Health goes by the database's clock."""
    world.clock.moment = world.venue.now = world.venue.sql("SELECT now()")[0][0]


def test_healthy_when_each_job_finished_lately(venue: Venue, asked: Asked) -> None:
    for job in JOBS:
        ran(venue, job, began=5)
        ran(venue, job, began=1, took=None)  # under way
    assert asked() == (Exit.AS_DESIRED, [])


def test_a_line_for_each_late_job(venue: Venue, asked: Asked) -> None:
    ran(venue, "sms_missing", began=30)
    ran(venue, "sms_missing", began=5, took=None)  # it hangs, or died
    ran(venue, "calendar_missing", began=5)
    assert asked() == (
        Exit.WORK_LEFT,
        [
            "late: coverage has never finished, wanted every 1h",
            "late: integrations has never finished, wanted every 15m",
            "late: sms_delivery has never finished, wanted every 10m",
            "late: sms_missing finished last 30 min ago, wanted every 10m",
            "late: unsettled_repairs has never finished, wanted every 5m",
        ],
    )


def test_only_jobs_of_the_file_count_and_each_by_its_own_schedule(venue: Venue, asked: Asked) -> None:
    ran(venue, "sms_missing", began=60 * 24 * 9)
    ran(venue, "calendar_missing", began=30)
    others = "sms_delivery: off, unsettled_repairs: off, integrations: off, coverage: off"
    jobs = f"jobs: {{{{sms_missing: {{}}, calendar_missing: {{{{every: 1h}}}}, {others}}}}}"
    assert asked(jobs.format("off")) == (Exit.AS_DESIRED, [])
    assert asked(jobs.format("{cron: 0 10 * * mon}")) == (
        Exit.WORK_LEFT,
        ["late: sms_missing finished last 9 d ago, wanted cron 0 10 * * mon"],
    )


def test_another_venue_s_runs_do_not_count(venue: Venue, asked: Asked) -> None:
    jobs = "jobs: {calendar_missing: off, sms_delivery: off, unsettled_repairs: off, integrations: off, coverage: off}"
    ours = f"bookings: {{only: {{venue_id: 7, site: north}}}}\n{jobs}"
    ran(venue, "sms_missing", began=1, scope="venue_id=8")
    ran(venue, "sms_missing", began=1)
    assert asked(ours)[0] == Exit.WORK_LEFT
    ran(venue, "sms_missing", began=1, scope="site=north venue_id=7")
    assert asked(ours) == (Exit.AS_DESIRED, [])


def test_gaps_and_broken_integrations_never_make_it_unhealthy(world: World, asked: Asked) -> None:
    to_the_present(world)
    world.venue.booking()
    world.venue.booking(contact_phone="07700")
    world.sandbox.twilio.faults.always("messages.create", REJECTED)
    world.configure(quiet="off")
    world.once()
    ran(world.venue, "integrations", began=1)
    assert {kind for kind, _ in world.gaps()} == {"sms.missing", "integration.twilio"}
    assert asked() == (Exit.AS_DESIRED, [])


def test_what_the_passes_write_is_what_it_reads(world: World, asked: Asked) -> None:
    """Rules that are off leave no run behind, and none is waited for."""
    to_the_present(world)
    world.configure(texts=", policy: off", calendar_policy="off")
    world.once()
    ran(world.venue, "integrations", began=1)
    off = "rules: {sms.missing: {policy: off}, calendar.missing: {policy: off}}"
    assert asked(off) == (Exit.AS_DESIRED, [])
    assert [line.split()[1] for line in asked()[1]] == ["calendar_missing", "sms_missing"]


def test_a_database_that_is_away(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://job:s3cret@127.0.0.1:1/venue")
    code, said = asked()
    assert (code, "cannot be reached" in said[0], "s3cret" in str(said)) == (Exit.WORK_LEFT, True, False)


def test_before_migrate_nothing_is_healthy(
    bare_venue: Venue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", bare_venue.url())
    assert Asked(tmp_path, capsys)()[0] == Exit.NEEDS_A_HUMAN


def test_it_needs_no_provider_s_variables_and_goes_without_json(
    venue: Venue, asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["status", "--healthy", "--json"]) == Exit.CONFIGURATION
    assert "do not go together" in capsys.readouterr().err
