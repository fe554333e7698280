"""How soon the page answers, and how long a pass takes, while others hold 2,000 silent connections, or ask in a hurry.

The real service at ``ulimit -n 1024``, with its page beside it. Wanted: 200 ms at most with the silent connections, and
passes that take as long as without.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path

from reconciler.sandbox.postgres import EmbeddedPostgres
from tests.support.application_db import Venue
from tests.support.network import closed_port
from tests.support.raw_http import address, answer, get, silent, statuses
from tests.support.service_process import Service, eventually, plant, present_day, running

CONNECTIONS, QUESTIONS, TEXTS, HASTY = 2000, 51, 40, 1
WANTED = 200
"""Milliseconds."""
SOON = timedelta(seconds=60)
_HURRY = """
import socket, sys
while True:
    try:
        with socket.create_connection((sys.argv[1], int(sys.argv[2])), 5) as one:
            one.sendall(b"GET /nothing HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n")
            one.recv(65536)
    except OSError:
        pass
"""


@contextmanager
def in_a_hurry(url: str) -> Iterator[None]:
    """Processes that ask one question after the other, each over a connection of its own."""
    asking = [subprocess.Popen([sys.executable, "-c", _HURRY, *map(str, address(url))]) for _ in range(HASTY)]
    try:
        yield
    finally:
        for one in asking:
            one.kill()
            one.wait()


def milliseconds(url: str, path: str) -> float:
    began = time.perf_counter()
    assert statuses(answer(url, get(path, b"Connection: close"))) == [200]
    return (time.perf_counter() - began) * 1000


def seconds_of_a_pass(service: Service, venue: Venue, texts: Callable[[], int]) -> float:
    """How long the passes took that sent so many texts."""
    before, sent = len(service.log_lines("pass")), texts()
    plant(venue, TEXTS)
    eventually(lambda: texts() == sent + TEXTS, SOON)
    lines = map(json.loads, service.log_lines("pass")[before:])
    return sum(float(line["seconds"]) for line in lines if line["job"] == "sms_missing" and line["repaired"])


def main() -> None:
    with EmbeddedPostgres() as server, tempfile.TemporaryDirectory() as folder:
        server.create_application("venue")
        venue = Venue(server, "venue")
        venue.migrate()
        url = closed_port()
        with (
            present_day(venue, Path(folder)) as (sandbox, variables),
            running(Path(folder), variables, "--serve", url.removeprefix("http://"), descriptors=1024) as service,
        ):
            eventually(lambda: len(service.log_lines("pass")) > 3, SOON)
            time.sleep(5)
            attacks: dict[str, AbstractContextManager[None]] = {
                "nobody else": nullcontext(),
                f"{CONNECTIONS:,} silent": silent(url, CONNECTIONS),
                f"{HASTY} in a hurry": in_a_hurry(url),
            }
            for name, attack in attacks.items():
                with attack:
                    for path in ("/", "/healthz"):
                        times = sorted(milliseconds(url, path) for _ in range(QUESTIONS))
                        said = (
                            f"{name:<14} {path:<9} median {statistics.median(times):.0f} ms, longest {times[-1]:.0f} ms"
                        )
                        wanted = f" (wanted: at most {WANTED})" if "silent" in name else ""
                        print(said + wanted)  # noqa: T201 - its output
                    took = seconds_of_a_pass(service, venue, lambda: len(sandbox.twilio.messages))
                    print(f"{name:<14} {TEXTS} texts in {took:.1f} s")  # noqa: T201 - its output


if __name__ == "__main__":
    main()
