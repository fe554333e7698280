"""The page of ``run --serve``: ``reconciler serve`` in a process of its own, restarted when it ends.

Whoever reaches the page decides how busy it is. In the process of the jobs it would use their descriptors and their
memory, and a crash of the page would end them. They would also wait for Python's lock: while one client asked as fast
as it could, a statement of theirs took up to fifteen times as long, and beside another process three to six times.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from socket import socket
from threading import Event, Thread

import structlog

from reconciler.domain.gaps import GapKind
from reconciler.service.in_memory_alerts import InMemoryAlerts

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
"""Seconds before a restart; each is twice the one before."""
WELL_AFTER = 60.0
"""Seconds after which a page is well: its incident ends, and its next restart is a first one."""
STOP_TIMEOUT = 4.0
"""Seconds after which a page that was asked to stop is killed: it writes nothing, so nothing is lost. With those of the
jobs (``scheduler_loop.STOP_TIMEOUT``) less than the 30 s after which the container is killed."""
TICK = 0.5
_ABOUT = "page"
_REMEDY = "read the log lines before this one; the page is restarted, and the jobs go on"
_log = structlog.get_logger()


@dataclass(slots=True)
class PageProcess:
    """Keeps the page running beside the jobs. The socket stays ours: connections wait while the page restarts."""

    bound: socket
    config: str | None
    alerts: InMemoryAlerts
    _stopping: Event = field(default_factory=Event)
    _supervisor: Thread = field(init=False)

    def __post_init__(self) -> None:
        self._supervisor = Thread(target=self._supervise, name="page", daemon=True)

    def start(self) -> None:
        self._supervisor.start()

    def stop(self) -> None:
        self._stopping.set()
        self._supervisor.join(STOP_TIMEOUT + TICK)
        self.bound.close()

    def _supervise(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                ended = self._until_it_ends()
            except OSError as error:  # no process can be started: no memory, or no descriptor
                ended = f"could not be started: {os.strerror(error.errno or 0)}"
            if self._stopping.is_set():
                return
            if time.monotonic() - began >= WELL_AFTER:
                pause = FIRST_PAUSE
            _log.error("page_ended", seen=ended, restarts_in=pause, remedy=_REMEDY)
            seen = f"the status page {ended}"
            self.alerts.fault(GapKind.INTEGRATION_SCHEDULER, _ABOUT, "page_ended", seen, _REMEDY, datetime.now(UTC))
            self._stopping.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _until_it_ends(self) -> str:
        """Run the page once. Returns how it ended."""
        well_at = time.monotonic() + WELL_AFTER
        with self._spawn() as child:
            while child.poll() is None:
                if time.monotonic() >= well_at:
                    self.alerts.clear(GapKind.INTEGRATION_SCHEDULER, _ABOUT)
                if self._stopping.wait(TICK):
                    _end(child)
            code = child.returncode
        return f"ended by signal {-code}" if code < 0 else f"ended with exit code {code}"

    def _spawn(self) -> "subprocess.Popen[bytes]":
        inherited = self.bound.fileno()
        return subprocess.Popen(  # noqa: S603 - this Python, with a number and the path of cron.yaml
            [
                # -P: nothing in the current folder is taken for a module.
                *(sys.executable, "-P", "-m", "reconciler.cli.main", "serve", "--inherited", str(inherited)),
                *(("--config", self.config) if self.config else ()),
            ],
            pass_fds=[inherited],
            # The page ends when this pipe does: a killed service leaves none behind that holds its address.
            stdin=subprocess.PIPE,
            # Ctrl-C reaches the whole group of the terminal, but this process stops the page itself.
            process_group=0,
        )


def _end(child: "subprocess.Popen[bytes]") -> None:
    child.terminate()
    try:
        child.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        child.kill()
