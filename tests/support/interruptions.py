"""Something happens at one point of a pass: before or after a commit, before or after a call."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import requests


class Killed(BaseException):
    """As if the process had been killed here: no handler of the product's may catch it."""


class Point(StrEnum):
    BEFORE_COMMIT = "before commit"
    AFTER_COMMIT = "after commit"
    BEFORE_CALL = "before call"
    AFTER_CALL = "after call"


UNLOCKED = frozenset({Point.AFTER_COMMIT, Point.BEFORE_CALL, Point.AFTER_CALL})
"""Where the pass holds no row: the application need not wait."""


@dataclass
class Interruption:
    """``deed`` happens at the point of that number, counted from 0 over those ``where``; the dead do nothing more."""

    number: int
    deed: Callable[[], object]
    where: frozenset[Point] = frozenset(Point)
    waits_for: str = ""
    """Counting begins with the first call that changes something at this provider; '': with the first point of all."""
    dead: bool = False
    busy: bool = False
    """The deed's own commits and calls are no points."""

    def pass_by(self, point: Point) -> None:
        if self.dead:
            raise Killed
        if self.waits_for or point not in self.where:
            return
        self.number -= 1
        if self.number == -1:
            self.busy = True
            try:
                self.deed()
            except Killed:
                self.dead = True
                raise
            finally:
                self.busy = False


@contextmanager
def interrupted(interruption: Interruption) -> Iterator[None]:
    """A commit is PostgreSQL's; a call is Twilio's or Google's."""
    with pytest.MonkeyPatch.context() as patch:
        commits, calls = (Point.BEFORE_COMMIT, Point.AFTER_COMMIT), (Point.BEFORE_CALL, Point.AFTER_CALL)
        for owner, name, points in (
            (psycopg.Connection, "commit", commits),
            (requests.Session, "send", calls),
        ):
            patch.setattr(owner, name, _watched(getattr(owner, name), points, interruption))
        yield


def _watched(right: Callable[..., Any], points: tuple[Point, Point], interruption: Interruption) -> Callable[..., Any]:
    def watched(*args: Any, **options: Any) -> Any:
        if interruption.busy or getattr(args[0], "autocommit", False):  # a test's own connection
            return right(*args, **options)
        if points[0] is Point.BEFORE_CALL and _changes(args, options) == interruption.waits_for:
            interruption.waits_for = ""
        interruption.pass_by(points[0])
        try:
            return right(*args, **options)
        finally:
            interruption.pass_by(points[1])

    return watched


def _changes(args: Sequence[Any], options: Mapping[str, Any]) -> str:
    """Where this call of ``Session.send`` changes something; to ask for a token changes nothing."""
    if not isinstance(args[0], requests.Session) or args[1].method not in ("POST", "DELETE"):
        return ""
    path = urlsplit(args[1].url).path
    return "twilio" if path.endswith("/Messages.json") else "" if path.endswith("/token") else "google"


def kill() -> None:
    raise Killed
