"""The page's server: an address, a socket, and a thread that can be stopped. The socket is bound before all else."""

import os
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import Thread

from reconciler.errors import ConfigurationError
from reconciler.ports import Mandate
from reconciler.settings import Settings
from reconciler.settings.env.reader import is_loopback
from reconciler.timing.clock import SystemClock
from reconciler.web.app import Site
from reconciler.web.db_executor import DbExecutor
from reconciler.web.serving.listener import SHUTDOWN_TIMEOUT, Listener
from reconciler.web.serving.refusals import Refusals
from reconciler.wiring import assembly

DEFAULT_ADDRESS = "127.0.0.1:8080"
_ADDRESS = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9.-]+)):(?P<port>\d{1,5})")


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int

    @classmethod
    def parse(cls, written: str) -> "Address":
        """Parse HOST:PORT; an IPv6 address is written in brackets.

        Raises:
            ConfigurationError: the text is not an address of this form.
        """
        found = _ADDRESS.fullmatch(written)
        if found is None or int(found["port"]) > 65535:
            raise ConfigurationError([f"the address {written!r} is not HOST:PORT"], f"write it as {DEFAULT_ADDRESS}")
        return cls(found["six"] or found["host"], int(found["port"]))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(slots=True)
class PageServer:
    """The running page."""

    url: str
    executor: DbExecutor
    server: Listener
    thread: Thread

    def stop(self) -> bool:
        """Stop the page. Returns whether everything ended in time, also the queries to a database that hangs."""
        self.server.should_exit = True
        self.thread.join(SHUTDOWN_TIMEOUT + 1)
        return self.executor.close() and not self.thread.is_alive()


def bind(written: str, settings: Settings) -> socket.socket:
    """The socket that the page will listen on.

    Raises:
        ConfigurationError: the address is not valid or not available, or others can reach it and no token is set.
    """
    address = Address.parse(written)
    wrong = [mistake for mistake in settings.environment.mistakes if mistake.startswith("RECONCILER_TOKEN")]
    if wrong:  # without its token the page would answer anyone on this machine
        raise ConfigurationError(wrong, "correct it: a page with a wrong token is not served")
    if not is_loopback(address.host) and settings.environment.token is None:
        raise ConfigurationError(
            [f"others could read the page at {address}, because RECONCILER_TOKEN is not set"],
            f"set RECONCILER_TOKEN (openssl rand -hex 24), or listen on loopback only, such as {DEFAULT_ADDRESS}",
        )
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family)
    except OSError as error:
        raise ConfigurationError(
            [f"the page cannot listen on {address}: {_why(error)}"],
            "choose a free port and an address of this machine",
        ) from None


def page_url(bound: socket.socket) -> str:
    """Where the page on this socket is found."""
    host, port = bound.getsockname()[:2]
    return f"http://{Address(host, port)}/"


def _why(error: OSError) -> str:
    unknown = isinstance(error, socket.gaierror) or error.errno is None
    return "no such address" if unknown else os.strerror(error.errno or 0)


@contextmanager
def serving(bound: socket.socket, settings: Settings) -> Iterator[PageServer]:
    """Serve the page on ``bound`` until the block ends. In the block, ``stop`` returns whether everything ended."""
    with ExitStack() as stack:
        stack.enter_context(bound)
        database = stack.enter_context(assembly.page_database(settings))
        # A page starts and stays up while the database is away, so nothing here may ask it, not even for its clock.
        services = stack.enter_context(
            assembly.services(settings, Mandate(act=False), clock=SystemClock(), over=database)
        )
        executor = DbExecutor(assembly.PAGE_PATIENCE)
        refusals = Refusals()
        server = Listener(Site(settings, database, services, executor).app(refusals), refusals)
        thread = Thread(target=server.run, args=([bound],), name="page", daemon=True)
        url = page_url(bound)
        thread.start()
        running = PageServer(url, executor, server, thread)
        yield running
        running.stop()
