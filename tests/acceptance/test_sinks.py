"""The real command beside sinks that answer nonsense: the service lives on, and a switch hears what is true."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.fakes.monitoring import MonitoringStandIn
from tests.support.application_db import Venue
from tests.support.command import reconciler
from tests.support.service_process import eventually, plant, present_day, running

pytestmark = pytest.mark.one_server

SOON = timedelta(seconds=20)
DEEP = Fault(kind=Misbehaviour.STATUS, status=200, body="[" * 60_000)
DIGITS = Fault(kind=Misbehaviour.STATUS, status=429, headers=(("X-Sentry-Rate-Limits", "9" * 400 + ":error:key"),))


@pytest.fixture
def watchman() -> Iterator[MonitoringStandIn]:
    with MonitoringStandIn() as stand_in:
        yield stand_in


def add_switch(folder: Path, *jobs: str) -> None:
    cron_yaml = folder / "cron.yaml"
    text = cron_yaml.read_text()
    for job in jobs:
        text = text.replace(f"{job}: {{every: 1s}}", f"{job}: {{every: 1s, alive: WATCH_URL}}")
    cron_yaml.write_text(text)


@pytest.mark.parametrize("fault", [DEEP, DIGITS], ids=["nested", "400 digits"])
def test_d4_nonsense_from_sentry_ends_no_service(venue: Venue, tmp_path: Path, fault: Fault) -> None:
    with present_day(venue, tmp_path) as (sandbox, variables):
        sandbox.sentry.faults.always("", fault)
        plant(venue, 2)
        with running(tmp_path, variables) as service:
            eventually(lambda: len(sandbox.twilio.messages) == 2, SOON)
            before = len(service.log_lines("pass"))
            eventually(lambda: len(service.log_lines("pass")) > before + 4, SOON)
            assert service.stop() == 0
        assert "sink_unknown" not in service.log.read_text(), "each of these answers was thought of"


AWAY = {
    "no database of this name": lambda url, name: url.replace(name, "nowhere"),
    "nobody listens": lambda _, name: f"postgresql://reconciler_job@127.0.0.1:1/{name}",
    "no such role": lambda url, _: url.replace("reconciler_job", "nobody"),
    "no such host": lambda _, name: f"postgresql://reconciler_job@db.invalid/{name}",
}


@pytest.mark.parametrize("away", AWAY)
@pytest.mark.parametrize("service", ["healthchecks", "uptime_kuma"])
def test_f2_a_database_that_is_away_pings_failure(
    venue: Venue, tmp_path: Path, watchman: MonitoringStandIn, service: str, away: str
) -> None:
    words = {"healthchecks": (["start", "success"], "fail"), "uptime_kuma": (["up"], "down")}[service]
    with present_day(venue, tmp_path) as (_, variables):
        add_switch(tmp_path, "sms_missing", "calendar_missing")
        variables["WATCH_URL"] = getattr(watchman, service)
        nowhere = variables | {"DATABASE_URL": AWAY[away](venue.url(), venue.name)}
        jobs = ("once", "sms_missing", "calendar_missing", "--do", "--scheduled")

        assert reconciler(*jobs, folder=tmp_path, **variables).code == 0
        assert [said for _, said in watchman.heard] == words[0] * 2
        watchman.heard.clear()
        reconciler(*jobs, folder=tmp_path, **nowhere)
        assert [said for _, said in watchman.heard] == [words[1]] * 2, "one for each job that could not begin"


def test_a_switch_that_takes_no_ping_is_told(venue: Venue, tmp_path: Path, watchman: MonitoringStandIn) -> None:
    with present_day(venue, tmp_path) as (sandbox, variables):
        add_switch(tmp_path, "sms_missing")
        url, watchman.check = watchman.healthchecks, "another"
        with running(tmp_path, variables | {"WATCH_URL": url}) as service:
            eventually(lambda: any("integration.heartbeat" in raw for raw in sandbox.sentry.raw), SOON)
            watchman.check = url.rpartition("/")[2]
            eventually(lambda: ("healthchecks", "success") in watchman.heard, SOON)
            assert service.stop() == 0
        (alert,) = [e for e in sandbox.sentry.events if e["tags"]["kind"] == "integration.heartbeat"]
        assert "the pings of job sms_missing are not accepted (http:200)" in alert["message"]
        assert url not in "".join(sandbox.sentry.raw) + service.log.read_text()


def test_a_switch_that_trickles_holds_up_no_job(venue: Venue, tmp_path: Path, watchman: MonitoringStandIn) -> None:
    with present_day(venue, tmp_path) as (sandbox, variables):
        add_switch(tmp_path, "sms_missing")
        watchman.faults.always("ping", Fault(kind=Misbehaviour.TRICKLE_HEADERS, seconds=1))
        plant(venue, 1)
        with running(tmp_path, variables | {"WATCH_URL": watchman.healthchecks}) as service:
            eventually(lambda: len(sandbox.twilio.messages) == 1, SOON)
            assert service.stop() == 0
