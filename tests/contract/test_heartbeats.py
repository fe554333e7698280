"""Heartbeats: which pings are sent, and that a failed ping never fails a run."""

import time
from collections.abc import Iterator

import pytest

from reconciler.reporting.heartbeats import Heartbeats
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from tests.support.webhook import Webhook


@pytest.fixture
def watchman() -> Iterator[Webhook]:
    with Webhook() as webhook:
        yield webhook


def test_start_success_and_fail(watchman: Webhook) -> None:
    heartbeats = Heartbeats({"sms_missing": f"{watchman.url}/ping/sw1tch"})
    for failed in (False, True):
        heartbeats.start("sms_missing")
        heartbeats.end("sms_missing", failed=failed)

    assert watchman.paths == [f"/ping/sw1tch{end}" for end in ("/start", "", "/start", "/fail")]


def test_a_job_without_a_heartbeat_pings_nothing(watchman: Webhook) -> None:
    heartbeats = Heartbeats({"sms_missing": f"{watchman.url}/ping/sw1tch"})
    heartbeats.start("calendar_missing")
    heartbeats.end("calendar_missing", failed=True)

    assert watchman.paths == []


def test_the_query_string_stays_at_the_end(watchman: Webhook) -> None:
    Heartbeats({"sms_missing": f"{watchman.url}/ping/sw1tch/?create=1"}).start("sms_missing")

    assert watchman.paths == ["/ping/sw1tch/start"]


@pytest.mark.parametrize(
    "fault",
    [Fault(kind=Misbehaviour.DROP), Fault(kind=Misbehaviour.STATUS, status=404), Fault(kind=Misbehaviour.LOSE)],
)
def test_a_failed_ping_fails_nothing_and_its_url_is_not_logged(
    watchman: Webhook, fault: Fault, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    watchman.faults.always("hook", fault)
    heartbeats = Heartbeats({"sms_missing": f"{watchman.url}/ping/sw1tch"})
    began = time.monotonic()
    with caplog.at_level("DEBUG"):
        heartbeats.end("sms_missing", failed=False)
    log = caplog.text + capsys.readouterr().out

    assert time.monotonic() - began < 5
    assert "heartbeat_" in log
    assert "sw1tch" not in log + repr(heartbeats)
