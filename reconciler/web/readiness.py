"""Whether the page can read the ledger: one question at a time, whose answer serves all probes of a second."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from reconciler.errors import DatabaseDisagrees, DatabaseUnreachable
from reconciler.web.db_executor import DbExecutor, PageBusy

FRESH_FOR = 1.0
"""Seconds that an answer serves. Anybody may send probes, also without the token; they must not load the database."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Names what fails but not why: a probe sends no token."""

    failing: Sequence[str] = ()
    unknown: Sequence[str] = ()
    """What could not be asked in time. It is neither well nor broken."""

    @property
    def ready(self) -> bool:
        return not self.failing and not self.unknown


@dataclass(slots=True)
class ReadinessCheck:
    executor: DbExecutor
    require_ledger: Callable[[], None]
    _asking: "asyncio.Task[Readiness] | None" = None
    _fresh_until: float = field(default=0.0)

    async def readiness(self) -> Readiness:
        clock = asyncio.get_running_loop().time
        if self._asking is None or (self._asking.done() and clock() >= self._fresh_until):
            self._asking = asyncio.create_task(self._ask())
        # A probe that goes away must not take the answer of the others with it.
        return await asyncio.shield(self._asking)

    async def _ask(self) -> Readiness:
        try:
            await self.executor.run(self.require_ledger)
            return Readiness()
        except PageBusy:
            return Readiness(unknown=("database",))
        except DatabaseUnreachable:
            return Readiness(failing=("database",))
        except DatabaseDisagrees:
            return Readiness(failing=("ledger",))
        finally:
            self._fresh_until = asyncio.get_running_loop().time() + FRESH_FOR
