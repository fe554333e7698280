"""A scan that could not be done shows *unknown* and not 0, wherever a number is shown; a held gap is a gap."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import requests

from reconciler.cli.once import run_jobs
from reconciler.cli.output import ResultPrinter
from reconciler.domain.decide.policies import Policy
from reconciler.engine.jobs import perform
from reconciler.errors import Exit
from reconciler.ports import Services
from reconciler.web.server import bind, serving
from tests.support.doctor_runner import CommandOutput, DoctorRunner
from tests.support.sandbox_world import World

QUEUE, BOOKINGS = "private_booking_sms_queue", "private_bookings"
BLIND = {
    "a column that is only written is dropped": (f"ALTER TABLE {QUEUE} DROP COLUMN template_key", {"sms.missing"}),
    "a column that is read is dropped": (f"ALTER TABLE {QUEUE} DROP COLUMN trigger_type CASCADE", {"sms.missing"}),
    "SELECT is revoked": (f"REVOKE SELECT ON {QUEUE} FROM reconciler_job", {"sms.missing", "sms.stuck"}),
    "the queue is renamed": (f"ALTER TABLE {QUEUE} RENAME TO texts", {"sms.missing", "sms.unproven"}),
    "the bookings are renamed": (f"ALTER TABLE {BOOKINGS} RENAME TO parties", {"sms.missing", "calendar.missing"}),
    "the bookings' SELECT is revoked": (f"REVOKE SELECT ON {BOOKINGS} FROM reconciler_job", {"calendar.missing"}),
}


@pytest.fixture
def runner(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> DoctorRunner:
    return DoctorRunner(world, monkeypatch, capsys)


@contextmanager
def page(world: World) -> Iterator[str]:
    settings = world.settings()
    with serving(bind("127.0.0.1:0", settings), settings) as server:
        yield server.url


def metrics(world: World) -> dict[str, float]:
    with page(world) as url:
        lines = [line for line in requests.get(f"{url}metrics", timeout=20).text.splitlines() if line[0] != "#"]
    return {name: float(number) for name, number in (line.rsplit(" ", 1) for line in lines)}


def shown(world: World) -> str:
    with page(world) as url:
        return " ".join(re.sub(r"<[^>]+>", " ", requests.get(url, timeout=20).text).split())


def status(runner: DoctorRunner) -> tuple[CommandOutput, dict[str, object]]:
    return runner.command("status"), json.loads(runner.command("status", "--json").out)


@pytest.mark.parametrize(("break_it", "kinds"), BLIND.values(), ids=BLIND)
def test_a3_a_rule_that_cannot_be_scanned(world: World, runner: DoctorRunner, break_it: str, kinds: set[str]) -> None:
    booking = world.venue.booking()
    world.venue.alter(break_it)
    world.once()

    plain, data = status(runner)
    unknown = data["unknown"]
    assert isinstance(unknown, list)
    assert {one["kind"] for one in unknown} >= kinds
    assert plain.code == Exit.NEEDS_A_HUMAN
    for kind in kinds:
        assert re.search(rf"^unknown +\? +{re.escape(kind)} +the last run could not scan$", plain.out, re.MULTILINE)
    assert "0 repairable" not in plain.out

    scraped = metrics(world)
    for kind in kinds:
        assert f'reconciler_gaps_open{{kind="{kind}"}}' not in scraped
        assert scraped[f'reconciler_scan_ok{{kind="{kind}"}}'] == 0
    text = shown(world)
    assert "All is well" not in text
    assert all(f"{kind}: unknown" in text for kind in kinds)

    once = runner.command("once")
    if "template_key" not in break_it:  # a look needs no column that is only written
        for kind in kinds:
            assert re.search(rf"^{re.escape(kind)}( +unknown){{7}} *$", once.out, re.MULTILINE), once.out
    explained = runner.command("explain", booking[:8])
    assert "unknown" in (explained.out + explained.err).lower()
    assert "no booking" not in explained.err


def test_rows_that_row_level_security_hides(world: World, runner: DoctorRunner) -> None:
    booking = world.venue.booking()
    for (policy,) in world.venue.sql("SELECT policyname FROM pg_policies WHERE tablename = %s", BOOKINGS):
        world.venue.alter(f'DROP POLICY "{policy}" ON {BOOKINGS}')
    world.once()
    _, data = status(runner)
    assert {one["kind"] for one in data["unknown"]} >= {"sms.missing", "calendar.missing"}  # type: ignore[attr-defined]
    explained = runner.command("explain", booking[:8])
    assert (explained.code, "what is missing is unknown" in explained.err) == (Exit.NEEDS_A_HUMAN, True)


def test_a_table_that_is_locked(world: World, runner: DoctorRunner) -> None:
    """The pass tells it at once, the ledger has a run that could not scan, and the tables are not called broken."""
    world.configure(limits=", timeouts: {lock: 200ms, sql: 5s}")
    with world.venue.postgres.connect(world.venue.name) as other, other.transaction():
        other.execute(f"LOCK TABLE {BOOKINGS}")
        results = world.both()
    assert all(result.unscanned and result.plan is None for result in results.values())
    assert {result.exit_code for result in results.values()} == {Exit.WORK_LEFT}
    _, data = status(runner)
    assert {one["kind"] for one in data["unknown"]} >= {"sms.missing", "calendar.missing"}  # type: ignore[attr-defined]
    assert world.gaps() == {}
    assert "sms.missing: unknown, the last run could not scan" in shown(world)
    world.once()
    assert status(runner)[1]["unknown"] == []
    assert metrics(world)['reconciler_gaps_open{kind="sms.missing"}'] == 0


def test_a_pass_that_crashed(world: World, runner: DoctorRunner) -> None:
    """A bug in the plan: no booking was judged. What the run before found is not shown as if it were new."""
    world.once()
    world.venue.booking(status="draft")
    with world.services() as services, pytest.raises(AttributeError):
        perform("sms_missing", replace(services, phones=None))  # type: ignore[arg-type]  # the bug
    assert [one["kind"] for one in status(runner)[1]["unknown"]] == ["sms.missing", "sms.duplicate"]  # type: ignore[attr-defined]
    assert metrics(world)['reconciler_scan_ok{kind="calendar.missing"}'] == 1


def test_before_the_first_run_nothing_is_known(world: World, runner: DoctorRunner) -> None:
    plain, data = status(runner)
    assert (plain.code, "0 repairable" in plain.out) == (Exit.WORK_LEFT, False)
    assert data["open"] == {"repairable": None, "held": None, "needs_human": None}
    assert 'reconciler_gaps_open{kind="sms.missing"}' not in metrics(world)


def test_a_rule_that_is_off_is_not_unknown(world: World, runner: DoctorRunner) -> None:
    world.configure(calendar_policy=str(Policy.OFF))
    world.once()
    assert status(runner)[1]["unknown"] == []


HELD = {
    "repairs: report": ({"more": "repairs: report"}, {}),
    "quiet hours": ({"quiet": "00:00-23:59"}, {}),
    "breaker": ({"limits": ", breaker: {sms: 0, ratio: 0.01, ratio_from: 1}"}, {}),
    "kill switch": ({}, {"SUSPEND_ALL_SMS": "true"}),
    "a wrong variable": ({}, {"TWILIO_AUTH_TOKEN": ""}),
}


def table(services: Services, world: World, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    ResultPrinter(services).show(run_jobs(("sms_missing",), services))
    return capsys.readouterr().out


@pytest.mark.parametrize(("edits", "variables"), HELD.values(), ids=HELD)
def test_a7_gaps_count_whatever_holds_them(
    world: World,
    runner: DoctorRunner,
    capsys: pytest.CaptureFixture[str],
    edits: dict[str, str],
    variables: dict[str, str],
) -> None:
    for number in range(3):
        world.venue.booking(contact_phone=f"+44770090012{number}")
    world.configure(**edits)
    world.environment |= variables
    world.once(jobs=("calendar_missing", "sms_delivery"))
    for act in (False, True):
        with world.services(act=act) as services:
            row = re.search(r"^sms\.missing +(.*)$", table(services, world, capsys), re.MULTILINE)
        assert row
        assert row[1].split() == ["3", "0", "0", "3", "0", "3", "0"]
    assert world.sent_to() == []
    data = status(runner)[1]
    gaps = data["gaps"]
    assert isinstance(gaps, list)
    assert sum(one["count"] for one in gaps if one["kind"] == "sms.missing") == 3
    assert metrics(world)['reconciler_gaps_open{kind="sms.missing"}'] == 3
    assert "3 gaps" in shown(world)
