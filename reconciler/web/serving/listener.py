"""The page's listening socket: connections are accepted a few at a time, and never faster than they can be closed."""

import asyncio
import errno
import socket
from typing import Any

import structlog
import uvicorn
from starlette.types import ASGIApp

from reconciler.web.serving.connections import PageConnection, Room
from reconciler.web.serving.refusals import Reason, Refusals

SHUTDOWN_TIMEOUT = 3
"""Seconds that open requests may still take after a request to stop."""
ACCEPTED_AT_ONCE = 8
"""asyncio accepts as many as its backlog before the first of them can be closed: with uvicorn's 2,048, a thousand
descriptors are used up however few connections may stay."""
WAITING = 2048
"""Connections that wait in the kernel, where they cost us no descriptor. The system's own limit may be lower."""
EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_log = structlog.get_logger()


class Listener(uvicorn.Server):
    """uvicorn's server with the page's own room."""

    def __init__(self, app: ASGIApp, refusals: Refusals) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=PageConnection,
                log_config=None,
                # It logs a warning for each malformed request; ``Refusals`` counts them.
                log_level="error",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                lifespan="off",
                ws="none",
                backlog=ACCEPTED_AT_ONCE,
                timeout_graceful_shutdown=SHUTDOWN_TIMEOUT,
            )
        )
        self._refusals = refusals
        self._room = Room(refusals)
        self.server_state = self._room

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().set_exception_handler(self._on_loop_error)
        await super().startup(sockets)
        for listening in sockets or ():
            listening.listen(WAITING)

    async def on_tick(self, counter: int) -> bool:
        self._refusals.log_due()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        self._refusals.log_rest()

    def _on_loop_error(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """asyncio's own handler logs nine tracebacks a second while descriptors are out. It tries again by itself."""
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in EXHAUSTED:
            self._refusals.note(Reason.NO_DESCRIPTORS)
            self._room.give_way()
        else:
            _log.error("page_failed", seen=context["message"], exc_info=error)
