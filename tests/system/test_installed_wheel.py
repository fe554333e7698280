"""The image without an engine: first stage played, then exactly its command, by a user without rights, elsewhere."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from reconciler.presets import preset_text
from tests.support.application_db import Venue
from tests.support.dockerfile import healthcheck, play_first_stage, stages
from tests.support.service_process import eventually, present_day

pytestmark = pytest.mark.system
FINAL = stages()[1]
UNPRIVILEGED = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
SOON = timedelta(seconds=30)


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that every user may read; below it what the image has below /."""
    root = Path(tempfile.mkdtemp(prefix="reconciler-image-"))
    root.chmod(0o755)
    play_first_stage(root)
    yield root
    shutil.rmtree(root)


def start(arguments: list[str], place: Path, variables: Mapping[str, str], out: Path) -> "subprocess.Popen[bytes]":
    """A process as the engine would start it: the image's environment and folder, and nothing of ours."""
    own = {name: value.replace("/opt/", f"{place}/opt/") for name, value in FINAL.environment().items()}
    own["PATH"] = own["PATH"].replace("$PATH", "/usr/bin:/bin")
    with out.open("wb") as alerted:
        return subprocess.Popen(
            arguments,
            cwd=place / "etc",
            env=own | dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=alerted,
            stderr=alerted,
            **UNPRIVILEGED,  # type: ignore[call-overload]  # a mapping of its own keywords
        )


def test_the_jobs_have_one_import_name_of_their_own(place: Path, tmp_path: Path) -> None:
    """A top-level package called ``jobs`` could hide another program's."""
    (place / "etc").mkdir(mode=0o755, exist_ok=True)
    assert start(["python", "-c", "import reconciler_jobs.sms_missing"], place, {}, tmp_path / "ours").wait(30) == 0
    assert start(["python", "-c", "import jobs"], place, {}, tmp_path / "jobs").wait(30) == 1
    assert "No module named 'jobs'" in (tmp_path / "jobs").read_text()


def test_the_image_s_command_prints_presets_and_the_schema(place: Path, tmp_path: Path) -> None:
    """The presets are part of the wheel, and all jobs are known."""
    (place / "etc").mkdir(mode=0o755, exist_ok=True)
    assert start(["reconciler", "init", "-"], place, {}, tmp_path / "cron.yaml").wait(30) == 0
    assert (tmp_path / "cron.yaml").read_text().endswith(preset_text("reference"))
    assert start(["reconciler", "schema"], place, {}, tmp_path / "cron.schema.json").wait(30) == 0
    assert "fire_drill" in json.loads((tmp_path / "cron.schema.json").read_text())["properties"]["jobs"]["properties"]


@pytest.mark.parametrize("postgres", ["pooled"], indirect=True)
def test_the_image_s_command_repairs_says_that_it_is_healthy_and_stops(
    venue: Venue, place: Path, tmp_path: Path
) -> None:
    (place / "etc").mkdir(mode=0o755, exist_ok=True)
    log, answer = tmp_path / "log", tmp_path / "answer"
    ask = healthcheck(FINAL)[1].arguments()
    with present_day(venue, place / "etc") as (sandbox, variables):
        before = sorted(place.rglob("*"))
        child = start(FINAL.last("ENTRYPOINT").arguments() + FINAL.last("CMD").arguments(), place, variables, log)
        try:
            eventually(lambda: '"event": "pass"' in log.read_text(), SOON)
            booking = venue.booking(created_at=venue.now - timedelta(seconds=5), event_date="2999-01-01")
            eventually(lambda: venue.stored_event(booking) is not None and bool(sandbox.twilio.messages), SOON)
            assert start(ask, place, variables, answer).wait(30) == 0, answer.read_text()
            child.send_signal(signal.SIGTERM)
            assert child.wait(20) == 0, log.read_text()
        finally:
            child.kill()
            child.wait()
        assert [event["id"] for event in sandbox.google.live()] == [venue.stored_event(booking)]
        assert len(sandbox.twilio.messages) == 1
        assert sorted(place.rglob("*")) == before, "it writes no file"
        assert start(ask, place, variables | {"DATABASE_URL": "postgresql://x@127.0.0.1:1/x"}, answer).wait(30) == 3


@pytest.mark.parametrize("postgres", ["pooled"], indirect=True)
def test_the_image_s_command_shows_the_page(venue: Venue, place: Path, tmp_path: Path) -> None:
    """Its templates are part of the wheel."""
    (place / "etc").mkdir(mode=0o755, exist_ok=True)
    log = tmp_path / "log"
    with present_day(venue, place / "etc") as (_, variables):
        child = start(["reconciler", "serve", "--listen", "127.0.0.1:0"], place, variables, log)
        try:
            eventually(lambda: "status page: " in log.read_text(), SOON)
            url = log.read_text().split()[-1]
            shown = requests.get(url, timeout=10)
            assert (shown.status_code, "No job has run yet" in shown.text) == (200, True), log.read_text()
            assert requests.get(f"{url}page.css", timeout=10).headers["content-type"].startswith("text/css")
        finally:
            child.terminate()
            assert child.wait(20) == 0
