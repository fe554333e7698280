"""Readiness: many probes are one question, and what could not be asked is unknown."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from threading import Event

import pytest

from reconciler.errors import DatabaseDisagrees, DatabaseUnreachable
from reconciler.web.db_executor import MAX_THREADS, DbExecutor
from reconciler.web.readiness import FRESH_FOR, Readiness, ReadinessCheck

PROBES = 500


def raising(error: Exception) -> Callable[[], None]:
    def require_ledger() -> None:
        raise error

    return require_ledger


def test_many_probes_are_one_question() -> None:
    asked: list[None] = []
    executor = DbExecutor(timedelta(seconds=5))
    check = ReadinessCheck(executor, lambda: asked.append(None))

    async def probe() -> None:
        answers = await asyncio.gather(*(check.readiness() for _ in range(PROBES)))
        assert {one.ready for one in answers} == {True}
        assert len(asked) == 1
        await asyncio.sleep(FRESH_FOR + 0.1)
        await check.readiness()
        assert len(asked) == 2

    asyncio.run(probe())
    assert executor.close()


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (DatabaseUnreachable("away", "wait"), Readiness(failing=("database",))),
        (DatabaseDisagrees("no schema", "migrate"), Readiness(failing=("ledger",))),
    ],
)
def test_what_fails_is_named(error: Exception, wanted: Readiness) -> None:
    executor = DbExecutor(timedelta(seconds=5))
    assert asyncio.run(ReadinessCheck(executor, raising(error)).readiness()) == wanted
    executor.close()


def test_what_could_not_be_asked_is_unknown_and_what_does_not_answer_fails() -> None:
    """Two questions of others keep the database busy: nothing is known about it."""
    go_on = Event()
    executor = DbExecutor(timedelta(seconds=0.3))
    check = ReadinessCheck(executor, lambda: None)
    hanging = ReadinessCheck(executor, lambda: go_on.wait(10) and None)

    async def probe() -> None:
        assert await hanging.readiness() == Readiness(failing=("database",))
        busy = [asyncio.create_task(executor.run(lambda: go_on.wait(10))) for _ in range(MAX_THREADS)]
        assert await check.readiness() == Readiness(unknown=("database",))
        assert not Readiness(unknown=("database",)).ready
        await asyncio.gather(*busy, return_exceptions=True)

    asyncio.run(probe())
    go_on.set()
    executor.close()


def test_a_probe_that_goes_away_does_not_take_the_answer_with_it() -> None:
    go_on = Event()
    executor = DbExecutor(timedelta(seconds=5))
    check = ReadinessCheck(executor, lambda: go_on.wait(10) and None)

    async def probe() -> None:
        gone, stays = (asyncio.create_task(check.readiness()) for _ in range(2))
        await asyncio.sleep(0.05)
        gone.cancel()
        go_on.set()
        assert await stays == Readiness()

    asyncio.run(probe())
    executor.close()
