"""Stops only after the call in progress: without its answer, the outcome of a text would stay *unknown*."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

KILLED_BY = 128
"""The exit code of a command that a signal ended is this plus the signal's number."""


@contextmanager
def finishing(stop: threading.Event) -> Iterator[list[int]]:
    """SIGINT and SIGTERM set ``stop`` and are added to the list."""
    caught: list[int] = []

    def note(signum: int, _: object) -> None:
        caught.append(signum)
        stop.set()

    before = {signum: signal.signal(signum, note) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
