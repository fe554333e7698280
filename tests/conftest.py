"""One PostgreSQL per worker, a fresh database per test, and no way off this machine."""

import itertools
import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import structlog
from hypothesis import settings

from reconciler.reporting.logs import FirstLine
from reconciler.sandbox.postgres import EmbeddedPostgres, PostgresServer
from reconciler.sandbox.world import Sandbox
from tests.support.application_db import Venue
from tests.support.clock import StandingClock
from tests.support.debian import DebianPostgres
from tests.support.pgbouncer import PooledPostgres
from tests.support.sandbox_world import World

# Where a submission is judged it is judged by what it is, not by what was drawn; everywhere else new lives are drawn.
settings.register_profile("reconciler", deadline=None, print_blob=True, derandomize="CI" in os.environ)
settings.load_profile("reconciler")

TEMPLATE = "venue_template"
MIGRATED = "venue_migrated"
_numbers = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def _loopback_only() -> Iterator[None]:
    """Whatever tries to leave this machine fails loudly, name resolution included."""
    connect, resolve = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1"):
            raise AssertionError(f"a test tried to reach {address[0]}")
        return connect(self, address)

    def guarded_resolve(host: Any, *rest: Any, **options: Any) -> Any:
        if host not in (None, "", "127.0.0.1", "::1", "localhost", b"127.0.0.1"):
            raise socket.gaierror(f"a test tried to resolve {host!r}")
        return resolve(host, *rest, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket, "getaddrinfo", guarded_resolve)
        yield


@pytest.fixture(autouse=True)
def _log_as_at_the_start() -> Iterator[None]:
    """A command that runs in this process sets the log up for all of it."""
    yield
    structlog.reset_defaults()
    root = logging.getLogger()
    root.handlers = [one for one in root.handlers if not (isinstance(one, FirstLine) or _is_ours(one.formatter))]
    root.setLevel(logging.WARNING)


def _is_ours(formatter: logging.Formatter | None) -> bool:
    return isinstance(formatter, structlog.stdlib.ProcessorFormatter)


@pytest.fixture(scope="session", autouse=True)
def _no_environment() -> Iterator[None]:
    """A developer's own variables must not leak into a test."""
    ours = ("DATABASE_URL", "OWNER_URL", "RECONCILER_", "TWILIO_", "GOOGLE_", "SENTRY_", "SUSPEND_", "PGHOST", "PGUSER")
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(ours):
                patch.delenv(name)
        yield


SERVERS: dict[str, Callable[[], PostgresServer]] = {
    "embedded": EmbeddedPostgres,
    "debian": DebianPostgres,
    "pooled": PooledPostgres,
}
THROUGH_THE_POOLER = ("test_fire_drill", "test_calendar", "test_hard_cases", "test_ledger", "test_run_pass", "test_run")
"""Modules that also go through the pooler: transactions, locks and claims of every kind. All would take minutes."""
ATTACKS = "test_e1_"
"""Tests that go through it too: what a role creates must not answer for PostgreSQL's own in a shared session either."""


QUICK = ("autovacuum = off", "jit = off", "checkpoint_timeout = '1h'", "max_wal_size = '4GB'")
"""Settings of every test server: no background work beside the tests. Tests that need statistics run ANALYZE."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test of a database runs on the sandbox's; and (`make test-system`) on Debian's, some of them pooled."""
    asked = any("postgres" in mark.args for mark in metafunc.definition.iter_markers("parametrize"))
    if "postgres" in metafunc.fixturenames and metafunc.definition.get_closest_marker("one_server"):
        metafunc.parametrize("postgres", ["embedded"], indirect=True, scope="session")
        return
    if "postgres" in metafunc.fixturenames and not asked:
        module, name = metafunc.module.__name__.rpartition(".")[2], metafunc.definition.originalname
        pooled = module in THROUGH_THE_POOLER or name.startswith(ATTACKS)
        system = [pytest.param(name, marks=pytest.mark.system) for name in ("debian", *["pooled"] * pooled)]
        metafunc.parametrize("postgres", ["embedded", *system], indirect=True, scope="session")


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    """A server of the kind the test runs on."""
    with SERVERS[request.param]() as server:
        with server.connect("postgres") as connection:
            for setting in QUICK:
                connection.execute(f"ALTER SYSTEM SET {setting}")
            connection.execute("SELECT pg_reload_conf()")
        server.create_application(TEMPLATE)
        yield server
    _clean.clear()


@pytest.fixture(scope="session")
def migrated(postgres: PostgresServer) -> str:
    """A template with the ledger in it."""
    postgres.create_database(MIGRATED, TEMPLATE)
    template = Venue(postgres, MIGRATED)
    template.migrate()
    return MIGRATED


@pytest.fixture
def bare_venue(postgres: PostgresServer) -> Iterator[Venue]:
    """The application's database before ``reconciler migrate``."""
    yield from _lent(postgres, TEMPLATE)


@pytest.fixture
def venue(postgres: PostgresServer, migrated: str) -> Iterator[Venue]:
    """The application's database with our ledger."""
    yield from _lent(postgres, migrated)


_clean: dict[str, str] = {}


def _lent(postgres: PostgresServer, template: str) -> Iterator[Venue]:
    """A database like new. Making one takes far longer than emptying one; an altered one is dropped."""
    name = _clean.pop(template, None)
    if name is None:
        name = f"venue_{next(_numbers)}"
        postgres.create_database(name, template)
    venue = Venue(postgres, name, keeps_connections=True)
    if template == MIGRATED:
        venue.settle_in()
    yield venue
    if venue.altered:
        venue.close()
        postgres.drop_database(name)
    else:
        venue.empty()
        venue.close()
        _clean[template] = name


@pytest.fixture
def world(venue: Venue) -> Iterator[World]:
    """An empty venue with its ledger and the three stand-ins, on a Wednesday at noon."""
    clock = StandingClock(venue.now)
    with Sandbox(postgres=venue.postgres, database=venue.name, now=clock.now, bookings=()) as sandbox:
        yield World(venue, sandbox, clock)


# How many tests were left out by their marker: every worker knows, only the terminal of the first process is seen.
_LEFT_OUT = "left_out"


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    left_out = [item for item in items if item.get_closest_marker("system") or item.get_closest_marker("long")]
    if left_out:
        output = getattr(items[0].config, "workeroutput", None)
        counts = output if output is not None else items[0].config.stash.setdefault(_counts, {})
        counts[_LEFT_OUT] = counts.get(_LEFT_OUT, 0) + len(left_out)


_counts = pytest.StashKey[dict[str, int]]()


class _ReportDeselected:
    """Reports that count at the end of a run with several workers, which all leave out the same tests."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        node.config.stash[_counts] = {_LEFT_OUT: getattr(node, "workeroutput", {}).get(_LEFT_OUT, 0)}

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
        left_out = config.stash.get(_counts, {}).get(_LEFT_OUT)
        if left_out:
            terminalreporter.write_line(f"{left_out} deselected: `make test-system` and `make test-long` run them")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_ReportDeselected())
