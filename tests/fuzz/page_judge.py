"""What may come of any bytes sent to the page: an answer that is no 500, or the end of the connection. In time."""

import json
import random
import re
import socket
import struct
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.judging import LONGEST
from tests.fuzz.page_requests import TOKEN, drawn_request
from tests.support.raw_http import answer, connected, get, statuses
from tests.support.status_page import CRON_YAML, command

AT_ONCE = 20
QUIET = 1.5
"""Seconds without a byte, after which a connection waits for more of its request. A failed log-in takes one."""
MOST_MEMORY = 40
"""Megabytes more than before the first input."""
MOST_LOG_LINES = 50
"""For any number of inputs within ten minutes."""


@dataclass
class PageJudge:
    url: str
    child: "subprocess.Popen[str]"
    log: Path
    tried: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0
    problems: list[str] = field(default_factory=list)
    memory_before: float = 0
    memory: float = 0

    def try_all(self, seeds: range) -> None:
        answer(self.url, get("/", b"Connection: close"))
        self.memory_before = self._megabytes()
        with ThreadPoolExecutor(AT_ONCE) as people:
            for seed, (received, took) in zip(seeds, people.map(self._send, seeds), strict=True):
                self._judge(seed, received, took)
        self.memory = self._megabytes()
        if self.memory > self.memory_before + MOST_MEMORY:
            self.problems.append(f"from {self.memory_before:.0f} to {self.memory:.0f} MB of memory")
        self._judge_log()

    def _send(self, seed: int) -> tuple[bytes, float]:
        chance = random.Random(-seed)
        received = b""
        try:
            with connected(self.url, LONGEST) as connection:
                for piece in drawn_request(seed):
                    connection.sendall(piece)
                    time.sleep(chance.choice([0, 0.001]))
                if chance.random() < 0.05:  # gone before the answer, in a hurry
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return b"", self._time_of_another()
                connection.settimeout(QUIET)
                while some := connection.recv(65536):
                    received += some
        except (ConnectionError, TimeoutError):
            pass  # closed in whatever way, or it waits for more
        return received, self._time_of_another()

    def _time_of_another(self) -> float:
        """How long somebody else waits meanwhile."""
        began = time.monotonic()
        try:
            if statuses(answer(self.url, get("/healthz", b"Connection: close"), 2 * LONGEST)) != [200]:
                return float("inf")
        except OSError:
            return float("inf")
        return time.monotonic() - began

    def _judge(self, seed: int, received: bytes, took: float) -> None:
        self.tried += 1
        self.slowest = max(self.slowest, took)
        found = statuses(received)
        self.outcomes.update([str(status) for status in found] or ["no answer"])
        if any(status >= 500 and status != 503 for status in found) or b"Traceback" in received:
            self.problems.append(f"page {seed}: {found}, sent {b''.join(drawn_request(seed))[:300]!r}")
        if took > LONGEST:
            self.problems.append(f"page {seed}: somebody else waited for {took:.1f} s")
        if TOKEN.encode() in received:
            self.problems.append(f"page {seed}: an answer holds the token")

    def _judge_log(self) -> None:
        lines = self.log.read_text().splitlines()
        bugs = [line for line in lines if not line.startswith("{") or json.loads(line)["event"] != "page_refused"]
        self.problems += [f"logged: {line[:500]}" for line in bugs[:5]]
        if len(lines) > MOST_LOG_LINES:
            self.problems.append(f"{len(lines)} log lines")

    def _megabytes(self) -> float:
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.child.pid}/status").read_text())
        assert found, "the page has ended"
        return int(found[1]) / 1024


@contextmanager
def judged_page(folder: Path, database_url: str) -> Iterator[PageJudge]:
    """The real command, whose log is read."""
    (folder / "cron.yaml").write_text(CRON_YAML)
    variables = {"DATABASE_URL": database_url, "RECONCILER_TOKEN": TOKEN}
    log = folder / "page.log"
    with log.open("w") as out, command(folder, variables, log=out) as (url, child):
        yield PageJudge(url, child, log)
