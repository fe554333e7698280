"""The real command as a child process, with nothing in its environment but what a test gives it."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

COMMAND = Path(sys.executable).with_name("reconciler")
_EXPORT = re.compile(r"export (\w+)=(.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    code: int
    out: str
    err: str


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """``variables`` and what any process needs."""
    usual = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "TZ", "LANG") if name in os.environ}
    return {**usual, **variables}


def limited(descriptors: int | None) -> list[str]:
    """What stands before a command that may have so many descriptors."""
    return ["sh", "-c", f'ulimit -n {descriptors} && exec "$@"', "sh"] if descriptors else []


def reconciler(*arguments: str, folder: Path, seconds: float = 60, **variables: str) -> Ran:
    """Run one command to its end in ``folder``."""
    done = subprocess.run(
        [COMMAND, *arguments],
        cwd=folder,
        env=environment(variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    return Ran(code=done.returncode, out=done.stdout, err=done.stderr)


@contextmanager
def sandbox(folder: Path) -> Iterator[dict[str, str]]:
    """``reconciler sandbox`` running; the variables it says to export. Ends with Ctrl-C, and must end well."""
    child = subprocess.Popen(
        [COMMAND, "sandbox"], cwd=folder, env=environment({}), stdout=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        assert child.stdout is not None
        exported: dict[str, str] = {}
        for line in child.stdout:
            found = _EXPORT.fullmatch(line.rstrip("\n"))
            if found:
                (exported[found[1]],) = shlex.split(found[2])
            elif line.startswith("# ready"):
                break
        yield exported
        child.send_signal(signal.SIGINT)
        assert child.wait(20) == 0
    finally:
        child.kill()
        child.communicate()
