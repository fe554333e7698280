"""Named points of a pass: before and after each commit that wrote something, and each call that left the process.

Hooks of SQLAlchemy, psycopg and requests: the product knows nothing of them. A point is named by what the
transaction or the call does: ``before sms.sending``, ``after google.insert``; ``#2`` is its second time in a process.
"""

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import psycopg
import requests
from sqlalchemy import Connection, Engine, event

_WRITE = re.compile(r'\s*(INSERT INTO|UPDATE|DELETE FROM)\s+(?:[\w"]+\.)?"?(\w+)"?')
_FIRST_SET = re.compile(r"\bSET\s+(\w+)\s*=\s*(?:'(\w+)')?")
_DOES = {"INSERT": "began", "UPDATE": "changed", "DELETE": "removed"}
_BY_COLUMN = {"claim": "claimed", "leased_until": "released", "subject": "refreshed", "effect_gone": "gone"}
"""What an UPDATE of an intent does that does not change its state <- the first column it sets."""
_FOR_MANY = {"unknown": "abandoned", "dropped": "swept"}
"""An UPDATE whose state is not bound is for whatever intents are in question, and may change none."""
_RANK = ("refreshed", "swept", "abandoned", "planned", "claimed", "released", "written", "row")
"""Labels that name a transaction more and more tellingly; any other of an intent tells more, of other tables less."""
_CALLS: Sequence[tuple[str, re.Pattern[str], str]] = (
    ("POST", re.compile(r"/Messages\.json$"), "twilio.create"),
    ("GET", re.compile(r"/Messages\.json$"), "twilio.list"),
    ("GET", re.compile(r"/Messages/"), "twilio.fetch"),
    ("GET", re.compile(r"/2010-04-01/|/v1/Services"), "twilio.account"),
    ("POST", re.compile(r"/envelope/$"), "sentry.envelope"),
    ("POST", re.compile(r"/token$"), "google.token"),
    ("POST", re.compile(r"/events$"), "google.insert"),
    ("GET", re.compile(r"/events$"), "google.list"),
    ("GET", re.compile(r"/events/"), "google.get"),
    ("DELETE", re.compile(r"/events/"), "google.delete"),
)


@dataclass
class Points:
    """What this process passes, written to ``trace`` at once; at an ordered point it kills or stops itself."""

    orders: Mapping[str, int] = field(default_factory=dict)
    """``after twilio.create#1`` -> the signal that the process sends itself there."""
    trace: int | None = None
    """A file descriptor: what is written there outlives SIGKILL."""
    passed: Counter[str] = field(default_factory=Counter)

    def reach(self, name: str) -> None:
        self.passed[name] += 1
        here = f"{name}#{self.passed[name]}"
        if self.trace is not None:
            os.write(self.trace, f"{time.monotonic():.4f} {here}\n".encode())
        if here in self.orders:
            os.kill(os.getpid(), self.orders[here])


ORDERS = "CHAOS_ORDERS"
"""The variable that orders a signal at points: ``kill after twilio.create#1, stop before sms.done#1``."""
TRACE = "CHAOS_TRACE"
"""The variable that names the file for the points passed."""
_SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP, "end": signal.SIGTERM}

_here = Points()


def begin(environment: Mapping[str, str]) -> None:
    """Take the orders of this process."""
    orders = (order.strip().partition(" ") for order in environment.get(ORDERS, "").split(",") if order.strip())
    _here.orders = {point: _SIGNALS[word] for word, _, point in orders}
    _here.passed.clear()
    path = environment.get(TRACE)
    _here.trace = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600) if path else None


def attach() -> None:
    """Set the hooks; once per process, before any connection."""
    event.listen(Engine, "begin", _began)
    event.listen(Engine, "before_cursor_execute", _executes)
    event.listen(Engine, "savepoint", _saved)
    event.listen(Engine, "release_savepoint", _released)
    event.listen(Engine, "rollback_savepoint", _rolled_back)
    psycopg.Connection.commit = _commits(psycopg.Connection.commit)  # type: ignore[method-assign]
    requests.Session.send = _sends(requests.Session.send)  # type: ignore[method-assign]


_labels: WeakKeyDictionary[Any, list[str]] = WeakKeyDictionary()
"""What the open transaction of each connection has written so far."""
_SAVEPOINT = "savepoint"
_effect = {"now": ""}
"""The effect at work: the last one bound in a statement. Moves of an intent are bound by its id alone."""


def _began(connection: Connection) -> None:
    _labels[connection.connection.dbapi_connection] = []


def _executes(connection: Connection, _: Any, statement: str, bound: Any, *__: object) -> None:
    values: Mapping[str, Any] = (bound[0] if isinstance(bound, list | tuple) and bound else bound) or {}
    if isinstance(values, Mapping):
        _effect["now"] = str(values.get("effect", _effect["now"]))
        label = label_of(statement, values, _effect["now"])
        if label:
            _labels.setdefault(connection.connection.dbapi_connection, []).append(label)


def _saved(connection: Connection, _: object) -> None:
    _labels.setdefault(connection.connection.dbapi_connection, []).append(_SAVEPOINT)


def _released(connection: Connection, *_: object) -> None:
    labels = _labels[connection.connection.dbapi_connection]
    del labels[_last_savepoint(labels)]


def _rolled_back(connection: Connection, *_: object) -> None:
    labels = _labels[connection.connection.dbapi_connection]
    del labels[_last_savepoint(labels) :]


def _last_savepoint(labels: Sequence[str]) -> int:
    return len(labels) - 1 - labels[::-1].index(_SAVEPOINT)


def label_of(statement: str, values: Mapping[str, Any], effect: str) -> str:
    """What a statement writes, '' for one that writes nothing or that no point is named after."""
    found = _WRITE.match(statement)
    if not found:
        return ""
    verb, table = found[1].split()[0], found[2]
    if table == "intent":
        return f"{effect}.{_of_intent(verb, statement, values)}"
    if table == "private_booking_sms_queue":
        return "sms.row" if verb == "INSERT" else f"sms.row_{values.get('status', 'changed')}"
    if table == "private_bookings":
        return "calendar.written"
    return f"{table}.{_DOES[verb]}"


def _of_intent(verb: str, statement: str, values: Mapping[str, Any]) -> str:
    if verb != "UPDATE":
        return "planned" if verb == "INSERT" else _DOES[verb]
    found = _FIRST_SET.search(statement)
    if not found:
        return "changed"
    if found[1] == "claim" and "'unknown'" in statement:
        return "claimed_unknown"
    if found[1] != "state":
        return _BY_COLUMN.get(found[1], "changed")
    return _FOR_MANY.get(found[2], found[2]) if found[2] else str(values["to"])


def name_of(labels: Sequence[str]) -> str:
    """One name for a transaction: its most telling label, the later of two alike."""
    return max(reversed(labels), key=_rank, default="")


def _rank(label: str) -> int:
    table, _, what = label.partition(".")
    if table not in ("sms", "calendar"):
        return -1
    return next((rank for rank, name in enumerate(_RANK) if what.startswith(name)), len(_RANK))


def _commits(original: Callable[..., None]) -> Callable[..., None]:
    def commit(self: Any) -> None:
        name = name_of(_labels.pop(self, []))
        if name:
            _here.reach(f"before {name}")
        original(self)
        if name:
            _here.reach(f"after {name}")

    return commit


def _sends(original: Callable[..., Any]) -> Callable[..., Any]:
    def send(self: Any, request: Any, **options: Any) -> Any:
        return _called(request.method, request.url, lambda: original(self, request, **options), str(request.body))

    return send


def _called(method: str, url: str, call: Callable[[], Any], body: str = "") -> Any:
    name = f"beacon.{method}" if "beacon" in f"{url}{body}".lower() else call_of(method, urlsplit(url).path)
    _here.reach(f"before {name}")
    try:
        return call()
    finally:
        _here.reach(f"after {name}")


def call_of(method: str, path: str) -> str:
    """What a call does; one that nobody named has its verb for a name."""
    return next((name for verb, where, name in _CALLS if verb == method and where.search(path)), f"other.{method}")
