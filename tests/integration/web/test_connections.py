"""Connections to the page that are silent, slow, many, or not HTTP: they end, and nobody else notices."""

import base64
import io
import json
import os
import resource
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from reconciler.reporting import logs
from reconciler.web.serving.connections import DEADLINE, MAX_CONNECTIONS
from tests.support.application_db import Venue
from tests.support.raw_http import answer, connected, get, rest, silent, statuses
from tests.support.status_page import CRON_YAML, Site, command, site

pytestmark = pytest.mark.one_server

TOKEN = "only-for-this-test-0001"
CLOSE = b"Connection: close"
MACHINE = 5.0
"""Seconds that a busy machine may add."""


class Log:
    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._stream.getvalue().splitlines()]

    def refused(self) -> list[str]:
        return [line["reason"] for line in self.lines() if line["event"] == "page_refused"]


@pytest.fixture
def log() -> Log:
    stream = io.StringIO()
    logs.set_up(stream=stream)
    return Log(stream)


@pytest.fixture
def page(venue: Venue, tmp_path: Path, log: Log) -> Iterator[Site]:
    with site(venue, tmp_path) as found:
        yield found


@pytest.fixture
def guarded(venue: Venue, tmp_path: Path, log: Log) -> Iterator[Site]:
    with site(venue, tmp_path, RECONCILER_TOKEN=TOKEN) as found:
        yield found


def basic(password: str, user: str = "anybody") -> bytes:
    return b"Authorization: Basic " + base64.b64encode(f"{user}:{password}".encode())


def test_d8_silent_connections_shut_nobody_out(page: Site, log: Log) -> None:
    with silent(page.url, 4 * MAX_CONNECTIONS):
        for _ in range(3):
            assert page.get("/").status_code == 200
        assert statuses(answer(page.url, get("/healthz", CLOSE))) == [200]
    assert log.refused() == ["too_many"]


def test_the_oldest_silent_connection_gives_way_and_the_others_stay(page: Site) -> None:
    with connected(page.url) as oldest:
        newer = [connected(page.url) for _ in range(MAX_CONNECTIONS)]
        assert rest(oldest) == b""
        for one in newer[1:]:
            one.sendall(get("/healthz", CLOSE))
            assert statuses(rest(one)) == [200]
        for one in newer:
            one.close()


def test_what_is_being_answered_does_not_give_way(page: Site) -> None:
    page.once()
    with page.venue.postgres.connect(page.venue.name) as other, connected(page.url) as waiting, other.transaction():
        other.execute("LOCK TABLE reconciler.gap IN ACCESS EXCLUSIVE MODE")
        waiting.sendall(get("/", CLOSE))
        time.sleep(0.2)  # so that it is the oldest
        with silent(page.url, 2 * MAX_CONNECTIONS):
            answered = rest(waiting)
    assert statuses(answered) == [503]
    assert b"PostgreSQL took too long" in answered


SLOW = {
    "silent": (b"", b""),
    "a header letter by letter": (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", b"x"),
    "a first line letter by letter": (b"GET /", b"x"),
    "a body that never ends": (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n", b"x"),
    "chunks that never end": (
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n",
    ),
    "a body after its answer": (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n", b"x"),
    "blank lines": (b"\r\n", b"\r\n"),
    "half of the second request": (get() + b"GET ", b"x"),
}  # fmt: skip


def trickle(url: str, first: bytes, then: bytes) -> float:
    """Seconds until the page closes the connection."""
    began = time.monotonic()
    with connected(url, 1) as connection:
        connection.sendall(first)
        while time.monotonic() - began < 3 * DEADLINE:
            try:
                if not connection.recv(65536):
                    break
            except TimeoutError:
                pass
            except ConnectionError:
                break
            try:
                connection.sendall(then)
            except ConnectionError:
                break
    return time.monotonic() - began


def unread(url: str) -> float:
    """Asks again and again and never reads an answer."""
    began = time.monotonic()
    with connected(url, 1) as connection:
        while time.monotonic() - began < 3 * DEADLINE:
            try:
                connection.sendall(get("/page.css") * 100)
            except TimeoutError:
                pass
            except ConnectionError:
                break
    return time.monotonic() - began


def test_d8_slow_connections_end_at_their_deadline(page: Site, log: Log) -> None:
    with ThreadPoolExecutor(len(SLOW) + 1) as people:
        takes = {name: people.submit(trickle, page.url, *sent) for name, sent in SLOW.items()}
        takes["answers that nobody reads"] = people.submit(unread, page.url)
        # The second request of a connection has a deadline of its own.
        late = {name: took.result() for name, took in takes.items() if took.result() > DEADLINE + 2 + MACHINE}
    assert late == {}
    assert set(log.refused()) <= {"too_slow", "malformed"}
    assert len(log.lines()) <= 2
    assert page.get("/").status_code == 200


BROKEN_BODY = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n"
NOT_HTTP = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: " + b"x" * 100_000 + b"\r\n\r\n",
    b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    BROKEN_BODY,
    BROKEN_BODY.replace(b"localhost", b"evil.example"),
    get() + b"\x00\x01\x02\r\n\r\n",
    get() * 5 + BROKEN_BODY,
]


def test_what_is_not_http_is_refused_and_logged_once(page: Site, log: Log) -> None:
    assert statuses(answer(page.url, NOT_HTTP[0])) == [400]
    all_sent = NOT_HTTP * 5
    with ThreadPoolExecutor(len(all_sent)) as people:
        answers = people.map(lambda sent: answer(page.url, sent), all_sent)
    for sent, received in zip(all_sent, answers, strict=True):
        assert set(statuses(received)) <= {200, 400, 405, 421}, sent
    assert log.refused() == ["malformed"]
    assert len(log.lines()) == 1, "neither a traceback nor a line for each"


ODD_CREDENTIALS = [
    "Basic é", "Basic dTpw\xff", "Basic \xa0", "Basic " + "A" * 4001, "Basic =", "Basic", "Basic  ", "Bearer",
    "Bearer \xe9", "Bearer \xff\xfe", "Basic //4=", "Digest username=x", "\xe9", "Basic 4pyT", "Basic OnB3==",
    "bEaReR x", "", " ",
]  # fmt: skip


def test_d8_a_letter_that_is_not_ascii_in_a_header_is_no_bug(guarded: Site, log: Log) -> None:
    odd = [get("/", b"Authorization: " + value.encode("latin-1"), CLOSE) for value in ODD_CREDENTIALS]
    with ThreadPoolExecutor(len(odd)) as people:
        for sent, received in zip(odd, people.map(lambda sent: answer(guarded.url, sent), odd), strict=True):
            assert statuses(received) == [401], sent
    for host in ("\xe9", "[", "[::1", "a b", "x:y:z", "//", "?", "x" * 5000):
        sent = f"GET /api/nothing HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n".encode("latin-1")
        assert statuses(answer(guarded.url, sent + basic(TOKEN) + b"\r\n\r\n"))[0] in (400, 404), host
    assert {line["event"] for line in log.lines()} == {"page_refused"}


def test_failed_log_ins_are_logged_without_the_secret_and_wait_and_nobody_else_does(guarded: Site, log: Log) -> None:
    guesses = [connected(guarded.url) for _ in range(50)]
    for number, guess in enumerate(guesses):
        guess.sendall(get("/", basic(f"guess-{number}"), CLOSE))
    assert statuses(answer(guarded.url, get("/", basic(TOKEN), CLOSE))) == [200]
    for guess in guesses:
        guess.setblocking(False)
        with pytest.raises(BlockingIOError):  # the right token was answered first, although it came last
            guess.recv(1)
    for guess in guesses:
        guess.setblocking(True)
        assert statuses(rest(guess)) == [401]
        guess.close()
    assert log.refused() == ["login_failed"]
    assert log.lines()[0]["addresses"] == ["127.0.0.1"]
    assert "guess" not in json.dumps(log.lines())


def test_who_gives_no_password_is_asked_for_one_at_once_and_not_logged(guarded: Site, log: Log) -> None:
    """A browser's first request has none."""
    assert statuses(answer(guarded.url, get("/", CLOSE))) == [401]
    assert log.lines() == []


def test_no_method_and_no_path_is_a_bug(page: Site, log: Log) -> None:
    for path in ("/metrics/", "//", "/%2e%2e/", "*", "http://evil.example/", "/bookings/%ff%fe", "/%00", "/?ref=%ff"):
        for method in ("GET", "HEAD", "POST", "CONNECT", "OPTIONS", "PROPFIND", "x" * 300):
            upgrade = b"Upgrade: websocket\r\nConnection: close, upgrade\r\n\r\n"
            received = answer(page.url, f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n".encode() + upgrade)
            assert statuses(received)[0] < 500, (method, path)
    assert log.lines() == []


def test_guesses_give_way_to_the_operator(guarded: Site) -> None:
    with ExitStack() as stack:
        for _ in range(6):
            for _ in range(MAX_CONNECTIONS // 2):
                guess = stack.enter_context(connected(guarded.url))
                guess.sendall(get("/", basic("wrong"), CLOSE))
            assert statuses(answer(guarded.url, get("/", basic(TOKEN), CLOSE))) == [200]


def test_without_descriptors_it_neither_spins_nor_fills_the_log(venue: Venue, tmp_path: Path) -> None:
    (tmp_path / "cron.yaml").write_text(CRON_YAML)
    log = tmp_path / "log"
    with log.open("w") as out, command(tmp_path, {"DATABASE_URL": venue.url()}, log=out) as (url, child):
        assert statuses(answer(url, get("/", CLOSE))) == [200]
        opened = len(list(Path(f"/proc/{child.pid}/fd").iterdir()))
        _, hard = resource.prlimit(child.pid, resource.RLIMIT_NOFILE)
        # As if the machine had no more: the page counts on all that it had at its start.
        resource.prlimit(child.pid, resource.RLIMIT_NOFILE, (opened + 5, hard))
        with silent(url, 100):
            began = processor_time(child.pid)
            time.sleep(5)
            assert processor_time(child.pid) - began < 2
        assert statuses(answer(url, get("/", CLOSE), 30)) == [200]
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {line["event"] for line in lines} == {"page_refused"}
    assert {line["reason"] for line in lines} == {"no_descriptors", "too_many"}
    assert len(lines) <= 4  # of each reason the first, and the rest at the end


@pytest.mark.parametrize("descriptors", [64, 128, 256])
def test_with_few_descriptors_it_holds_few_connections(descriptors: int, venue: Venue, tmp_path: Path) -> None:
    (tmp_path / "cron.yaml").write_text(CRON_YAML)
    log = tmp_path / "log"
    variables = {"DATABASE_URL": venue.url()}
    with (
        log.open("w") as out,
        command(tmp_path, variables, log=out, descriptors=descriptors) as (url, _),
        silent(url, 400),
    ):
        for _ in range(3):
            assert statuses(answer(url, get("/", CLOSE))) == [200]
    assert {json.loads(line)["reason"] for line in log.read_text().splitlines()} == {"too_many"}


def processor_time(pid: int) -> float:
    """Seconds that the process has worked."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
