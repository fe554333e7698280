"""``--help`` of every command appears at once: it loads no database, no provider and no settings."""

import subprocess
import sys

import pytest

from reconciler.cli.main import COMMANDS

HEAVY = (
    "alembic",
    "apprise",
    "apscheduler",
    "googleapiclient",
    "pydantic",
    "rich",
    "sentry_sdk",
    "sqlalchemy",
    "twilio",
)
SCRIPT = f"""
import sys
from reconciler.cli.main import run
code = run([sys.argv[1], "--help"])
print("loaded:", *(name for name in {HEAVY} if name in sys.modules))
sys.exit(code)
"""


@pytest.mark.parametrize("name", COMMANDS)
def test_help_loads_nothing_heavy(name: str) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, name], capture_output=True, text=True, check=True)

    assert done.stdout.startswith(f"Usage: reconciler {name} ")
    assert done.stdout.splitlines()[-1] == "loaded:"


def test_the_healthcheck_loads_no_scheduler_no_provider_and_no_notifier() -> None:
    """A container runs it every minute. Alembic is used: it knows which revision of the ledger this version needs."""
    unused = ("apprise", "apscheduler", "googleapiclient", "rich", "sentry_sdk", "starlette", "twilio", "uvicorn")
    script = f"import sys, reconciler.cli.healthy; print(*(name for name in {unused} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.split() == []
