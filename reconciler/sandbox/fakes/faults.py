"""Faults on request: for the next calls, always, or at random from a seed that can be replayed."""

import random
import threading
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Misbehaviour(StrEnum):
    """What goes wrong with a call, and whether the call takes effect."""

    LOSE = "lose"
    """The call takes effect, and the connection is reset instead of an answer."""
    FAIL_AFTER = "fail_after"
    """The call takes effect, and the answer is a server error."""
    EMPTY = "empty"
    """The call takes effect, and the answer is a success without a body."""
    SLOW = "slow"
    """The call takes effect, and the answer comes after ``seconds``."""
    TRICKLE_HEADERS = "trickle_headers"
    """The call takes effect, and of the answer one byte comes every ``seconds``."""
    TRICKLE_BODY = "trickle_body"
    """The call takes effect. The headers come at once, and of the body one byte every ``seconds``."""
    HOLD = "hold"
    """The call takes effect, and no answer comes. The connection stays open until the client closes it."""
    ENDLESS = "endless"
    """The call takes effect. The answer is ``status``, and a body that goes on as fast as it is read."""
    REDIRECT = "redirect"
    """The call has no effect, and after ``seconds`` the answer is a redirect to the same address."""
    DROP = "drop"
    """The call has no effect, and the connection is closed at once."""
    HANG = "hang"
    """The call has no effect, and the connection is closed after ``seconds`` without an answer."""
    STATUS = "status"
    """The call has no effect, and the answer is ``status`` with ``body``."""
    HTML = "html"
    """The call has no effect, and the answer is a proxy's HTML page with ``status``."""

    @property
    def takes_effect(self) -> bool:
        return self in _TAKES_EFFECT


_TAKES_EFFECT = frozenset(
    {
        Misbehaviour.LOSE,
        Misbehaviour.FAIL_AFTER,
        Misbehaviour.EMPTY,
        Misbehaviour.SLOW,
        Misbehaviour.TRICKLE_HEADERS,
        Misbehaviour.TRICKLE_BODY,
        Misbehaviour.HOLD,
        Misbehaviour.ENDLESS,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    kind: Misbehaviour
    status: int = 503
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    seconds: float = 0.5


class Faults:
    """Which calls go wrong. An operation is a stand-in's name for an endpoint; '' means any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next: dict[str, deque[Fault]] = {}
        self._always: dict[str, Fault] = {}
        self._seeded: tuple[random.Random, float, Sequence[Misbehaviour | Fault], Collection[str]] | None = None

    def next_calls(self, operation: str, *faults: Fault) -> None:
        """Add one fault for each of the next calls of ``operation``."""
        with self._lock:
            self._next.setdefault(operation, deque()).extend(faults)

    def always(self, operation: str, fault: Fault) -> None:
        with self._lock:
            self._always[operation] = fault

    def by_seed(
        self, seed: int, rate: float, kinds: Sequence[Misbehaviour | Fault], operations: Collection[str] = ()
    ) -> None:
        """Let the share ``rate`` of the calls to ``operations`` (or of all calls) fail, reproducibly by ``seed``."""
        with self._lock:
            self._seeded = (random.Random(seed), rate, tuple(kinds), frozenset(operations))  # noqa: S311 - for replay

    def clear(self) -> None:
        with self._lock:
            self._next.clear()
            self._always.clear()
            self._seeded = None

    def pending(self, operation: str) -> int:
        """How many faults of ``next_calls`` are left."""
        with self._lock:
            return len(self._next.get(operation, ()))

    def take(self, operation: str) -> Fault | None:
        """The fault for this call, ``None`` if there is none."""
        with self._lock:
            for name in (operation, ""):
                if self._next.get(name):
                    return self._next[name].popleft()
            for name in (operation, ""):
                if name in self._always:
                    return self._always[name]
            return self._draw(operation)

    def _draw(self, operation: str) -> Fault | None:
        if self._seeded is None:
            return None
        chance, rate, kinds, operations = self._seeded
        if operations and operation not in operations:
            return None
        if chance.random() >= rate:
            return None
        drawn = chance.choice(kinds)
        return drawn if isinstance(drawn, Fault) else Fault(kind=drawn)
