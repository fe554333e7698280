"""The page beside the jobs: whatever happens to it, they go on, and it comes back."""

import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from reconciler.sandbox.world import Sandbox
from reconciler.web.serving.connections import MAX_CONNECTIONS
from tests.support.application_db import Venue
from tests.support.raw_http import answer, connected, get, rest, silent, statuses
from tests.support.service_process import Service, eventually, plant, present_day, running

SOON = timedelta(seconds=60)
MEGABYTE = 1024
"""In the unit of /proc."""
CLOSE = b"Connection: close"


@pytest.fixture
def address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def beside(venue: Venue, tmp_path: Path) -> Iterator[tuple[Sandbox, dict[str, str]]]:
    with present_day(venue, tmp_path) as stand_ins:
        yield stand_ins


def resident(pid: int) -> int:
    """Megabytes of memory."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) // MEGABYTE


def passes(service: Service) -> int:
    return len(service.log_lines("pass"))


def all_is_well(url: str) -> bool:
    try:
        return "All is well" in requests.get(url, timeout=10).text
    except requests.RequestException:  # the socket is open from the start, and a busy machine is slow to start a page
        return False


def late_jobs(url: str) -> list[str]:
    scraped = requests.get(f"{url}/metrics", timeout=10).text
    samples = re.findall(r'(?m)^reconciler_job_late{job="(\w+)"} (\S+)', scraped)
    assert samples
    return [job for job, late in samples if float(late)]


def test_d8_silent_connections_stop_no_job(
    venue: Venue, beside: tuple[Sandbox, dict[str, str]], address: str, tmp_path: Path
) -> None:
    sandbox, variables = beside
    url = f"http://{address}"
    with running(tmp_path, variables, "--serve", address, descriptors=1024) as service:
        eventually(lambda: all_is_well(url), SOON)
        memory = resident(service.page())
        with silent(url, 2000):
            before = passes(service)
            plant(venue, 20)
            for _ in range(10):
                assert statuses(answer(url, get("/", CLOSE))) == [200]
            eventually(lambda: len(sandbox.twilio.messages) == 20, SOON)
            eventually(lambda: passes(service) > before + 9, SOON)  # each of the three jobs, three times
            eventually(lambda: all_is_well(url), SOON)
            assert late_jobs(url) == []
            assert len(list(Path(f"/proc/{service.page()}/fd").iterdir())) < 2 * MAX_CONNECTIONS
            assert resident(service.page()) < memory + 30
        assert service.stop() == 0
        events = [json.loads(line) for line in service.log.read_text().splitlines()]
    assert [line["reason"] for line in events if line["event"] == "page_refused"] == ["too_many"] * 2
    # On a busy machine a job of every second is still running at its next turn.
    loud = {line["event"] for line in events if line["level"] in ("warning", "error")}
    assert loud <= {"page_refused", "run_skipped"}


def test_a_page_that_dies_comes_back_and_the_jobs_go_on(
    venue: Venue, beside: tuple[Sandbox, dict[str, str]], address: str, tmp_path: Path
) -> None:
    sandbox, variables = beside
    url = f"http://{address}"
    (tmp_path / "click.py").write_text("raise SystemExit('no module of ours')\n")
    with running(tmp_path, variables, "--serve", address) as service:
        eventually(lambda: all_is_well(url), SOON)
        first = service.page()
        os.kill(first, signal.SIGKILL)
        with connected(url, 30) as waiting:  # the socket is still there: nobody is refused
            waiting.sendall(get("/", CLOSE))
            plant(venue, 3)
            eventually(lambda: len(sandbox.twilio.messages) == 3, SOON)
            assert statuses(rest(waiting)) == [200]
        assert service.page() != first
        (ended,) = map(json.loads, service.log_lines("page_ended"))
        assert ended["seen"] == "ended by signal 9"
        (incident,) = (one for one in map(json.loads, service.log_lines("incident")) if one["code"] == "page_ended")
        assert incident["kind"] == "integration.scheduler"
        assert service.stop() == 0


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_no_page_is_left_behind(
    how: signal.Signals, beside: tuple[Sandbox, dict[str, str]], address: str, tmp_path: Path
) -> None:
    _, variables = beside
    url = f"http://{address}"
    with running(tmp_path, variables, "--serve", address) as service:
        eventually(lambda: all_is_well(url), SOON)
        page = service.page()
        service.child.send_signal(how)
        assert service.child.wait(30) == (-how if how is signal.SIGKILL else 0)
        eventually(lambda: not Path(f"/proc/{page}").exists(), SOON)
        assert service.log_lines("page_ended") == []
    host, _, port = address.partition(":")
    socket.create_server((host, int(port))).close()
