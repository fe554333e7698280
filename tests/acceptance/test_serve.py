"""``reconciler serve`` and ``run --serve`` as a person starts and stops them."""

import json
import signal
import socket
import subprocess
import threading
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from reconciler.errors import Exit
from tests.support.application_db import Venue
from tests.support.command import COMMAND, environment, reconciler
from tests.support.service_process import eventually, present_day
from tests.support.status_page import CRON_YAML, command

SOON = timedelta(seconds=15)


def test_serve_needs_a_database_url_and_nothing_else_and_stops_when_asked(venue: Venue, tmp_path: Path) -> None:
    (tmp_path / "cron.yaml").write_text(CRON_YAML)
    booking = venue.booking()
    with command(tmp_path, {"DATABASE_URL": venue.url()}) as (url, child):
        assert "No job has run yet" in requests.get(url, timeout=10).text
        assert requests.get(f"{url}/api/bookings/{booking}", timeout=10).json()["booking"] == booking
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == 0
        assert child.stderr is not None
        assert child.stderr.read() == ""


@pytest.mark.long
def test_it_stops_also_while_it_waits_for_a_mute_database(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"postgresql://job@127.0.0.1:{mute.getsockname()[1]}/venue"
        with command(tmp_path, {"DATABASE_URL": url}) as (page, child):
            asking = threading.Thread(target=lambda: requests.get(page, timeout=10))
            asking.start()
            with mute.accept()[0]:
                child.send_signal(signal.SIGINT)
                child.wait(10)
            asking.join()
            assert child.returncode == 0


def test_the_service_shows_the_page_itself(venue: Venue, tmp_path: Path) -> None:
    with present_day(venue, tmp_path) as (_, variables), socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        refused = reconciler("run", "--serve", address, folder=tmp_path, **variables)
        assert (refused.code, "cannot listen" in refused.err) == (Exit.CONFIGURATION, True)
        taken.close()
        log = tmp_path / "log"
        with log.open("w") as out:
            child = subprocess.Popen(
                [COMMAND, "run", "--serve", address], cwd=tmp_path, env=environment(variables),
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, text=True,
            )  # fmt: skip
        try:
            eventually(lambda: '"event": "pass"' in log.read_text(), SOON)
            eventually(lambda: "All is well" in requests.get(f"http://{address}/", timeout=30).text, SOON)
            child.send_signal(signal.SIGTERM)
            assert child.wait(20) == 0, log.read_text()
        finally:
            child.kill()
            child.wait()
        events = [json.loads(line) for line in log.read_text().splitlines()]
        assert [line["url"] for line in events if line["event"] == "serving"] == [f"http://{address}/"]
