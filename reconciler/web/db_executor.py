"""Runs blocking database queries in threads, with a timeout."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any, TypeVar

from reconciler.errors import DatabaseUnreachable

_Result = TypeVar("_Result")
MAX_THREADS = 2
"""The number of connections in the pool; further queries queue."""


class PageBusy(DatabaseUnreachable):
    """Other queries kept every thread busy, so the database was not asked: nothing is known about it."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"the page was busy with other questions to PostgreSQL for {seconds:g} s",
            "reload the page; if it goes on, find what keeps PostgreSQL busy",
        )


class DbExecutor:
    """A pool of threads. A hung database may block them, but no caller waits longer than ``timeout``."""

    def __init__(self, timeout: timedelta) -> None:
        self._timeout = timeout.total_seconds()
        self._threads = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="page")
        self._waiting: set[Future[Any]] = set()

    async def run(self, query: Callable[[], _Result]) -> _Result:
        """The result of ``query``.

        Raises:
            DatabaseUnreachable: it did not finish in time, or (``PageBusy``) it did not begin.
            ReconcilerError: as ``query`` raises.
        """

        future = self._threads.submit(query)
        self._waiting.add(future)
        future.add_done_callback(self._waiting.discard)
        try:
            async with asyncio.timeout(self._timeout):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            if future.cancelled():  # it never ran
                raise PageBusy(self._timeout) from None
            raise DatabaseUnreachable(
                f"PostgreSQL at DATABASE_URL did not answer within {self._timeout:g} s",
                "find what keeps it busy or drops packets on the way; nothing is lost, reload the page",
            ) from None

    def close(self) -> bool:
        """Accept no further query; returns whether none is still running."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        return not any(future.running() for future in self._waiting)
