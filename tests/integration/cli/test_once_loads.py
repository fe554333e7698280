"""``once`` loads what it uses. Where nothing is to be sent, no alert is due and no line is logged, that is little."""

import subprocess
import sys
from pathlib import Path

from reconciler.sandbox.world import Sandbox
from tests.support.application_db import Venue
from tests.support.command import environment

UNUSED = (
    "alembic",
    "apprise",
    "apscheduler",
    "attr",
    "google.auth",
    "googleapiclient",
    "httplib2",
    "prometheus_client",
    "pygments",
    "requests",
    "rich.console",
    "sentry_sdk",
    "starlette",
    "structlog",
    "twilio",
    "urllib3",
    "uvicorn",
)
SCRIPT = f"""
import sys
from reconciler.cli.main import run
code = run(["once"])
print("loaded:", *(name for name in {UNUSED} if name in sys.modules))
sys.exit(code)
"""


def test_a_look_at_an_empty_database_loads_no_sdk_no_notifier_and_no_log(venue: Venue, tmp_path: Path) -> None:
    """Every provider is configured: its SDK is loaded by the first call, and there is none."""
    with Sandbox(postgres=venue.postgres, database=venue.name, bookings=()) as sandbox:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=tmp_path,
            env=environment(sandbox.environment()),
            capture_output=True,
            text=True,
            check=False,
        )

    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing was written" in done.stdout
    assert done.stdout.splitlines()[-1] == "loaded:"
