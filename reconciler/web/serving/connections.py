"""One connection to the page, and the room that all of them share.

uvicorn sets no deadline for the first request, and at each byte it cancels the one for the next. Above
``limit_concurrency`` it answers 503 and closes nothing. So a hundred silent connections shut everybody out.
"""

import asyncio
import resource

import h11
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from reconciler.web.serving.refusals import Reason, Refusals

MAX_CONNECTIONS, MIN_CONNECTIONS = 100, 10
RESERVED = 40
"""Descriptors for everything but connections: files, the database, and connections that are just being closed."""
DEADLINE = 10.0
"""Seconds for a request, its answer and the reading of it, however it is sent or read. An answer takes two seconds at
most (``PAGE_PATIENCE``)."""
LET_IN = "let_in"
"""Key in a request's state, set by the gate: whoever asks may ask."""


class Room(ServerState):
    """The connections, with the one that has been waited for the longest first."""

    def __init__(self, refusals: Refusals) -> None:
        super().__init__()
        self.refusals = refusals
        self._most = _most_connections(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        self._queue: dict[PageConnection, None] = {}

    def enter(self, connection: "PageConnection") -> None:
        """A new connection, or one that begins its next request."""
        self._queue.pop(connection, None)
        self._queue[connection] = None
        if len(self._queue) > self._most:
            # The last resort is the newest: everybody else is being answered.
            (self._oldest() or connection).end(Reason.TOO_MANY)

    def give_way(self) -> None:
        """Close the oldest connection that nobody is answered on, if there is one."""
        oldest = self._oldest()
        if oldest:
            oldest.end(Reason.TOO_MANY)

    def _oldest(self) -> "PageConnection | None":
        return next((one for one in self._queue if not one.is_answered), None)

    def leave(self, connection: "PageConnection") -> None:
        self._queue.pop(connection, None)


def _most_connections(descriptors: int) -> int:
    """As many as the process has descriptors for (``ulimit -n``)."""
    if descriptors == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return min(MAX_CONNECTIONS, max(MIN_CONNECTIONS, (descriptors - RESERVED) // 2))


class PageConnection(H11Protocol):
    """uvicorn's HTTP/1.1, with a deadline for each request as a whole."""

    def __init__(
        self, config: Config, server_state: Room, app_state: dict[str, object], _loop: asyncio.AbstractEventLoop | None
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.room = server_state
        self._deadline: asyncio.TimerHandle | None = None
        self._heard = False

    @property
    def is_answered(self) -> bool:
        """Whether somebody who may ask waits for an answer."""
        waits = self.cycle is not None and not self.cycle.response_complete
        return waits and bool(self.scope["state"].get(LET_IN))

    def end(self, reason: Reason | None) -> None:
        """Close the connection at once. Closing in good order would wait until the other side reads."""
        self.room.leave(self)
        if reason:
            self.room.refusals.note(reason, self.client[0] if self.client else None)
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline:
            self._deadline.cancel()
        self.room.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._heard = True
        super().data_received(data)

    def on_response_complete(self) -> None:
        self._begin()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        self.room.refusals.note(Reason.MALFORMED, self.client[0] if self.client else None)
        if self.conn.our_state is h11.IDLE:
            super().send_400_response(msg)
        else:
            # An answer has begun, or is on its way: a second one could not be told from it.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self.transport.abort()

    def _begin(self) -> None:
        if self._deadline:
            self._deadline.cancel()
        if not self.transport.is_closing():
            self._deadline = self.loop.call_later(DEADLINE, self._overdue)
            self.room.enter(self)

    def _overdue(self) -> None:
        # A browser opens connections ahead of need: that one stays silent is worth no log line.
        self.end(Reason.TOO_SLOW if self._heard else None)
