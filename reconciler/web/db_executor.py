"""Questions to the database, beside the loop that answers requests, and none that is waited for without end."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any, TypeVar

from reconciler.errors import DatabaseUnreachable

_Result = TypeVar("_Result")
MAX_THREADS = 2
"""As many questions as the database has connections for us; the others stand in line."""


class DbExecutor:
    """Asks in threads of its own. A database that went mute keeps those, and nobody waits longer than ``timeout``."""

    def __init__(self, timeout: timedelta) -> None:
        self._timeout = timeout.total_seconds()
        self._threads = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="page")
        self._waiting: set[Future[Any]] = set()

    async def run(self, query: Callable[[], _Result]) -> _Result:
        """The answer.

        Raises:
            DatabaseUnreachable: none came in time.
            ReconcilerError: what the question raises.
        """

        future = self._threads.submit(query)
        self._waiting.add(future)
        future.add_done_callback(self._waiting.discard)
        try:
            async with asyncio.timeout(self._timeout):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise DatabaseUnreachable(
                f"PostgreSQL at DATABASE_URL did not answer within {self._timeout:g} s",
                "find what keeps it busy, or what swallows the packets on the way; nothing is lost, look again",
            ) from None

    def close(self) -> bool:
        """Ask nothing more; whether no question is still waiting for its answer."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        return not any(future.running() for future in self._waiting)
