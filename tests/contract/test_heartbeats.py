"""Heartbeats: each monitoring service is pinged as it wants to be, and a failed ping never fails a run."""

import time
from collections.abc import Iterator

import pytest

from reconciler.reporting.heartbeats import Heartbeats
from reconciler.reporting.monitoring_services import MonitoringService, recognised
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.fakes.monitoring import MonitoringStandIn

JOB = "sms_missing"
UUID = "0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f"


@pytest.fixture
def watchman() -> Iterator[MonitoringStandIn]:
    with MonitoringStandIn() as stand_in:
        yield stand_in


def heartbeats(watchman: MonitoringStandIn, service: str) -> Heartbeats:
    """Cronitor is recognised by its host alone, which a stand-in has not."""
    explicit = MonitoringService.CRONITOR if service == "cronitor" else None
    return Heartbeats({JOB: getattr(watchman, service)}, explicit)


@pytest.mark.parametrize(
    ("service", "well", "broken"),
    [
        ("healthchecks", ["start", "success"], ["start", "fail"]),
        ("cronitor", ["run", "complete"], ["run", "fail"]),
        ("uptime_kuma", ["up"], ["down"]),
        ("plain", ["alive"], []),
    ],
)
def test_f2_each_service_as_it_wants_it(
    watchman: MonitoringStandIn, service: str, well: list[str], broken: list[str]
) -> None:
    beats = heartbeats(watchman, service)
    codes = []
    for failed in (False, True):
        codes += [beats.start(JOB), beats.end(JOB, failed=failed)]

    assert watchman.heard == [(service, word) for word in [*well, *broken]]
    assert codes == [""] * 4, "nothing was asked that the service does not know"


@pytest.mark.parametrize(
    ("url", "service"),
    [
        (f"https://hc-ping.com/{UUID}", MonitoringService.HEALTHCHECKS),
        (f"https://hc-ping.com/{'k' * 22}/nightly?create=1", MonitoringService.HEALTHCHECKS),
        (f"https://checks.venue.example/ping/{UUID}/", MonitoringService.HEALTHCHECKS),
        (f"https://checks.venue.example/ping/{'k' * 22}/sms-missing", MonitoringService.HEALTHCHECKS),
        ("https://cronitor.link/p/0123456789abcdef/nightly?env=production", MonitoringService.CRONITOR),
        ("https://CRONITOR.link/d3x0c1", MonitoringService.CRONITOR),
        ("https://status.venue.example/api/push/AbC123?status=up&msg=OK&ping=", MonitoringService.UPTIME_KUMA),
        ("https://venue.example/kuma/api/push/AbC123", MonitoringService.UPTIME_KUMA),
        ("https://uptime.betterstack.com/api/v1/heartbeat/AbC123", MonitoringService.PLAIN),
        ("https://nosnch.in/c2354d53d2", MonitoringService.PLAIN),
        ("https://venue.example/ping/anything", MonitoringService.PLAIN),
    ],
)
def test_a_url_shows_its_service(url: str, service: MonitoringService) -> None:
    assert recognised(url) is service


def test_the_setting_wins_over_the_url(watchman: MonitoringStandIn) -> None:
    Heartbeats({JOB: watchman.healthchecks}, MonitoringService.PLAIN).end(JOB, failed=True)

    assert watchman.heard == []


def test_a_job_without_a_heartbeat_pings_nothing(watchman: MonitoringStandIn) -> None:
    beats = heartbeats(watchman, "healthchecks")
    beats.start("calendar_missing")
    beats.end("calendar_missing", failed=True)

    assert watchman.heard == []


@pytest.mark.parametrize("service", ["healthchecks", "cronitor", "uptime_kuma"])
def test_a_url_that_the_service_does_not_know_is_no_sign_of_life(watchman: MonitoringStandIn, service: str) -> None:
    beats = heartbeats(watchman, service)
    watchman.check = watchman.key = watchman.token = "another"

    assert beats.end(JOB, failed=False).startswith("http:")


def test_a_trial_is_no_sign_of_life(watchman: MonitoringStandIn) -> None:
    for service in ("healthchecks", "cronitor", "uptime_kuma", "plain"):
        assert heartbeats(watchman, service).try_out(JOB) == ""

    assert watchman.heard == [("healthchecks", "log")], "only healthchecks.io has a ping that changes nothing"


def test_a_trial_finds_a_check_that_does_not_exist_and_a_host_that_is_away(watchman: MonitoringStandIn) -> None:
    beats = {name: heartbeats(watchman, name) for name in ("healthchecks", "plain")}
    watchman.check = "another"
    assert beats["healthchecks"].try_out(JOB) == "http:200"

    watchman.stop()
    assert [one.try_out(JOB) for one in beats.values()] == ["ConnectionError"] * 2


def test_a_redirect_is_not_followed(watchman: MonitoringStandIn) -> None:
    moved = (("Location", f"{watchman.url}/beat"),)
    for status in (301, 302, 307, 308):
        watchman.faults.next_calls("ping", Fault(kind=Misbehaviour.STATUS, status=status, headers=moved))
        assert heartbeats(watchman, "plain").end(JOB, failed=False) == f"http:{status}"

    assert watchman.heard == []


@pytest.mark.parametrize(
    "fault",
    [Fault(kind=Misbehaviour.DROP), Fault(kind=Misbehaviour.STATUS, status=404), Fault(kind=Misbehaviour.LOSE)],
)
def test_a_failed_ping_fails_nothing_and_its_url_is_not_logged(
    watchman: MonitoringStandIn,
    fault: Fault,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    watchman.faults.always("ping", fault)
    beats = heartbeats(watchman, "healthchecks")
    began = time.monotonic()
    with caplog.at_level("DEBUG"):
        beats.end(JOB, failed=False)
    log = caplog.text + capsys.readouterr().out

    assert time.monotonic() - began < 5
    assert "heartbeat_" in log
    assert watchman.check not in log + repr(beats)
